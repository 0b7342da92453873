"""`advance`: the one place where journal, replay, user code and nudges meet.

::

    load      the instance and the rows since the cached pass; finished, paused or unknown -> stop
    settle    feed; resolve what is due without user code, until quiet
    claim     commit 1: the facts so far, and one attempt with its lease
    run       the callback; no transaction is open, but that of a `step.transaction` (wf/exactly_once.py)
    record    commit 2: the attempt's end, what `run` did next, perhaps the next claim, perhaps the end
    nudge     what is ready now, after the commit

A commit that finds the instance at another rev writes nothing: load, feed, try again. So two siblings that finish at
the same moment cannot both believe that the other one goes on: one of them commits later, and sees it all.

Who does it: `wf.passes` loads, `wf.moving` settles and commits, `wf.running` runs, `wf.recording` records beside
siblings, `wf.nudges` knows whom to nudge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wf import crashpoints
from wf.codec import CodecError
from wf.logfields import about, install, speaking_of
from wf.moving import Mover
from wf.nudges import nudge_back, nudges_after
from wf.passes import Passes
from wf.quarantine import Quarantine
from wf.recording import Recorder, patiently
from wf.running import Runner
from wf.status import Status, StepStatus
from wf.tracing import Tracing

if TYPE_CHECKING:
    from wf.dispatch import Dispatcher, Nudge
    from wf.facts import StepRow
    from wf.interceptor import Interceptor
    from wf.journal import Journal
    from wf.live import Live
    from wf.mailbox import Mailbox
    from wf.meter import Meter
    from wf.moving import Ended
    from wf.settings import Settings
    from wf.workflow import Registry


@dataclass(slots=True)
class Progress:
    """What one `advance` came to, for the Celery task to show.

    Attributes:
        steps: Attempts that this task ran.
        retry_in: Seconds until the failed attempt is retried, if it was the last thing that happened.
        error: What it failed with.
        handed_over: Whether the pass is kept for others, who may have taken it by now.
    """

    steps: int = 0
    retry_in: float | None = None
    error: BaseException | None = None
    handed_over: bool = False


class Engine:
    """Advances instances.

    Args:
        settings: The settings.
        journal: The truth.
        mailbox: Delivers events.
        dispatcher: Publishes nudges.
        registry: Finds workflow classes.
        meter: Counts what was committed.
        env: What these find in `self.env`.
        interceptor: Steps between these and their classes, in tests.
    """

    def __init__(
        self, settings: Settings, journal: Journal, mailbox: Mailbox, dispatcher: Dispatcher, registry: Registry,
        *, meter: Meter, env: Any = None, interceptor: Interceptor | None = None,
    ) -> None:  # fmt: skip
        install()
        self.settings, self.journal = settings, journal
        self._mailbox, self._dispatcher = mailbox, dispatcher
        tracing = Tracing(journal, settings.lease, enabled=settings.tracing)
        self._recorder = Recorder(settings, journal, dispatcher, meter, tracing)
        self.runner = Runner(settings, journal, self._recorder, meter, tracing=tracing, interceptor=interceptor)
        self.mover = Mover(settings, journal, mailbox, dispatcher, registry, meter=meter, tracing=tracing)
        self.passes = Passes(settings, journal, registry, env, interceptor)
        self._quarantine = Quarantine(journal)

    def advance(self, nudge: Nudge) -> Progress:
        """Move an instance on by one step, or by up to `steps_per_task`; set it apart if its rows cannot be read.

        Args:
            nudge: Which instance, and which step first. A stale or repeated one finds nothing to do.

        Raises:
            JournalUnavailable: Postgres does not answer; the alarm will find the instance again.
        """
        progress = Progress()
        live: Live | None = None
        try:
            live = self.passes.load(nudge)
            while live is not None:
                with speaking_of(**about(live.instance)):
                    live = self._go_on(live, nudge, progress)
        except BaseException as error:  # even the order to stop: nobody will drop this pass but us
            if live is not None and not progress.handed_over:
                self.passes.drop(live)
            if not isinstance(error, CodecError):
                raise
            self._mailbox.forget(nudge.key)  # it may be the mailbox that is damaged: Postgres fills it again
            self._quarantine.put(nudge, error)
        return progress

    def _go_on(self, live: Live, nudge: Nudge, progress: Progress) -> Live | None:
        """Commit and run until the pass must be brought up to date; None if this task is done."""
        ended: Ended | None = None
        while True:
            hint = nudge.seq if not progress.steps else 0
            may_claim = progress.steps < self.settings.steps_per_task
            try:
                moved, claimed = self.mover.move(live, hint, ended, may_claim=may_claim)
            except Exception:  # what an attempt has given must not be lost with the rest
                if ended is not None:
                    self._recorder.record(*ended)
                raise
            if not moved:
                return self._catch_up(live, ended)
            if live.queued:
                self.passes.drop(live)
                return None
            self._publish(live, nudge, claimed, progress)
            if claimed is None:
                return None
            progress.steps += 1
            ended = self._attempt(live, claimed, progress)
            if ended is None:
                self.passes.drop(live)
                return None
            if ended[1].recorded or live.is_beside(claimed):  # do not race a sibling for the rev
                return self._catch_up(live, ended)
            live.end_attempt(ended[0])

    def _catch_up(self, live: Live, ended: Ended | None) -> Live | None:
        """Others have moved the instance on: write the end of our attempt beside them, and read what they did."""
        if ended is not None:
            self._recorder.record(*ended)
        patience = self.settings.lease / 2 if live.unsure is not None else 0.0
        again = patiently(lambda: self.passes.reload(live), patience)
        if again is not None and ended is not None and ended[0].status is StepStatus.RETRYING:
            again.fresh.append(ended[0])
        return again

    # Run.

    def _attempt(self, live: Live, row: StepRow, progress: Progress) -> Ended | None:
        """Run one attempt; None if it is not ours any more."""
        progress.retry_in = progress.error = None
        ran = self.runner.run(live.instance, row, live.request(row.key))
        if ran is None:
            return None
        progress.error = ran.error
        if ran.row.status is StepStatus.RETRYING and ran.row.wake_at is not None:
            progress.retry_in = max(ran.row.wake_at - self.journal.clock.now(), 0.0)
        return ran.row, ran.attempt

    # Nudge.

    def _publish(self, live: Live, cause: Nudge, claimed: StepRow | None, progress: Progress) -> None:
        """Nudge what is ready, and what will be soon; keep the pass if it will be needed again soon."""
        if live.over:
            self.passes.drop(live)
            if live.instance.status == Status.ROLLING_BACK:  # on any worker: it has to find the handlers again
                self._dispatcher.publish([nudge_back(live.instance)])
            return
        nudges = nudges_after(live, cause, claimed, self.journal.clock.now(), self.settings)
        if nudges:
            crashpoints.reached(crashpoints.BEFORE_NUDGE)
        if claimed is None:
            ready = any(row.status is StepStatus.READY for row in live.run_rows())
            wanted_soon = ready or any(not nudge.delay for nudge in nudges)
            progress.handed_over = True
            self.passes.keep(live) if wanted_soon else self.passes.drop(live)
        self._dispatcher.publish(nudges)
        if nudges:
            crashpoints.reached(crashpoints.AFTER_NUDGE)

    def close(self) -> None:
        """Stop the threads and forget every pass."""
        self.runner.close()
        self.passes.clear()
