"""What becomes of a post: a model looks at it, a human where the model is not sure; then it is published, or not."""

from typing import Any

import blog
from pydantic import BaseModel

from wf import Event, Step, WorkflowEntrypoint, WorkflowTimeoutError

SPAM = {"casino", "miracle", "winner"}


class Post(BaseModel):
    author: str
    title: str
    body: str


class Verdict(BaseModel):
    approved: bool
    moderator: str


class ScannerDown(ConnectionError):
    """The model does not answer."""


def scan(body: str) -> str:
    """`clean` or `suspicious`. Here you would ask the API of a model, and raise ScannerDown when it is out of reach."""
    return "suspicious" if SPAM & set(body.lower().split()) else "clean"


class Moderation(WorkflowEntrypoint, name="moderation", params=Post, events={"verdict": Verdict}):
    async def run(self, event: Event, step: Step) -> dict[str, Any]:
        id, post = event.instance_id, event.payload
        verdict = await self.by_model(post, step) or await self.by_human(id, post, step)
        if verdict.approved:
            await step.do("publish", lambda ctx: blog.publish(id, post.title, post.body, key=ctx.idempotency_key))
        letter = f"Your post {post.title!r} {'is published' if verdict.approved else 'was not accepted'}."
        await step.do("tell author", lambda ctx: blog.send_mail(post.author, letter, key=ctx.idempotency_key))
        return verdict.model_dump()

    async def by_model(self, post: Post, step: Step) -> Verdict | None:
        """Approved, or None if a human is needed."""
        patient = {"retries": {"limit": 4, "delay": "10 seconds", "backoff": "exponential"}, "timeout": "1 minute"}
        try:
            found = await step.do("scan", lambda: scan(post.body), config=patient)
        except ScannerDown:  # for good
            return None
        return Verdict(approved=True, moderator="model") if found == "clean" else None

    async def by_human(self, id: str, post: Post, step: Step) -> Verdict:
        """What a moderator says; denied if nobody says anything."""
        await step.do("ask moderators", lambda: blog.ask_moderators(id, post.title, post.body))
        try:
            verdict: Verdict = (await step.wait_for_event("review", "verdict", timeout="2 days")).payload
        except WorkflowTimeoutError:
            verdict = Verdict(approved=False, moderator="nobody")
        await step.do("strike off", lambda: blog.strike_off(id))
        return verdict
