import copy

from pydantic import BaseModel

from wf import WorkflowEntrypoint


class Params(BaseModel):
    items: list[str]
    total: int = 0


class Copies(WorkflowEntrypoint, params=Params):
    async def run(self, event, step):
        order = event.payload.model_copy(update={"total": 3})
        deep = copy.deepcopy(event.payload)
        deep.items.append("x")
        deep.total += 1
        items = list(event.payload.items)
        items.append("y")
        names = [item.upper() for item in event.payload.items]
        names.sort()
        return [order, deep, items, names]


class Dicts(WorkflowEntrypoint):
    async def run(self, event, step):
        payload = {**event["payload"]}
        payload["total"] = 3
        payload.pop("secret", None)
        merged = event.payload | {"b": 1}
        merged["c"] = 2
        data = event.payload
        data = await step.do("enrich", lambda: {**event.payload, "more": 1})
        data["done"] = True
        event_log = []
        event_log.append(event.payload["id"])
        received = await step.wait_for_event("next", "next")
        other = received.payload
        other["seen"] = True
        total = event.payload["count"]
        total += 1
        name = event.payload.get("name", "x")
        name = name.strip()
        return payload, merged, data, other, total, name, event_log
