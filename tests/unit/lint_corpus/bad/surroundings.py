import os
import socket
from os import environ, getenv

from wf import WorkflowEntrypoint


class Surroundings(WorkflowEntrypoint):
    async def run(self, event, step):
        region = os.environ["REGION"]  # expect: WF105
        debug = os.environ.get("DEBUG")  # expect: WF105
        if getenv("FAST"):  # expect: WF105
            await step.do("fast", lambda: 1)
        if "SLOW" in environ:  # expect: WF105
            await step.do("slow", lambda: os.environ["SLOW"])
        return region, debug, os.getpid(), socket.gethostname()  # expect: WF105, WF105
