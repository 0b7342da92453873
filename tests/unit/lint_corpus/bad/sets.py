import asyncio

from wf import WorkflowEntrypoint

KINDS = {"mail", "sms"}


class Sets(WorkflowEntrypoint):
    async def run(self, event, step):
        for name in {"a", "b"}:  # expect: WF114
            await step.do(name, lambda: 1)
        users = set(event.payload["users"])
        for user in users:  # expect: WF114
            await self.greet(step, user)
        await asyncio.gather(*[step.do(kind, lambda: 1) for kind in KINDS])  # expect: WF114
        for number, name in enumerate(users - {"root"}):  # expect: WF114
            await step.do(f"{number}", lambda name=name: name)
        for name in list(users):  # expect: WF114
            await step.do(name, lambda name=name: name)
        names = {user["name"] for user in event.payload["users"]}

        async def greet(name):
            await step.do(f"greet {name}", lambda: name)

        await asyncio.gather(*map(greet, names))  # expect: WF114
        for number in {1, 2, 3}:
            await step.do(f"number {number}", lambda: 1)
        for number in set(range(3)):
            await step.do(f"number {number}", lambda: 1)
        for name in users | KINDS:
            print(name)

    async def greet(self, step, user):
        await step.do(f"hello {user}", lambda: 1)
