from workers import WorkflowEntrypoint
import js


class Careless(WorkflowEntrypoint):
    async def run(self, event, step):
        await self.env.CHILD.create()  # expect: WF101
        await self.env.BUCKET.put("key", "value")  # expect: WF101
        await js.fetch("https://a.local")  # expect: WF101
        return await self.env.CHILD.get("a")  # expect: WF101
