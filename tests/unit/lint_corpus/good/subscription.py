"""Months of sleep, and many small rules."""

from enum import Enum
from zoneinfo import ZoneInfo

from wf import WorkflowEntrypoint, WorkflowTimeoutError


class Plan(Enum):
    FREE = "free"
    PRO = "pro"


class Subscription(WorkflowEntrypoint):
    retries = {"limit": 3, "delay": "1 hour"}

    async def run(self, event, step):
        plan = Plan(event.payload["plan"])
        try:
            while True:
                change = await step.wait_for_event("change", "changed", timeout="30 days")
                plan = Plan(change.payload["plan"])
                await step.do("change plan", lambda: self.change(plan))
        except WorkflowTimeoutError:
            pass
        month = 0
        while month < 12:
            month += 1
            try:
                await self.bill(step, month, plan)
            except ConnectionError:
                break
            finally:
                await step.do("audit", lambda: None)
            await step.sleep(f"month {month}", "30 days")
        else:
            await step.do("renew", lambda: None)
        return {"plan": plan, "zone": str(ZoneInfo("UTC"))}

    async def bill(self, step, month, plan):
        if plan is Plan.FREE:
            return
        name = "bill %d" % month
        await step.do(name, lambda: self.change(plan), config={"retries": self.retries})
        await step.do("mail {}".format(month), lambda: None)

    def change(self, plan):
        with open("/var/plans", "w") as file:
            file.write(plan.value)
