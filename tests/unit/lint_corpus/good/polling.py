import asyncio
import itertools
import time

import requests

from wf import WorkflowEntrypoint


class PollExport(WorkflowEntrypoint):
    """Ask until it is done, a hundred times at most."""

    async def run(self, event, step):
        job = await step.do("start", lambda: requests.post("https://api.local/exports", json=event.payload).json()["id"])
        for attempt in range(100):
            state = await step.do(f"poll {attempt}", lambda: requests.get(f"https://api.local/exports/{job}").json())
            if state["done"]:
                return state["url"]
            await step.sleep(f"wait {attempt}", min(2**attempt, 600))
        raise TimeoutError(job)


class PollForever(WorkflowEntrypoint):
    async def run(self, event, step):
        for attempt in itertools.count():
            state = await step.do("poll", self.poll)
            if state == "done":
                break
            await asyncio.sleep(60)
        while True:
            answer = await step.do("again", self.poll)
            match answer:
                case "done":
                    return answer
                case _:
                    await step.sleep("wait", "1 minute")

    def poll(self):
        began = time.monotonic()
        answer = requests.get("https://api.local/state", timeout=5).text
        time.sleep(0.1)
        print("took", time.monotonic() - began)
        return answer


class UntilDeadline(WorkflowEntrypoint):
    async def run(self, event, step):
        deadline = step.now().timestamp() + 3600
        while step.now().timestamp() < deadline:
            if await step.do("check", self.check):
                return "ok"
            await step.sleep("pause", 30)
        return "late"

    async def check(self):
        return True
