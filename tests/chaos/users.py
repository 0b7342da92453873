"""The users: they create instances and talk to them, and try again until they are answered."""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections.abc import Generator
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg

from tests.chaos.ledger import append
from wf.client import Client
from wf.errors import InvalidTransition, JournalRefused, JournalUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.deployment import Deployment

PATIENCE = 120.0
"""Seconds for which a user tries the same thing; no outage is that long."""

THREADS = 6

Visit: TypeAlias = Generator[float, None, None]
"""What one user does; it yields how many seconds it takes until the next thing."""


class _GivenUp(BaseException):
    """The run is over before its time."""


class Users:
    """Come at a rate until they are told to stop; those who are there then do what they came for.

    Args:
        deployment: What they use.
        seed: Of what each of them does.
        rate: Users in a second.

    Attributes:
        error: What one of them failed with: then the run counts for nothing.
    """

    def __init__(self, deployment: Deployment, seed: int, rate: float) -> None:
        self._acks, self._url, self._seed, self._rate = deployment.acks, deployment.settings.database_url, seed, rate
        self._client = Client(settings=deployment.settings)
        self._changed = threading.Condition()
        self._visits: list[tuple[float, int, Visit]] = []
        self._numbers, self._order = count(), count()
        self._busy = 0
        self._closed = False
        self._open_until = 0.0
        self._next_at = time.monotonic()
        self._threads = [threading.Thread(target=self._work, daemon=True, name="chaos-user") for _ in range(THREADS)]
        self.error: BaseException | None = None

    def start(self, seconds: float) -> None:
        """Let them come for so long."""
        self._open_until = time.monotonic() + seconds
        for thread in self._threads:
            thread.start()

    def check(self) -> None:
        """Raise what one of them failed with."""
        if self.error is not None:
            raise self.error

    def come(self, number: int) -> None:
        """So many come at once, of every kind, the same ones each time."""
        for _ in range(number):
            self._admit()

    def burst(self, number: int = 30) -> None:
        """So many come at once."""
        for _ in range(number):
            self._admit(self._basket if next(self._order) % 2 else self._nap)

    def wait(self) -> None:
        """Wait until all have done what they came for.

        Raises:
            AssertionError: They are not done in time.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            self.check()
            with self._changed:
                if not self._visits and not self._busy and time.monotonic() > self._open_until:
                    return
            assert time.monotonic() < deadline, f"{len(self._visits)} users are not done after {PATIENCE:.0f} s"
            time.sleep(0.05)

    def close(self) -> None:
        """Send them away, whatever they are at."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(30)  # a daemon: whatever holds it up holds up nobody else
        self._client.close()

    # Threads.

    def _admit(self, visit: Callable[[str, random.Random], Visit] | None = None) -> None:
        number = next(self._numbers)
        luck = random.Random(f"{self._seed}-{number}")
        visits = [self._order_, self._nap, self._basket]
        chosen = visit or luck.choices(visits, weights=[5, 3, 2])[0]
        with self._changed:
            heapq.heappush(self._visits, (time.monotonic(), number, chosen(f"i-{number}", luck)))
            self._changed.notify()

    def _work(self) -> None:
        try:
            while (visit := self._next()) is not None:
                try:
                    self._go_on(*visit)
                finally:
                    with self._changed:
                        self._busy -= 1
        except _GivenUp:
            return
        except BaseException as error:
            self.error = self.error or error

    def _next(self) -> tuple[int, Visit] | None:
        """Whose turn it is; None if all is over."""
        while True:
            with self._changed:
                if self._closed or self.error is not None:
                    return None
                now = time.monotonic()
                comes = now >= self._next_at and now < self._open_until
                if comes:
                    self._next_at = now + random.expovariate(self._rate)
                elif self._visits and self._visits[0][0] <= now:
                    _, number, visit = heapq.heappop(self._visits)
                    self._busy += 1
                    return number, visit
                else:
                    self._changed.wait(0.02)
            if comes:
                self._admit()

    def _go_on(self, number: int, visit: Visit) -> None:
        pause = next(visit, None)
        if pause is not None:
            with self._changed:
                heapq.heappush(self._visits, (time.monotonic() + pause, number, visit))
                self._changed.notify()

    def _insist(self, what: str, id: str, call: Callable[[], Any], **facts: Any) -> None:
        """Try again until somebody answers, and write down that he did."""
        deadline = time.monotonic() + PATIENCE
        while True:
            if self._closed:
                raise _GivenUp
            try:
                call()
            except JournalRefused:
                raise
            except (JournalUnavailable, psycopg.OperationalError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                append(self._acks, what=what, instance=id, **facts)
                return

    # Visits.

    def _order_(self, id: str, luck: random.Random) -> Visit:
        """Order, wish and pay; some fail, some are paused for a while, some are terminated."""
        orders = self._client.workflow("chaos-order")
        fate = luck.choices(["plain", "fails", "paused", "terminated", "undone"], weights=[8, 3, 4, 2, 2])[0]
        params = {"fails": fate == "fails"}
        self._insist("create", id, lambda: orders.create(id, params, if_exists="return"), kind="order", fate=fate)
        order = orders.get  # a new object for each call, as a web app has it
        yield luck.uniform(0.2, 3.0)
        if fate in {"terminated", "undone"}:
            yield luck.uniform(0.0, 8.0)
            self._insist("terminate", id, lambda: _terminate(order(id), rollback=fate == "undone"))
            return
        if fate == "paused":
            self._insist("pause", id, lambda: order(id).pause())
            yield luck.uniform(0.5, 4.0)
            self._insist("resume", id, lambda: order(id).resume())
        for number, type in enumerate(luck.choice([("paid", "wish", "wish"), ("wish", "paid", "wish")])):
            yield luck.uniform(0.0, 1.5)
            event_id = f"{id}-{number}"
            self._insist(
                "event", id, lambda t=type, e=event_id: order(id).send_event(t, {"event": e}, event_id=e),  # type: ignore[misc]
                type=type, event=event_id,
            )  # fmt: skip

    def _nap(self, id: str, _: random.Random) -> Visit:
        naps = self._client.workflow("chaos-nap")
        self._insist("create", id, lambda: naps.create(id, if_exists="return"), kind="nap", fate="plain")
        yield 0.0

    def _basket(self, id: str, luck: random.Random) -> Visit:
        """Fill a basket and create an instance in one transaction; some change their mind before they commit."""
        fate = "withdrawn" if luck.random() < 0.2 else "plain"
        self._insist("create", id, lambda: self._fill(id, fate), kind="basket", fate=fate)
        yield 0.0

    def _fill(self, id: str, fate: str) -> None:
        with psycopg.connect(self._url, connect_timeout=5) as connection:
            connection.execute("insert into public.basket (instance) values (%s) on conflict do nothing", [id])
            self._client.workflow("chaos-basket").create(id, if_exists="return", connection=connection)
            if fate == "withdrawn":
                connection.rollback()


def _terminate(order: Any, *, rollback: bool) -> None:
    try:
        order.terminate(rollback=rollback)
    except InvalidTransition as error:  # the answer to an earlier try was lost
        if error.status not in {"terminated", "rollingBack"}:
            raise
