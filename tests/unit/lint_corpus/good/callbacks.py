"""Every way to hand a callback over."""

import functools
import time
from functools import partial

import requests
from requests import post

from wf import WorkflowEntrypoint


def module_level(ctx):
    return requests.get("https://a.local").text


class Callable:
    def __call__(self, ctx):
        return post("https://b.local").text

    def method(self):
        time.sleep(1)


helper = Callable()


class Callbacks(WorkflowEntrypoint):
    async def run(self, event, step):
        def inner():
            time.sleep(1)
            return time.time()

        async def inner_async(ctx):
            return inner()

        local = lambda: requests.get("https://c.local").status_code
        table = {"a": inner, "b": lambda: time.time()}
        choice = inner if event.payload["fast"] else module_level
        await step.do("by name", inner)
        await step.do("async by name", inner_async)
        await step.do("lambda in a variable", local)
        await step.do("module level", module_level)
        await step.do("method", self.work)
        await step.do("static", self.static_work)
        await step.do("class method", type(self).class_work)
        await step.do("partial", partial(self.work_with, 3))
        await step.do("partial of partial", functools.partial(partial(self.work_with), 3))
        await step.do("callable", helper)
        await step.do("bound", helper.method)
        await step.do("conditional", choice)
        for key in table:
            await step.do(f"table {key}", table[key])
        await step.do("builtin", time.time)
        await step.do(name="keyword", callback=inner)
        decorated = step.do("called decorator")(inner)
        await decorated()
        await self.retrying(step, inner)

    def work(self):
        return requests.get("https://d.local").text

    def work_with(self, number, ctx):
        return requests.get(f"https://d.local/{number}").text

    @staticmethod
    def static_work():
        return requests.get("https://e.local").text

    @classmethod
    def class_work(cls):
        return requests.get("https://f.local").text

    async def retrying(self, step, function):
        for attempt in range(3):
            try:
                return await step.do(f"try {attempt}", function)
            except ValueError:
                continue
