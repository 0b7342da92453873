"""Two steps, a third that depends on both, and a Worker that starts instances and shows them."""

from urllib.parse import urlparse

from workers import Response, WorkerEntrypoint, WorkflowEntrypoint


class DAGWorkflow(WorkflowEntrypoint):
    async def run(self, event, step):
        @step.do("look up price")
        async def look_up_price():
            return 12

        @step.do("count stock")
        async def count_stock():
            return {"shelves": 5}

        @step.do("final step", depends=[look_up_price, count_stock], concurrent=True)
        async def value_of_stock(price, stock):
            return {"value": price * stock["shelves"]}

        return await value_of_stock()


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = urlparse(request.url).path
        if path == "/start":
            instance = await self.env.DAG_WORKFLOW.create()
            return Response.json({"id": instance.id})
        if path.startswith("/status/"):
            instance = await self.env.DAG_WORKFLOW.get(path.removeprefix("/status/"))
            return Response.json(await instance.status())
        return Response("Not found", status=404)
