"""Suspended passes: begun by replaying a journal, brought up to date, kept for the next nudge, thrown away.

Keeping them is only a cache, and bounded: without it every nudge would replay its instance from the first line.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from wf.core import Failed
from wf.divergence import divergence, explanation, warnings
from wf.faults import decode_error, encode_error
from wf.logfields import about
from wf.replayer import Replayer
from wf.status import MOVING, Status

if TYPE_CHECKING:
    from wf.dispatch import Nudge
    from wf.facts import InstanceRow
    from wf.interceptor import Interceptor
    from wf.journal import Journal
    from wf.live import Live
    from wf.settings import Settings
    from wf.workflow import Registry, WorkflowEntrypoint

DEFER = 5.0
"""Seconds until an instance of a workflow that this worker does not know is offered again; doubled with each nudge."""

log = structlog.get_logger("wf")


class Passes:
    """The passes of one worker process. A pass is in the hands of one thread at a time.

    Parallel steps of one instance need a pass each, so there may be several of one instance.

    Args:
        settings: `cache_size` passes are kept at most; those that were not used for longest go first.
        journal: What is replayed.
        registry: Finds workflow classes.
        env: What these find in `self.env`.
        interceptor: Is shown what `run` asks for.
    """

    def __init__(
        self, settings: Settings, journal: Journal, registry: Registry, env: Any = None,
        interceptor: Interceptor | None = None,
    ) -> None:  # fmt: skip
        self._settings, self._journal, self._registry = settings, journal, registry
        self._replayer, self._interceptor = Replayer(settings, journal, env), interceptor
        self._kept: OrderedDict[int, list[tuple[float, Live]]] = OrderedDict()
        self._count = 0
        self._lock = threading.Lock()
        self._unknown: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        return self._count

    def load(self, nudge: Nudge) -> Live | None:
        """The instance of a nudge, up to date; None if there is nothing to do for it here."""
        live = self._take(nudge.key)
        if live is None:
            return self._begin(nudge.key)
        if nudge.seq > 0 and (nudge.generation, nudge.rev) == (live.instance.generation, live.instance.rev):
            return live  # nothing has happened in between; if it has, the commit will tell
        return self.reload(live)

    def reload(self, live: Live) -> Live | None:
        """Bring a pass up to date, or begin a new one if it cannot be."""
        try:
            found = (
                None
                if live.tainted
                else self._journal.load(live.instance.key, seen=live.instance.rev, from_seq=live.rows.from_seq)
            )
            if found is not None and self._moves(found.instance):
                if self._continues(live, found.instance):
                    live.absorb(found)
                    self._limit(live)
                    if self._fits(live):
                        return live
                else:
                    live.tainted = True
        except BaseException:  # nobody else will drop it
            self.drop(live)
            raise
        self.drop(live)
        renewed = self._begin(live.instance.key) if live.tainted else None
        if renewed is not None:
            renewed.inherit(live)
        return renewed

    def keep(self, live: Live) -> None:
        """Keep a pass that its thread is done with, for the nudge that is about to come."""
        with self._lock:
            self._kept.setdefault(live.instance.key, []).append((time.monotonic(), live))
            self._kept.move_to_end(live.instance.key)
            self._count += 1
        self._drop_old()

    def _drop_old(self) -> None:
        """Drop what is too much, and what nobody has asked for in the time in which a lost nudge is repeated."""
        dropped = []
        with self._lock:
            while self._kept:
                key, lives = next(iter(self._kept.items()))
                idle = time.monotonic() - lives[-1][0]
                if self._count <= self._settings.cache_size and idle < self._settings.renudge:
                    break
                dropped.append(lives.pop(0)[1])
                self._count -= 1
                if not lives:
                    del self._kept[key]
        for one in dropped:
            self.drop(one)

    def drop(self, live: Live) -> None:
        """Throw a pass away."""
        live.replay.evict()

    def clear(self) -> None:
        """Throw all away."""
        with self._lock:
            dropped = [live for lives in self._kept.values() for _, live in lives]
            self._kept.clear()
            self._count = 0
        for one in dropped:
            self.drop(one)

    def _take(self, key: int) -> Live | None:
        self._drop_old()
        with self._lock:
            lives = self._kept.get(key)
            if not lives:
                return None
            _, live = lives.pop()
            self._count -= 1
            if not lives:
                del self._kept[key]
            return live

    def _begin(self, key: int) -> Live | None:
        """Replay an instance from its first line."""
        found = self._journal.load(key)
        if found is None or not self._moves(found.instance):
            return None
        cls = self._class_for(found.instance)
        if cls is None:
            self._defer(found.instance)
            return None
        seeing = None if self._interceptor is None else partial(self._interceptor.asked, found.instance)
        live = self._replayer.replay(cls, found, seeing)
        live.declares_limit = "concurrency" in cls.workflow_settings
        live.guarded = self._is_guarded(cls)
        self._limit(live)
        try:
            if live.instance.status == Status.ROLLING_BACK:
                live.begin_rollback(found.rows, self._failure(live))
                return live
            if self._fits(live):
                return live
        except BaseException:  # nobody else will drop it
            self.drop(live)
            raise
        self.drop(live)
        return None

    def _limit(self, live: Live) -> None:
        """Whether an instance needs a slot to run. Operators may limit its workflow, whatever its class says."""
        live.shares = live.declares_limit or live.instance.limited
        live.limited = live.shares or live.guarded

    def _is_guarded(self, cls: type[WorkflowEntrypoint]) -> bool:
        """Whether a workflow has a breaker: that of its newest class holds back instances of older versions, too."""
        newest = self._registry.find(cls.workflow_name) or cls
        return "breaker" in cls.workflow_settings or "breaker" in newest.workflow_settings

    def _failure(self, live: Live) -> BaseException | None:
        """What made an instance fail that is rolled back: replay does not raise it if `run` did not."""
        if isinstance(live.replay.outcome, Failed):
            return live.replay.outcome.error
        if live.instance.ends_as == Status.TERMINATED:
            return None
        error = self._journal.error(live.instance.key)
        return None if error is None else decode_error(error)

    def _fits(self, live: Live) -> bool:
        """Whether the journal fits the code well enough to go on; if not, the instance is paused."""
        unreached = live.unreached
        if not unreached:
            return True
        instance = live.instance
        cls = self._class_for(instance)
        strict = cls is not None and cls.workflow_settings.get("strict", False)
        strict = strict or (self._interceptor is not None and self._interceptor.strict)
        log.warning(
            "the journal holds steps that this code does not ask for; was `run` changed, or does it depend on "
            "time, randomness or I/O outside a step?",
            **about(instance),
            steps=[str(key) for key in unreached[:10]],
            paused=strict,
        )
        if strict:
            error = divergence(live, self._explanation(instance))
            self._journal.halt(instance.key, encode_error(error), type(error).__name__, MOVING, rev=instance.rev)
        elif live.replay.outcome is None:
            self._journal.warn(instance.key, warnings(live))
        return not strict

    def _explanation(self, instance: InstanceRow) -> str:
        cls, found = self._class_for(instance), self._journal.load(instance.key)
        return explanation(self._replayer, cls, found) if cls is not None and found is not None else ""

    def _continues(self, live: Live, instance: InstanceRow) -> bool:
        """Whether a pass can be brought up to date: it has seen the same beginning, and `run` goes on."""
        same = instance.generation == live.instance.generation
        # Somebody else may have begun it, at another moment than this pass did.
        return same and instance.started_at in (None, live.replay.began_at) and not self._rolls_back(instance)

    def _rolls_back(self, instance: InstanceRow) -> bool:
        """Whether all rows are needed: a rollback looks back at every step."""
        return instance.status == Status.ROLLING_BACK

    def _moves(self, instance: InstanceRow) -> bool:
        """Whether there is something to do for it; a pause that was asked for may have to be brought about."""
        if instance.status == Status.WAITING_FOR_PAUSE:
            self._journal.settle_pause(instance)
        return instance.status in MOVING

    def _class_for(self, instance: InstanceRow) -> type[WorkflowEntrypoint] | None:
        return self._registry.suited(instance.workflow, instance.version)

    def _defer(self, instance: InstanceRow) -> None:
        """Give back an instance whose workflow this worker does not know: a rolling deploy, most likely."""
        if (instance.workflow, instance.version) not in self._unknown:
            self._unknown.add((instance.workflow, instance.version))
            log.error(
                "this worker knows the workflow not at all, or only in older versions; its instances are given back. "
                "Start a worker with the module that defines it",
                **about(instance),
                version=instance.version,
                known=self._registry.names(),
            )
        self._journal.defer(instance, DEFER)
