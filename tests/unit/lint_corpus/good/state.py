"""State that is made of results, and state that lives within one step."""

import httpx

from wf import WorkflowEntrypoint


class Stateful(WorkflowEntrypoint):
    async def run(self, event, step):
        results = []
        seen = set()
        counts = {}
        total = 0
        for page in range(5):
            rows = await step.do(f"page {page}", lambda page=page: httpx.get(f"https://a.local/{page}").json())
            results.extend(rows)
            seen.update(row["id"] for row in rows)
            counts[page] = len(rows)
            total += len(rows)

        @step.do("report")
        def report():
            lines = []
            summary = {}
            for row in results:
                lines.append(str(row))
                summary[row["id"]] = row
            nothing = []
            nothing.append(1)

            def add(line):
                lines.append(line)

            add("end")
            return lines, summary

        attempts = 0

        @step.do("count its own attempts")
        def flaky():
            nonlocal attempts
            attempts += 1
            if attempts < 3:
                raise RuntimeError("again")
            return "ok"

        cache = {}

        def lookup(key):
            if key not in cache:
                cache[key] = httpx.get(f"https://cache.local/{key}").text
            return cache[key]

        a = await step.do("a", lambda: lookup("a"))
        b = await step.do("b", lambda: lookup("b"))
        copy = list(results)
        copy.sort(key=str)
        await report()
        return [await flaky(), a, b, total, counts, sorted(seen), copy]


class Shadowed(WorkflowEntrypoint):
    async def run(self, event, step):
        items = ["a"]

        def work():
            items = []
            items.append("mine")
            return items

        def other(items):
            items.append("given")
            return items

        def loop():
            return [items for items in range(3)]

        await step.do("work", work)
        await step.do("other", lambda: other([]))
        await step.do("loop", loop)
        return items


_client = None


def client():
    global _client
    if _client is None:
        _client = httpx.Client()
    return _client


class Lazy(WorkflowEntrypoint):
    async def run(self, event, step):
        text = await step.do("get", lambda: client().get("https://a.local").text)

        @step.do("session")
        def session():
            self.session = httpx.Client()
            return self.session.get("https://a.local").text

        return text, await session()


class AnotherItem(WorkflowEntrypoint):
    async def run(self, event, step):
        order = await step.do("load", lambda: {"id": 1, "lines": []})

        @step.do("ship")
        def ship():
            order["shipped"] = True
            return httpx.post("https://ship.local", json=order).json()

        answer = await ship()
        return {"id": order["id"], "tracking": answer["tracking"]}


class Threaded(WorkflowEntrypoint):
    """A result that goes through the steps and comes back."""

    async def run(self, event, step):
        result = {"checks": {}, "ok": True}
        for name, check in (("stock", in_stock), ("price", priced)):
            result = await step.do(f"check {name}", lambda: check(result))
        return result


def in_stock(result):
    result["checks"]["stock"] = httpx.get("https://stock.local").status_code == 200
    return result


def priced(result):
    result["checks"]["price"] = True
    return result
