"""Shapes of workflow classes, their events, and their `env`."""

from workers import WorkflowEntrypoint


class SyncRun(WorkflowEntrypoint):
    def run(self, event, step):
        return {"greeting": "hello " + event["payload"]["name"]}


class NoResult(WorkflowEntrypoint):
    async def run(self, event, step):
        @step.do("work")
        async def work():
            return None

        await work()


class OwnConstructor(WorkflowEntrypoint):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.prefix = "order-"

    async def run(self, event, step):
        return [self.prefix + event.instanceId, self.env.GREETING, hasattr(self.ctx, "wait_until")]


class EventAccess(WorkflowEntrypoint):
    async def run(self, event, step):
        @step.do("read", config={"timeout": "1 minute"})
        async def read():
            return {"address": {"city": "Turin"}}

        found = await read()
        return [
            event["payload"]["order"]["items"][0]["sku"],
            event.payload.order.items_count,
            event["instanceId"],
            event["workflowName"],
            event.timestamp == event["timestamp"],
            found.address.city,
        ]


class ChildOrder(WorkflowEntrypoint):
    async def run(self, event, step):
        signal = await step.wait_for_event("go", "go", timeout="1 hour")
        return {"got": event["payload"], "told": signal["payload"]}


class ParentOrder(WorkflowEntrypoint):
    async def run(self, event, step):
        @step.do("start child")
        async def start_child():
            child = await self.env.CHILD_ORDER.create({"id": "child-1", "params": {"parts": 2}})
            return child.id

        id = await start_child()

        @step.do("tell child")
        async def tell_child():
            child = await self.env.CHILD_ORDER.get(id)
            await child.send_event({"type": "go", "payload": {"at": "once"}})
            return await child.status()

        return {"id": id, "status": (await tell_child())["status"]}


class CarelessParent(WorkflowEntrypoint):
    async def run(self, event, step):
        await self.env.CHILD_ORDER.create()
