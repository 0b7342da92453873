"""What is to be seen in the pictures: reports in every status, errors of two kinds, and a worker that was killed."""

from __future__ import annotations

import time
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Any

import inputs
from disasters import disasters
from progress import look
from stage import FailedError
from workflow import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deployment import Deployment

    from wf import Client
    from wf.instance import Instance

NUMBER = 600  # reports at hand; those that are not used stay in their folder
FILES = 4  # of the report whose worker is killed: some are being uploaded by the other worker
UNAPPROVED = 4
BUSY = 3  # reports that are under way at least; below it, some more are submitted


class Scene:
    """Keeps reports coming, and looks after what is to be seen beside them.

    Attributes:
        star: The report whose worker is killed.
    """

    def __init__(self, there: Deployment, client: Client, deadline: float) -> None:
        """`deadline` is in seconds from now."""
        self._there, self._reports, self._random = there, client.workflow(Report), Random(7)
        self._ends_at = time.monotonic() + deadline
        drafts = inputs.write(there.inputs, NUMBER)
        chosen = next(
            draft for draft in drafts if len(list((there.inputs / draft["reference"] / "files").iterdir())) == FILES
        )
        drafts.remove(chosen)
        self._star_draft, self._drafts = chosen, iter(drafts)
        self._under_way: list[Instance] = []
        self._more_may_come = False

    def set_up(self) -> None:
        """Bring about everything that stays as it is."""
        self.star = self._lose_a_worker()
        for draft in self._next(4):
            self._create(draft | {"title": ""})
        kept = [self._create(draft) for draft in self._next(UNAPPROVED + 3)]
        self.until(lambda: all(look(one).awaits_approval for one in [self.star, *kept]), "reports wait for approval")
        for one in kept[UNAPPROVED:-1]:
            one.send_event("approved", {"by": ""})  # which the API will refuse
        kept[-1].pause()
        refused = kept[UNAPPROVED:-1]
        self.until(lambda: all(look(one).status == "errored" for one in refused), "reports are refused by the API")

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Keep reports coming until something is the case.

        Raises:
            FailedError: It takes too long, or a process has ended.
        """
        while not condition():
            self._there.stage.check()
            if time.monotonic() > self._ends_at:
                raise FailedError(f"This takes too long: {what}.")
            if self._more_may_come:
                self._keep_coming()
            time.sleep(0.1)

    def _lose_a_worker(self) -> Instance:
        """Submit a report and kill the worker that uploads its first file; during an outage the others are retried."""
        there, killed = self._there, list[str]()
        trouble = disasters(
            stage=there.stage,
            api=there.api,
            redis_url=there.settings.redis_url,
            effects=NUMBER**2,  # the others of these disasters never come
            replace=there.start_worker,
            say=lambda text, _: killed.append(text),
        )
        next(trouble)
        star = self._create(self._star_draft)

        def is_killed() -> bool:
            next(trouble)
            return bool(killed)

        self.until(is_killed, "a worker is killed")
        there.api.post("/outage", json={"seconds": 2})
        self._more_may_come = True  # before, an upload of theirs might have been the one
        self.until(lambda: look(star).recoveries, "the attempt is noticed to be lost")
        return star

    def _keep_coming(self) -> None:
        """Approve what waits for it, and submit some more when few are left."""
        alive = []
        for one in self._under_way:
            now = look(one)
            if now.awaits_approval:
                one.send_event("approved", {"by": "reviewer-7"})
            if now.status not in {"complete", "errored"}:
                alive.append(one)
        more = self._random.randint(2, 8) if len(alive) < BUSY else 0
        self._under_way = alive + [self._create(draft) for draft in self._next(more)]

    def _next(self, number: int) -> Iterator[dict[str, str]]:
        return islice(self._drafts, number)

    def _create(self, draft: dict[str, str]) -> Instance:
        return self._reports.create(id=draft["reference"], params=draft)
