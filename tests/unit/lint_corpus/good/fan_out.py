import asyncio
from itertools import batched
from operator import itemgetter

import aiohttp

from wf import WorkflowEntrypoint


class FanOut(WorkflowEntrypoint):
    async def run(self, event, step):
        urls = event.payload["urls"]
        pages = await asyncio.gather(*[step.do(f"fetch {url}", lambda url=url: fetch(url)) for url in urls])
        by_name = {url: page for url, page in zip(urls, pages)}

        async def summarize(url):
            summary = await step.do(f"summarize {url}", lambda: len(by_name[url]))
            await step.do(f"store {url}", lambda: summary)
            return summary

        sizes = await asyncio.gather(*map(summarize, urls))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(summarize(url)) for url in urls]
            group.create_task(step.do("beside", lambda: 1))
        started = [step.do(f"late {url}", lambda: 1) for url in urls]
        for each in started:
            await each
        first, second = step.do("first", lambda: 1), step.do("second", lambda: 2)
        await asyncio.gather(first, second)
        return [*sizes, *(task.result() for task in tasks)]


async def fetch(url):
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


class InChunks(WorkflowEntrypoint):
    async def run(self, event, step):
        rows = sorted(event.payload["rows"], key=itemgetter("id"))
        limit = asyncio.Semaphore(5)
        done = []

        async def one(number, chunk):
            async with limit:
                done.append(await step.do(f"chunk {number}", lambda: process(chunk)))

        await asyncio.gather(*(one(n, c) for n, c in enumerate(batched(rows, 50))))
        names = {row["name"] for row in rows}
        for name in sorted(names):
            await step.do(f"greet {name}", lambda name=name: print(name))
        if "ada" in names:
            await step.do("ada is here", lambda: None)
        count = len(names)
        total = sum(len(name) for name in names)
        return {"done": sum(done), "names": count, "letters": total}


def process(chunk):
    return len(chunk)
