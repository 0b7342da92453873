"""Code beside workflows, which may do what it likes."""

import os
import random
import time
from datetime import datetime

import requests

from wf import Client, WorkflowEntrypoint

client = Client()
STARTED = time.time()
REGION = os.environ.get("REGION")


def start():
    time.sleep(random.random())
    requests.get("https://a.local")
    return client.workflow("w").create(id=f"w-{datetime.now():%Y}", params={})


class Runner:
    def run(self, event, step):
        step.do("nothing awaits this", lambda: 1)
        time.sleep(3)


class W(WorkflowEntrypoint):
    def __init__(self, ctx=None, env=None):
        super().__init__(ctx, env)
        self.made = time.time()
        self.region = os.environ.get("REGION")

    async def run(self, event, step):
        return await step.do("x", start)

    def unrelated(self):
        return requests.get("https://a.local")


if __name__ == "__main__":
    start()
