import asyncio

from wf import WorkflowEntrypoint


async def helper(step):
    return await step.do("inner", lambda: 1)  # expect: WF112


class Nested(WorkflowEntrypoint):
    async def run(self, event, step):
        @step.do("outer")
        async def outer():
            await step.do("inner", lambda: 1)  # expect: WF112
            await step.sleep("rest", 3)  # expect: WF112
            return await other()  # expect: WF112

        @step.do("other")
        async def other():
            return step.now()  # expect: WF112

        await outer()
        await step.do("by lambda", lambda: step.do("inner", lambda: 1))  # expect: WF112
        await step.do("by helper", lambda: helper(step))
        await step.do("by method", self.method)
        self.step = step
        await asyncio.gather(step.do("ok", lambda: 1), step.do("undo", lambda: 1, rollback=self.undo))

    async def method(self):
        await self.step.wait_for_event("inner", "inner")  # expect: WF112

    async def undo(self, output):
        await self.step.do("inner", lambda: output)  # expect: WF112
