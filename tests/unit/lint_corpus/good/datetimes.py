"""Arithmetic with times that come from the event, from steps, or from `step.now()`."""

import datetime
import time
import zoneinfo
from calendar import monthrange
from datetime import datetime as dt, timedelta, timezone

from wf import WorkflowEntrypoint


class Billing(WorkflowEntrypoint):
    async def run(self, event, step):
        begin = dt.fromisoformat(event.payload["begin"])
        now = step.now()
        local = now.astimezone(zoneinfo.ZoneInfo("Europe/Rome"))
        epoch = datetime.datetime.fromtimestamp(0, tz=timezone.utc)
        parsed = dt.strptime("2024-01-01", "%Y-%m-%d")
        stamp = time.gmtime(now.timestamp())
        shown = time.strftime("%Y", stamp)
        last = monthrange(begin.year, begin.month)[1]
        midnight = dt.combine(begin.date(), datetime.time(), timezone.utc)
        for month in range(12):
            due = begin + timedelta(days=30 * month)
            await step.sleep_until(f"month {month}", due)
            await step.do(f"invoice {due:%Y-%m}", lambda: {"at": datetime.datetime.now().isoformat()})
        if now > midnight and local > epoch:
            await step.do(f"year {shown} {last} {parsed.year}", lambda: time.time())
        return now.isoformat()
