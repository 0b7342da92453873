"""What `run` calls is executed by `run`."""

import time
from functools import partial
from random import choice as pick

import requests

from wf import WorkflowEntrypoint


def price(sku):
    return requests.get(f"https://a.local/{sku}").json()  # expect: WF101


def deeper(sku):
    return price(sku)


def unused(sku):
    return requests.get(f"https://a.local/{sku}").json()


def even(n, depth):
    time.sleep(1)  # expect: WF103
    return odd(n - 1, depth)


def odd(n, depth):
    return even(n - 1, depth)


def with_client(client):
    client.get("https://b.local")  # expect: WF101


class Base(WorkflowEntrypoint):
    async def run(self, event, step):
        self.prepare()
        for name in self.names:
            await step.do(name, lambda: deeper(name))
        return await self.finish(step)

    def prepare(self):
        pass

    async def finish(self, step):
        return time.time()  # expect: WF102


class Derived(Base):
    @property
    def names(self):
        return [pick(["a", "b"])]  # expect: WF104

    def prepare(self):
        deeper("a")
        super().prepare()
        self.load()
        with_client(requests.Session())

    @staticmethod
    def load():
        even(3, 0)


class Closures(WorkflowEntrypoint):
    async def run(self, event, step):
        def now():
            return time.time()  # expect: WF102

        def called_by_map(name):
            return pick(name)  # expect: WF104

        def both():
            return time.time()  # expect: WF102

        shuffled = partial(pick, [1])
        later = partial(now)
        later()
        list(map(called_by_map, event.payload))
        sorted(event.payload, key=lambda _: time.perf_counter())  # expect: WF102
        both()
        await step.do("both", both)
        return shuffled


class Pricing:
    def __init__(self, sku):
        self.sku = sku
        self.made = time.time()  # expect: WF102
        self.http = requests.Session()

    def price(self):
        return self.http.get(f"https://a.local/{self.sku}").json()  # expect: WF101

    def in_a_step(self):
        return self.http.get("https://b.local").json()


class WithObjects(WorkflowEntrypoint):
    async def run(self, event, step):
        pricing = Pricing("a")
        await step.do("b", pricing.in_a_step)
        return pricing.price()


class InADict(WorkflowEntrypoint):
    async def run(self, event, step):
        handlers = {"clock": self.clock, "step": self.in_a_step}
        if event.payload["kind"] == "list":
            return await [self.listed][0](step)
        handler = handlers.get(event.payload["kind"])
        return await handler(step)

    async def clock(self, step):
        return time.time()  # expect: WF102

    async def listed(self, step):
        return time.time()  # expect: WF102

    async def in_a_step(self, step):
        return await step.do("x", lambda: time.time())
