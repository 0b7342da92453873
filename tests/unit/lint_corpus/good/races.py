import asyncio

from wf import WorkflowEntrypoint


class Races(WorkflowEntrypoint):
    async def run(self, event, step):
        approval = asyncio.ensure_future(step.wait_for_event("approval", "approved"))
        late = asyncio.ensure_future(step.sleep("deadline", "3 days"))
        done, _ = await asyncio.wait({approval, late}, return_when=asyncio.FIRST_COMPLETED)
        if approval in done:
            return approval.result().payload
        pay, ship = step.do("pay", lambda: 1), step.do("ship", lambda: 2)
        await asyncio.wait([pay, ship])
        tasks = [step.do(f"mirror {n}", lambda n=n: n) for n in range(3)]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        async with asyncio.timeout(3600):
            await step.do("slow", lambda: 1)
        try:
            await asyncio.wait_for(step.do("slower", lambda: 1), timeout=60)
        except TimeoutError:
            pass
        for future in asyncio.as_completed([step.do(f"all {n}", lambda n=n: n) for n in range(3)]):
            print(await future)
        return None


class Pool(WorkflowEntrypoint):
    """Three at a time."""

    async def run(self, event, step):
        waiting = list(event.payload)
        running = set()
        results = []
        while waiting or running:
            while waiting and len(running) < 3:
                name = waiting.pop(0)
                running.add(step.do(f"do {name}", lambda name=name: name))
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            results.extend(task.result() for task in done)
        return sorted(results)


class RaceOfWaits(WorkflowEntrypoint):
    async def run(self, event, step):
        async def answer(kind):
            return await step.wait_for_event(f"wait {kind}", kind)

        for first in asyncio.as_completed([answer("yes"), answer("no")]):
            return (await first).type
