"""Shapes that look like mistakes and are none."""

import asyncio
import logging
import random
import time
from datetime import datetime
from pathlib import Path

from django.utils.timezone import localtime
from proj import settings
from wf import WorkflowEntrypoint

log = logging.getLogger(__name__)


class Logged(WorkflowEntrypoint):
    async def run(self, event, step):
        log.info("replayed at %s", datetime.now())
        print("now", time.time(), random.random())
        self.logger = log
        self.logger.debug(f"{time.monotonic()}")
        return await step.do("x", lambda: 1)


class Measured(WorkflowEntrypoint):
    async def run(self, event, step):
        began = time.monotonic()
        result = await step.do("x", lambda: 1)
        log.info("took %.1f s", time.monotonic() - began)
        return result


class Texts(WorkflowEntrypoint):
    async def run(self, event, step):
        path = Path(event.payload["path"])
        name = path.name.replace(".csv", ".json")
        stem = path.with_suffix("").stem.replace("a", "b")
        whole = str(path).rename if False else path.as_posix().replace("/", "-")
        later = localtime(step.now())
        config = settings.delay("x")
        await step.do(f"convert {name} {stem} {whole}", lambda: path.read_text().replace("a", "b"))
        return later, config


class Heartbeat(WorkflowEntrypoint):
    async def run(self, event, step):
        async def beat():
            while True:
                await step.sleep("until the next beat", 60)
                await step.do("beat", lambda: 1)

        task = asyncio.create_task(beat())
        result = await step.do("work", lambda: 1)
        task.cancel()
        return result


class Bounded(WorkflowEntrypoint):
    async def run(self, event, step):
        async with asyncio.timeout(3600):
            await self.forever(step)
        try:
            await self.until_it_fails(step)
        except ValueError:
            return "over"

    async def forever(self, step):
        while True:
            await step.do("poll", lambda: 1)

    async def until_it_fails(self, step):
        while True:
            await step.do("poll", self.poll)
            await step.sleep("wait", 10)

    def poll(self):
        raise ValueError


class HandedBack(WorkflowEntrypoint):
    async def run(self, event, step):
        messages = []

        @step.do("think")
        async def think():
            messages.append("thought")
            return messages

        messages = await think()

        @step.do("log in")
        def log_in():
            self.token = "t"
            return self.token

        self.token = await log_in()
        counts = {"n": 0}

        def count():
            counts["n"] += 1
            return counts["n"]

        number = await step.do("count", count)
        counts["n"] = number
        return messages, self.token, counts


class Slices(WorkflowEntrypoint):
    async def run(self, event, step):
        rest = event.payload["names"][:]
        while rest:
            name = rest.pop()
            await step.do(f"greet {name}", lambda: name)
        tail = event.payload["names"][1:]
        tail.append("x")
        words = event.payload["text"].split()
        words.sort()
        keys = list(event.payload)
        keys.remove("text")
        return tail, words, keys


class AllAfterTheFirst(WorkflowEntrypoint):
    async def run(self, event, step):
        tasks = [step.do(f"{n}", lambda n=n: n) for n in range(3)]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await step.do("tell of the first", lambda: 1)
        return [len(done), *await asyncio.gather(*tasks)]


class DrainedSet(WorkflowEntrypoint):
    async def run(self, event, step):
        tasks = {step.do(f"{n}", lambda n=n: n) for n in range(3)}
        while tasks:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            tasks -= done


class Overloaded(WorkflowEntrypoint):
    async def run(self, event, step):
        id = event.payload["id"]
        hash = event.payload["hash"]
        input, time = event.payload["input"], step.now()
        open = {"a": 1}
        await step.do(f"{id} {hash} {input} {time:%d} {open['a']}", lambda: 1)
        random = step.random()
        if random < 0.5 and time.hour < 12:
            return await step.do("morning", lambda: 1)
        charge = step.do("charge", lambda: 1)

        async def later():
            return await charge

        return await later()


class Comprehended(WorkflowEntrypoint):
    async def run(self, event, step):
        order = {**event.payload, "lines": [dict(line) for line in event.payload["lines"]]}
        for line in order["lines"]:
            line["price"] = await step.do(f"price {line['sku']}", lambda line=line: line["sku"])
        order["total"] = sum(line["price"] for line in order["lines"])
        grouped = {}
        for line in event.payload["lines"]:
            grouped.setdefault(line["kind"], []).append(line)
        for kind, lines in grouped.items():
            await step.do(f"group {kind}", lambda: len(lines))
        return order


class OneOfMany(WorkflowEntrypoint):
    async def run(self, event, step):
        steps = {}

        @step.do("a")
        async def a():
            return 1

        @step.do("b")
        async def b():
            return 2

        for name, function in {"a": a, "b": b}.items():
            steps[name] = function()
        first = await steps["a"]
        return first, await steps["b"]
