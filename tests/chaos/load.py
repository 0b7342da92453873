"""The users: they create orders and pay for them, and try again until they have been answered."""

from __future__ import annotations

import heapq
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from wf.client import Client
from wf.errors import WfError

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.chaos.deployment import Deployment


class Users(threading.Thread):
    """Create and pay, at a rate, until they are told to stop; what was created then is still paid.

    Args:
        deployment: Whose clients they are.
        luck: Decides when.
        rate: Orders in a second.

    Attributes:
        accepted: When each order was acknowledged, by its id, in seconds since the epoch.
        error: What they failed with.
    """

    def __init__(self, deployment: Deployment, luck: random.Random, rate: float) -> None:
        super().__init__(name="chaos-users", daemon=True)
        self._settings, self._luck, self._rate = deployment.settings, luck, rate
        self._stop_asked = threading.Event()
        self.accepted: dict[str, float] = {}
        self.error: BaseException | None = None

    def stop(self) -> None:
        """Create no more; wait until all is paid."""
        self._stop_asked.set()
        self.join()

    def run(self) -> None:
        """Create and pay."""
        try:
            with Client(settings=self._settings) as client:
                self._work(client.workflow("chaos-order"))
        except BaseException as error:
            self.error = error

    def _work(self, orders: Any) -> None:
        unpaid: list[tuple[float, str]] = []
        next_at = time.monotonic()
        while not self._stop_asked.is_set() or unpaid:
            now = time.monotonic()
            if not self._stop_asked.is_set() and now >= next_at:
                next_at = now + self._luck.expovariate(self._rate)
                id = f"o-{len(self.accepted)}"
                _insist(partial(orders.create, id, if_exists="return"))
                self.accepted[id] = time.time()
                heapq.heappush(unpaid, (now + self._luck.uniform(0, 4), id))
            elif unpaid and (unpaid[0][0] <= now or self._stop_asked.is_set()):
                _, id = heapq.heappop(unpaid)
                _insist(partial(_pay, orders, id))
            else:
                time.sleep(0.01)


def _pay(orders: Any, id: str) -> None:
    orders.get(id).send_event("paid", {"order": id}, event_id="payment")


def _insist(call: Callable[[], Any]) -> None:
    """Try again until somebody answers."""
    while True:
        try:
            call()
        except WfError as error:
            if error.code.startswith("instance."):  # an answer, and a wrong one
                raise
            time.sleep(0.1)
        else:
            return
