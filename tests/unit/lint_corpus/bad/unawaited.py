import asyncio

from wf import WorkflowEntrypoint


class Unawaited(WorkflowEntrypoint):
    async def run(self, event, step):
        @step.do("charge")
        async def charge():
            return 1

        @step.do("never")  # the finding stands at the `def`
        async def never():  # expect: WF111
            return 1

        step.do("a", lambda: 1)  # expect: WF110
        step.sleep("b", 3)  # expect: WF110
        step.wait_for_event("c", "c")  # expect: WF110
        step.sleep_until("d", event.timestamp)  # expect: WF110
        step.transaction("e", lambda connection: 1)  # expect: WF110
        charge()  # expect: WF110
        lost = charge()  # expect: WF110
        _ = step.do("f", lambda: 1)  # expect: WF110
        asyncio.gather(charge(), charge())  # expect: WF110
        asyncio.sleep(3)  # expect: WF110
        self.helper(step)  # expect: WF110
        stars = step.wait_for_event("g", "g")["payload"]  # expect: WF110
        later = step.do("h", lambda: {"id": 1})
        print(later["id"])  # expect: WF110
        do = step.do
        do("i", lambda: 1)  # expect: WF110
        if stars:
            return charge()  # expect: WF110
        for n in range(3):
            step.do(f"j {n}", lambda: n)  # expect: WF110
        begin = lambda: step.do("k", lambda: 1)
        begin()  # expect: WF110
        return None

    async def helper(self, step):
        step.do("in a helper", lambda: 1)  # expect: WF110
        await step.do("l", lambda: 1)


class Listed(WorkflowEntrypoint):
    async def run(self, event, step):
        [step.do(f"{n}", lambda: n) for n in range(3)]  # expect: WF110
