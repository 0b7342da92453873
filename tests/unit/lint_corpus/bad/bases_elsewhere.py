import time

from proj.base import OurWorkflow, Plugin


class A(OurWorkflow, name="a"):
    async def run(self, event, step):
        time.time()  # expect: WF102
        await step.sleep("a", 1)


class NoSteps(Plugin):
    async def run(self, event, step):
        time.time()


class OtherWords(Plugin):
    async def run(self, event, tool):
        time.time()
        await tool.do("a", 1)
