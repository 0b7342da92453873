import hashlib
import random
import secrets
import uuid
from random import Random

from wf import WorkflowEntrypoint

NAMESPACE = uuid.UUID("12345678123456781234567812345678")
PROCESS = uuid.uuid4()


class Lottery(WorkflowEntrypoint):
    async def run(self, event, step):
        dice = random.Random(event.payload["seed"])
        other = Random(f"{event.instance_id}")
        winner = dice.choice(event.payload["players"])
        other.shuffle(players := list(event.payload["players"]))
        id = uuid.uuid5(NAMESPACE, event.instance_id)
        number = step.uuid4()
        jitter = step.random() * 10
        digest = hashlib.sha256(str(id).encode()).hexdigest()
        token = await step.do("token", lambda: secrets.token_hex(16))
        code = await step.do("code", lambda: random.randint(1000, 9999))
        await step.sleep("jitter", jitter)
        await step.do(f"tell {winner} {number} {digest[:8]}", lambda: (token, code, uuid.uuid4().hex))
        return [winner, players]
