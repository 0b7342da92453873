import asyncio
from contextlib import asynccontextmanager

from wf import WorkflowEntrypoint


async def pages(step, count):
    for number in range(count):
        yield await step.do(f"page {number}", lambda: open(f"page{number}").read())


@asynccontextmanager
async def locked(step, name):
    await step.do(f"lock {name}", lambda: open(name, "x"))
    try:
        yield name
    finally:
        await step.do(f"unlock {name}", lambda: open(name))


class Streams(WorkflowEntrypoint):
    async def run(self, event, step):
        async with locked(step, "a") as name:
            texts = [text async for text in pages(step, 3)]
            async for text in pages(step, 4):
                texts.append(text)
        total = 0

        def count(text):
            return len(text)

        total = sum(map(count, texts))
        longest = max(texts, key=len, default="")
        queue = asyncio.Queue()
        for text in texts:
            queue.put_nowait(text)
        event_ = asyncio.Event()
        event_.set()
        await event_.wait()
        return [total, longest, name]
