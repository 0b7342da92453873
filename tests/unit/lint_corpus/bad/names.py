import os
import random
import time
import uuid
from datetime import datetime

from wf import WorkflowEntrypoint


def label(prefix):
    return f"{prefix}-{uuid.uuid4().hex}"  # expect: WF104


class Names(WorkflowEntrypoint):
    async def run(self, event, step):
        await step.do(f"charge {uuid.uuid4()}", lambda: 1)  # expect: WF113
        await step.do("poll " + str(time.time()), lambda: 1)  # expect: WF113
        await step.sleep(f"until {datetime.now():%H}", 3)  # expect: WF113
        await step.wait_for_event("n%d" % random.randint(1, 6), "n")  # expect: WF113
        await step.do(f"object {id(event)}", lambda: 1)  # expect: WF113
        await step.do(f"hash {hash(event.payload['name'])}", lambda: 1)  # expect: WF113
        await step.do("pid {}".format(os.getpid()), lambda: 1)  # expect: WF113
        run_id = uuid.uuid4().hex  # expect: WF104
        name = f"run {run_id}"
        await step.do(name, lambda: 1)  # expect: WF113
        await step.do(label("a"), lambda: 1)  # expect: WF113

        @step.do(f"decorated {time.time_ns()}")  # expect: WF113
        async def decorated():
            return 1

        @step.do(name=f"keyword {random.random()}")  # expect: WF113
        async def keyword():
            return 1

        await decorated()
        await keyword()
