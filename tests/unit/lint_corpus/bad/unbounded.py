import itertools
from itertools import count

from wf import WorkflowEntrypoint


class Unbounded(WorkflowEntrypoint):
    async def run(self, event, step):
        while True:  # expect: WF115
            await step.do("poll", lambda: 1)
            await step.sleep("wait", 60)


class Counted(WorkflowEntrypoint):
    async def run(self, event, step):
        for n in itertools.count():  # expect: WF115
            await self.one(step, n)
        for n in count(1):  # expect: WF115
            for each in range(3):
                if each == 2:
                    break
            await step.do(f"{n}", lambda: 1)

    async def one(self, step, n):
        await step.do(f"{n}", lambda: 1)


class Inner(WorkflowEntrypoint):
    async def run(self, event, step):
        while 1:  # expect: WF115
            try:
                await step.do("poll", lambda: 1)
            except ValueError:
                continue

            def helper():
                return 1

            helper()


class InAHelper(WorkflowEntrypoint):
    async def run(self, event, step):
        await self.forever(step)

    async def forever(self, step):
        while True:  # expect: WF115
            await step.do("poll", lambda: 1)
