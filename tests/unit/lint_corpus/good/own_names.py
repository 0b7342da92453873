"""Names that only look like modules."""

from wf import WorkflowEntrypoint
from .clock import time
from .tools import random, requests, open, uuid4


class datetime:
    @staticmethod
    def now():
        return "a constant"


class OwnNames(WorkflowEntrypoint):
    async def run(self, event, step):
        time.time()
        random.choice([1])
        requests.get("https://a.local")
        open("a")
        uuid4()
        datetime.now()
        os = event.payload["os"]
        socket = self.socket
        socket.create_connection(("a", 1))
        os.system("a")

        def sleep(seconds):
            return seconds

        sleep(3)
        subprocess = lambda: None
        subprocess.run = print
        return await step.do("x", lambda: 1)
