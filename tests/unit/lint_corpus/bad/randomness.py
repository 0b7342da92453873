import os
import random
import random as r
import secrets
import uuid
from random import choice, shuffle
from uuid import uuid4

from wf import WorkflowEntrypoint


class Randomness(WorkflowEntrypoint):
    async def run(self, event, step):
        a = random.random()  # expect: WF104
        b = choice([1, 2])  # expect: WF104
        shuffle(event.payload["copy"][:])  # expect: WF104
        c = r.randint(1, 6)  # expect: WF104
        d = uuid.uuid4()  # expect: WF104
        e = str(uuid4())  # expect: WF104
        f = uuid.uuid1()  # expect: WF104
        g = secrets.token_hex()  # expect: WF104
        h = os.urandom(3)  # expect: WF104
        dice = random.Random()  # expect: WF104
        dice.choice([1, 2])
        none = random.Random(None)  # expect: WF104
        if random.random() < 0.5:  # expect: WF104
            await step.do("half of the time", lambda: 1)
        return a, b, c, d, e, f, g, h, none
