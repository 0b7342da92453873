import json
from typing import Any

import anthropic

from wf import WorkflowEntrypoint

llm = anthropic.AsyncAnthropic()
TOOLS: dict[str, Any] = {}


def tool(function):
    TOOLS[function.__name__] = function
    return function


@tool
def weather(city: str) -> str:
    import requests

    return requests.get(f"https://weather.local/{city}").text


class Agent(WorkflowEntrypoint, name="agent"):
    """A loop of thinking and acting, with memory made of the results of steps."""

    MAX_TURNS = 20

    async def run(self, event, step):
        messages = [{"role": "user", "content": event.payload["question"]}]
        for turn in range(self.MAX_TURNS):
            reply = await step.do(f"think {turn}", lambda: self.think(messages), config={"timeout": "5 minutes"})
            messages.append({"role": "assistant", "content": reply["content"]})
            calls = [block for block in reply["content"] if block["type"] == "tool_use"]
            if not calls:
                return reply["content"]
            results = []
            for call in calls:
                if call["name"] not in TOOLS:
                    results.append({"error": "no such tool"})
                    continue
                result = await step.do(f"{call['name']} {turn}", lambda call=call: TOOLS[call["name"]](**call["input"]))
                results.append({"tool_use_id": call["id"], "content": json.dumps(result)})
            messages.append({"role": "user", "content": results})
        return None

    async def think(self, messages):
        answer = await llm.messages.create(model="claude", max_tokens=1000, messages=messages)
        return answer.model_dump()


class HumanInTheLoop(WorkflowEntrypoint):
    async def run(self, event, step):
        draft = await step.do("draft", lambda: self._draft(event.payload))
        history = [draft]
        while not (verdict := (await step.wait_for_event("review", "reviewed", timeout="7 days")).payload)["ok"]:
            draft = await step.do("redraft", lambda: self._draft({"old": draft, "why": verdict["why"]}))
            history.append(draft)
        return {"draft": draft, "rounds": len(history)}

    async def _draft(self, params):
        client = anthropic.AsyncAnthropic()
        return (await client.messages.create(model="claude", max_tokens=10, messages=[params])).model_dump()
