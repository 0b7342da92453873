import asyncio, time, uuid, random
from functools import partial, reduce
from dataclasses import dataclass, field
from wf import WorkflowEntrypoint
import httpx
import structlog

log = structlog.get_logger()


@dataclass
class Cart:
    items: list = field(default_factory=list)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def total(self):
        return sum(i["p"] for i in self.items)


def retry(times):
    def wrap(fn):
        async def inner(*a, **k):
            for n in range(times):
                try:
                    return await fn(*a, **k)
                except Exception:
                    time.sleep(1)

        return inner

    return wrap


class Gateway:
    def __init__(self, url):
        self.http = httpx.Client(base_url=url)

    def charge(self, amount):
        return self.http.post("/c", json={"a": amount}).json()

    @retry(3)
    async def flaky(self):
        return self.http.get("/x")


gateway = Gateway("https://x")


class A(WorkflowEntrypoint):
    gw = Gateway("https://y")

    async def run(self, event, step):
        cart = Cart(event.payload["items"])
        amount = cart.total()
        ch = await step.do("charge", partial(gateway.charge, amount))
        ch2 = await step.do("charge2", lambda: self.gw.charge(amount))
        await gateway.flaky()
        steps = [("a", gateway.charge), ("b", self.gw.charge)]
        for name, fn in steps:
            await step.do(name, partial(fn, 3))
        results = await asyncio.gather(
            *(step.do(f"r{i}", partial(gateway.charge, i)) for i in range(3)), return_exceptions=True
        )
        failures = [r for r in results if isinstance(r, BaseException)]
        log.info("x", t=time.time())
        state = {"n": 0}

        def inc():
            state["n"] += 1
            return state["n"]

        n = await step.do("inc", inc)
        state["n"] = n

        async def one(i):
            r = await step.do(f"one {i}", lambda: gateway.charge(i))
            state[i] = r
            results.append(r)

        await asyncio.gather(*[one(i) for i in range(3)])
        async with asyncio.TaskGroup() as tg:
            for i in range(3):
                tg.create_task(one(i))
        pending = {asyncio.ensure_future(one(i)): i for i in range(3)}
        while pending:
            done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for d in done:
                pending.pop(d)
        try:
            await asyncio.wait_for(asyncio.shield(step.do("slow", lambda: 1)), 10)
        except asyncio.TimeoutError:
            pass
        ctx = {}

        @step.do("uses ctx")
        def uses(ctx):
            ctx["x"] = 1
            return ctx

        await uses()
        return ctx, failures, state, reduce(lambda a, b: a + b, [1, 2])
