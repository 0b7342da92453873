import os
import time

from wf import WorkflowEntrypoint


class Known(WorkflowEntrypoint):
    async def run(self, event, step):
        began = time.monotonic()  # noqa: WF102
        region = os.environ["REGION"]  # noqa: S101, WF105  set once for all workers
        step.do("fire and forget", lambda: 1)  # noqa
        return region, time.monotonic() - began  # NOQA:WF102
