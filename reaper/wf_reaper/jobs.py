"""Do what jobs ask for: move many instances, in small batches, each exactly once.

A runner takes a job for as long as its lease; each note of progress extends that. If the runner dies, another one
takes the job over where it was noted last, and passes by what was moved since: the audit of an instance, written in
the commit that moves it, names the job. A runner that comes back late finds that the job is not its own any more
whenever it looks at an instance, and what it writes is fenced by that look.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import structlog
from psycopg.types.json import Jsonb

from wf import crashpoints
from wf.client import Client
from wf.errors import InvalidTransition, JournalBusy, JournalUnavailable, RateLimited
from wf.filters import Filter, Matching
from wf.http import answer_for
from wf.instance import Instance
from wf.job_actions import JobAction
from wf.jobs import TASK
from wf.meter import SPANS
from wf.sql import statements
from wf_reaper.turns import FencedSteering, Job, Lost, Passed, Progress, Turn

if TYPE_CHECKING:
    from wf.filters import Seen
    from wf_tasks.runtime import Runtime

SLICE = 5.0
"""Seconds that one Celery task works on jobs before it hands over: alarms and nudges want the thread, too."""

ERRORS = 10
"""Errors that a job keeps."""

BUSY = 1.0
"""Seconds until an instance is tried again that somebody else is in the way of."""

ROUNDS = 5
"""Times that a workflow's instances are removed, if there are new ones each time."""

NOT_REMOVED = "There were new instances whenever all had been removed. Stop what creates them, and remove it again."

log = structlog.get_logger("wf")


class JobRunner:
    """Does what jobs ask for.

    Args:
        owner: The worker process's connections.
    """

    def __init__(self, owner: Runtime) -> None:
        self._owner = owner
        self._matching = Matching(owner.database)
        self._sql = statements()

    def run_once(self, seconds: float = SLICE) -> int:
        """Work on jobs until there is nothing left to do, or the time is over; then somebody shall go on.

        Args:
            seconds: The time.

        Returns:
            How many instances had their turn.
        """
        until, handled = time.monotonic() + seconds, 0
        while (job := self._take()) is not None:
            with Client(settings=self._owner.settings, clock=self._owner.journal.clock, actor=job.actor) as client:
                handled += self._work(job, client, until)
            if job.handed_over:
                self._owner.dispatcher.publish_task(TASK)
                break
        return handled

    def _take(self) -> Job | None:
        rows = self._rows("job_take", {"lease": self._owner.settings.lease})
        if not rows:
            return None
        id, workflow, action, filter, options, by, errors, after, upto, lease_until = rows[0]
        action, filter = JobAction(action), Filter.of(filter)
        return Job(id, workflow, action, filter, options, by, errors, after, upto, lease_until)

    def _work(self, job: Job, client: Client, until: float) -> int:
        """Go on with a job until it has ended, is not ours any more, or the time is over; how many had their turn."""
        steering = client.steering = FencedSteering(client.settings, client.catalog)
        if job.action is JobAction.DELETE_WORKFLOW:
            self._rows("workflow_unschedule", job.fence)
        handled, statuses = 0, job.filter.statuses & job.action.moves
        while True:
            seen = self._matching.look(
                job.workflow, job.filter, statuses, after=job.after, upto=job.upto,
                most=self._owner.settings.job_batch,
            )  # fmt: skip
            # Noted well before the lease is over, however slow the instances are.
            progress = self._move(job, seen, client, steering, min(until, time.monotonic() + client.settings.lease / 3))
            handled += progress.done + progress.failed
            crashpoints.reached(crashpoints.BEFORE_NOTE)
            if not self._note(job, progress) or (job.after >= job.upto and self._end(job)):
                return handled
            if progress.pause is not None or time.monotonic() >= until:
                pause = progress.pause or 0.0
                job.handed_over = pause < SLICE  # the next one can wait for so long; else beat sends one in time
                self._rows("job_hand_over", job.fence | {"pause": 0.0 if job.handed_over else pause})
                return handled

    def _move(self, job: Job, seen: Seen, client: Client, steering: FencedSteering, until: float) -> Progress:
        """Give each instance its turn, until the time is over."""
        progress = Progress(job.after, errors=list(job.errors))
        for key, id in seen.found:
            steering.for_turn(job, Turn(key, id))
            try:
                while (wait := self._act(job, Instance(client, job.workflow, id), progress)) is not None:
                    if time.monotonic() + wait > until:
                        progress.pause = wait
                        return progress
                    time.sleep(wait)
            except Lost:
                return progress
            progress.after = key
            if time.monotonic() >= until:
                return progress
        progress.after = seen.upto
        return progress

    def _act(self, job: Job, instance: Instance, progress: Progress) -> float | None:
        """Move an instance, or count what is in the way; how long to wait if it must be tried again.

        Raises:
            Lost: The job is not this runner's.
            JournalUnavailable: Postgres is away: another one will go on when the lease is over.
        """
        try:
            _moves(job, instance)
            progress.done += 1
        except (Passed, InvalidTransition):  # somebody else was quicker
            progress.done += 1
        except RateLimited as error:
            return error.retry_after
        except JournalBusy:  # somebody holds the instance, or all connections
            return BUSY
        except Lost:
            raise
        except Exception as error:  # one poisoned instance, of whatever kind, must not stop the others
            if type(error) is JournalUnavailable:  # it is not the instance
                raise
            progress.failed += 1
            if len(progress.errors) < ERRORS:
                told = answer_for(error).body
                progress.errors.append({"id": instance.id, "code": told["code"], "message": told["detail"]})
            reason = f"{type(error).__name__}: {error}"
            log.warning(
                "instance not moved", workflow=job.workflow, instance=instance.id, job=job.id, action=str(job.action),
                reason=reason,
            )  # fmt: skip
        return None

    def _note(self, job: Job, progress: Progress) -> bool:
        """Write down how far the job has come; whether to go on with it."""
        values = {
            "done": progress.done, "failed": progress.failed, "errors": Jsonb(progress.errors),
            "after": progress.after, "upto": job.upto, "lease": self._owner.settings.lease,
        }  # fmt: skip
        rows = self._rows("job_note", job.fence | values)
        if not rows:
            log.warning("job lost to another runner", job=job.id, workflow=job.workflow, action=str(job.action))
            return False
        status, job.lease_until = rows[0]
        job.errors, job.after = progress.errors, progress.after
        return bool(status == "running")

    def _end(self, job: Job) -> bool:
        """End a job at its last instance; whether that was the end."""
        if job.action is JobAction.DELETE_WORKFLOW and not self._removed(job):
            return False
        if self._rows("job_end", job.fence):
            log.info("job complete", job=job.id, workflow=job.workflow, action=str(job.action))
        return True

    def _removed(self, job: Job) -> bool:
        """Remove a workflow; whether nothing is left to do, be it that nothing can be done."""
        left = self._rows("workflow_remove", job.fence | {"spans": list(SPANS)})
        if not left or not left[0][0] or job.errors:  # not ours, gone, or not to be had: the errors tell
            return True
        newest = self._rows("job_newest", {"workflow": job.workflow})
        values = {"upto": newest[0][0] if newest else job.upto, "rounds": ROUNDS}
        if again := self._rows("job_again", job.fence | values):
            job.after, job.upto = again[0]
            return False
        error = {"id": "", "code": "workflow.not_removed", "message": NOT_REMOVED}
        self._note(job, Progress(job.after, failed=1, errors=[error]))
        return True

    def _rows(self, statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        now = self._owner.journal.clock.override()
        return self._owner.database.rows(self._sql[statement], values | {"now": now})


def _moves(job: Job, instance: Instance) -> None:
    """The action of a job on one instance."""
    match job.action:
        case JobAction.PAUSE:
            instance.pause()
        case JobAction.RESUME:
            instance.resume()
        case JobAction.TERMINATE:
            instance.terminate(rollback=job.options.get("rollback", False))
        case JobAction.RESTART:
            instance.restart(from_step=job.options.get("from_step"))
        case JobAction.DELETE | JobAction.DELETE_WORKFLOW:
            instance.delete()
