import asyncio
import datetime
import time
import time as t
from datetime import date
from datetime import datetime as dt
from time import monotonic, sleep

from django.utils import timezone
from wf import WorkflowEntrypoint


class Clocks(WorkflowEntrypoint):
    async def run(self, event, step):
        began = time.time()  # expect: WF102
        t.perf_counter()  # expect: WF102
        monotonic()  # expect: WF102
        now = dt.now(datetime.timezone.utc)  # expect: WF102
        datetime.datetime.utcnow()  # expect: WF102
        if date.today().day == 1:  # expect: WF102
            await step.do("first of the month", lambda: time.time())
        datetime.date.today()  # expect: WF102
        timezone.now()  # expect: WF102
        time.strftime("%Y")  # expect: WF102
        time.localtime()  # expect: WF102
        time.sleep(3)  # expect: WF103
        sleep(3)  # expect: WF103
        wait = time.sleep
        wait(3)  # expect: WF103
        await step.sleep_until("soon", dt.now() + datetime.timedelta(1))  # expect: WF102
        [t.time() for _ in range(3)]  # expect: WF102
        x = (lambda: 1)() if time.monotonic() > 3 else 2  # expect: WF102
        return began, now, x
