"""A drip campaign with branches, match, walrus, and early returns."""

import requests

from wf import WorkflowEntrypoint, WorkflowTimeoutError


class Onboarding(WorkflowEntrypoint, name="onboarding", concurrency={"limit": 100}):
    mails = ("welcome", "tips", "survey")

    @property
    def sender(self):
        return "team@example.org"

    async def run(self, event, step):
        user = event["payload"]["user"]
        if not (account := await step.do("create account", lambda: self.api("POST", "/accounts", user))):
            return None
        state = {"opened": 0, "clicked": []}
        for number, mail in enumerate(self.mails):
            await step.do(f"mail {mail}", lambda mail=mail: self.api("POST", "/mail", {"to": user, "mail": mail}))
            try:
                reaction = await step.wait_for_event(f"reaction to {mail}", "reaction", timeout="3 days")
            except WorkflowTimeoutError:
                continue
            match reaction.payload:
                case {"kind": "opened"}:
                    state["opened"] += 1
                case {"kind": "clicked", "link": link}:
                    state["clicked"].append(link)
                case {"kind": "unsubscribed"}:
                    await step.do("unsubscribe", lambda: self.api("DELETE", f"/list/{user['id']}"))
                    return {**state, "left_at": number}
                case other:
                    print("what is", other, "for", self.sender)
        return {**state, "account": account["id"]}

    def api(self, method, path, body=None):
        answer = requests.request(method, f"https://crm.local{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()
