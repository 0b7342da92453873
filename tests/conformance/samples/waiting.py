"""Sleeps and events."""

from datetime import UTC, datetime, timedelta

from workers import WorkflowEntrypoint


class Patience(WorkflowEntrypoint):
    async def run(self, event, step):
        await step.sleep("a nap", "10 seconds")
        await step.sleep_until("an appointment", event["timestamp"] + timedelta(minutes=1))
        await step.sleep_until("long ago", datetime(2020, 1, 1, tzinfo=UTC))
        approval = await step.wait_for_event("wait for approval", "approval", timeout="1 hour")
        try:
            await step.wait_for_event("second opinion", "opinion", timeout="5 minutes")
        except Exception as error:
            missed = type(error).__name__

        @step.do("file it")
        async def file_it():
            return {"by": approval["payload"]["by"], "type": approval["type"]}

        return {"filed": await file_it(), "missed": missed, "raw": approval}
