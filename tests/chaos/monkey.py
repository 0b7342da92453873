"""The monkey: does one deed after the other, and remembers when.

It works on the thread that calls it, which must be the one that started the servers: Linux stops a child of ours when
the thread ends that has started it (`wf.dev.process`), and the monkey starts what it has stopped.
"""

from __future__ import annotations

import heapq
import time
from itertools import count
from typing import TYPE_CHECKING, Any

from redis import Redis

from tests.chaos.ledger import now
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.chaos.deployment import Deployment
    from tests.chaos.plan import Deed


PILED = 10
"""Messages that are there to be lost: a burst brings more."""


class Monkey:
    """Breaks a deployment.

    Args:
        deployment: What it breaks.
        watch: Called again and again between two deeds; what it raises ends the run.
        burst: Called in trials, so that there is much in flight.

    Attributes:
        deeds: What it did: `at` and `until` in seconds since the epoch, `what`, and `trial`.
    """

    def __init__(self, deployment: Deployment, watch: Callable[[], None], burst: Callable[[], None]) -> None:
        self._at, self._watch, self._burst = deployment, watch, burst
        self._undoing: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()
        self.deeds: list[dict[str, Any]] = []

    def work(self, plan: Iterator[Deed], seconds: float) -> None:
        """Do what is planned until the time is over; then everything is whole again."""
        end = time.monotonic() + seconds
        for deed in plan:
            if deed.trial:
                self._wait(lambda: not self._undoing and self._at.is_whole(), end)
            if not self._pause(deed.after, end):
                break
            self._do(deed, end)
        while self._undoing:
            self._undo()

    def _do(self, deed: Deed, end: float) -> None:
        if deed.what == "stop_beat":
            self._burst()
        entry: dict[str, Any] = {"at": now(), "what": deed.what.replace("_", " "), "trial": deed.trial}
        self.deeds.append(entry)
        told = getattr(self, deed.what)(deed)
        entry |= (told or {}) | {"until": now()}
        if deed.trial:
            entry["whole"] = self._pause(deed.seconds, end)
            if deed.what == "stop_beat":
                self._at.start_beat()
            entry["until"] = now()

    def _pause(self, seconds: float, end: float) -> bool:
        """Let time pass; whether it was all there."""
        until = time.monotonic() + seconds
        self._wait(lambda: time.monotonic() >= until, end)
        return time.monotonic() >= until

    def _wait(self, enough: Callable[[], bool], end: float) -> None:
        while not enough() and time.monotonic() < end:
            self._watch()
            while self._undoing and self._undoing[0][0] <= time.monotonic():
                self._undo()
            time.sleep(0.02)

    def _undo(self) -> None:
        heapq.heappop(self._undoing)[2]()

    def _later(self, seconds: float, undo: Callable[[], None]) -> None:
        heapq.heappush(self._undoing, (time.monotonic() + seconds, next(self._number), undo))

    # Deeds.

    def kill_worker(self, deed: Deed) -> dict[str, Any]:
        """SIGKILL; another one is started, as a supervisor does."""
        return {"pid": self._at.replace_worker(deed.who)}

    def stop_worker(self, deed: Deed) -> dict[str, Any]:
        """SIGSTOP for longer than its leases last, then it goes on as if nothing had been."""
        worker = self._at.freeze(deed.who)
        self._later(deed.seconds, lambda: self._at.thaw(worker))
        return {"pid": worker.pid, "seconds": deed.seconds}

    def kill_beat(self, _: Deed) -> None:
        """SIGKILL; another one is started."""
        self._at.kill_beat()
        self._at.start_beat()

    def stop_beat(self, _: Deed) -> None:
        """SIGKILL; nobody starts another one for a while."""
        self._at.kill_beat()

    def restart_postgres(self, deed: Deed) -> dict[str, Any]:
        """Stop or crash it, and start it."""
        self._at.restart_postgres(hard=deed.hard)
        return {"hard": deed.hard}

    def restart_valkey(self, deed: Deed) -> dict[str, Any]:
        """The same; a second of its data may be gone."""
        self._at.restart_valkey(hard=deed.hard)
        return {"hard": deed.hard}

    def flush(self, deed: Deed) -> dict[str, Any]:
        """All messages and mailboxes are gone; in a trial while they pile up, because no worker takes them."""
        held = [self._at.freeze(number) for number in range(len(self._at.workers))] if deed.trial else []
        with Redis.from_url(self._at.valkey.url) as redis:
            if held:
                self._burst()
                queue = self._at.settings.broker_prefix + self._at.settings.queue
                wait_until(lambda: int(redis.llen(queue)) >= PILED, 30, "messages pile up")
            redis.flushall()
        at = now()
        for worker in held:
            self._at.thaw(worker)
        return {"at": at}

    def cut_postgres(self, _: Deed) -> None:
        """Every connection is gone, in the middle of whatever it did."""
        self._at.to_postgres.cut()

    def cut_valkey(self, _: Deed) -> None:
        """The same."""
        self._at.to_valkey.cut()

    def shut_valkey(self, deed: Deed) -> None:
        """Nobody gets to Redis for a while."""
        self._at.to_valkey.closed = True
        self._at.to_valkey.cut()
        self._later(deed.seconds, lambda: setattr(self._at.to_valkey, "closed", False))

    def slow_postgres(self, deed: Deed) -> None:
        """Every answer takes long."""
        self._at.to_postgres.delay = 0.05
        self._later(deed.seconds, lambda: setattr(self._at.to_postgres, "delay", 0.0))

    def slow_valkey(self, deed: Deed) -> None:
        """The same."""
        self._at.to_valkey.delay = 0.1
        self._later(deed.seconds, lambda: setattr(self._at.to_valkey, "delay", 0.0))
