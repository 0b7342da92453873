import asyncio
from asyncio import FIRST_COMPLETED, wait

from wf import WorkflowEntrypoint


class Races(WorkflowEntrypoint):
    async def run(self, event, step):
        a, b = step.do("a", lambda: 1), step.do("b", lambda: 2)
        done, _ = await asyncio.wait([a, b], return_when=asyncio.FIRST_COMPLETED)  # expect: WF116
        return done.pop().result()


class Named(WorkflowEntrypoint):
    async def run(self, event, step):
        mirrors = [step.do(f"mirror {n}", lambda n=n: n) for n in range(3)]
        done, pending = await wait(mirrors, return_when=FIRST_COMPLETED)  # expect: WF116
        return [each.result() for each in done]


class Completed(WorkflowEntrypoint):
    async def run(self, event, step):
        async def fetch(n):
            return await step.do(f"fetch {n}", lambda: n)

        for first in asyncio.as_completed([fetch(n) for n in range(3)]):  # expect: WF116
            answer = await first
            break
        return answer, await next(asyncio.as_completed([step.do("x", lambda: 1), step.do("y", lambda: 2)]))  # expect: WF116


class Tasks(WorkflowEntrypoint):
    async def run(self, event, step):
        async def fetch(n):
            return await step.do(f"fetch {n}", lambda: n)

        tasks = [asyncio.create_task(fetch(n)) for n in range(3)]
        for first in asyncio.as_completed(tasks):  # expect: WF116
            return await first
