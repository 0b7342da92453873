from workers import WorkflowEntrypoint
from workers.workflows import NonRetryableError


class PythonWorkflow(WorkflowEntrypoint):
    async def run(self, event, step):
        @step.do("step 1")
        async def step_1():
            return "a"

        @step.do("step 2")
        async def step_2():
            return "b"

        @step.do("final", depends=[step_1, step_2], concurrent=True)
        async def final(a, b):
            return a + b

        await final()
        await step.sleep("rest", "10 seconds")

        @step.do("start child")
        async def start_child():
            child = await self.env.CHILD.create({"id": event["instanceId"] + "-child"})
            return child.id

        @step.do()
        async def source():
            return 1

        @step.do()
        async def doubled(source):
            return source * 2

        name = self.env.NAME
        greeting = self.env.GREETING.upper()
        await doubled()
        if not name:
            raise NonRetryableError(greeting)
        return await start_child()
