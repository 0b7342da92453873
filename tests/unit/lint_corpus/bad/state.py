import httpx

from wf import WorkflowEntrypoint

total = 0


class Lost(WorkflowEntrypoint):
    async def run(self, event, step):
        results = []
        counts = {}
        seen = set()
        number = 0
        account = await step.do("account", lambda: {"id": 1})

        @step.do("a")
        async def a():
            nonlocal number
            number += 1  # expect: WF120
            results.append(1)  # expect: WF120
            counts["a"] = 1  # expect: WF120
            counts["b"] = counts.get("b", 0) + 1  # expect: WF120
            seen.add("a")  # expect: WF120
            account["mail"] = "x"  # expect: WF120
            account["list"].append(1)  # expect: WF120

        def b():
            global total
            total = 3  # expect: WF120

        await a()
        await step.do("b", b)
        if total:
            print(number)
        return results, counts, sorted(seen), account


class ByLambda(WorkflowEntrypoint):
    async def run(self, event, step):
        found = []
        for page in range(3):
            await step.do(f"page {page}", lambda: found.append(httpx.get("https://a.local").text))  # expect: WF120
        return found


class InAnotherStep(WorkflowEntrypoint):
    async def run(self, event, step):
        lines = []

        @step.do("collect")
        def collect():
            for n in range(3):
                lines.append(str(n))  # expect: WF120

        await collect()
        await step.do("send", lambda: httpx.post("https://a.local", json=lines))


class OfSelf(WorkflowEntrypoint):
    async def run(self, event, step):
        self.items = []

        @step.do("load")
        def load():
            self.token = "t"  # expect: WF120
            self.items.append(1)  # expect: WF120
            self.quiet = 1

        await load()
        await step.do("method", self.method)
        return self.token, self.items, self.count

    def method(self):
        self.count = 3  # expect: WF120


class State:
    total = 0


class Objects(WorkflowEntrypoint):
    async def run(self, event, step):
        state = State()

        @step.do("x")
        def x():
            state.total = 3  # expect: WF120
            helper()

        def helper():
            counted["x"] = 1  # expect: WF120

        counted = {}
        await x()
        return state.total, counted
