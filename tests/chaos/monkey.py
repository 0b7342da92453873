"""The monkey: breaks one thing after the other, by luck, and remembers what."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING

from redis import Redis

from tests.chaos.deployment import LEASE, WORKERS

if TYPE_CHECKING:
    import random

    from tests.chaos.deployment import Deployment


class Monkey(threading.Thread):
    """Works until it is told to stop; then everything is whole again.

    Args:
        deployment: What it breaks.
        luck: Decides.

    Attributes:
        deeds: When it did what, in seconds since the epoch.
        error: What it failed with itself: then the run counts for nothing.
    """

    def __init__(self, deployment: Deployment, luck: random.Random) -> None:
        super().__init__(name="chaos-monkey", daemon=True)
        self._at, self._luck = deployment, luck
        self._stop_asked = threading.Event()
        self.deeds: list[tuple[float, str]] = []
        self.error: BaseException | None = None

    def stop(self) -> None:
        """Let it do its last deed to the end."""
        self._stop_asked.set()
        self.join()

    def run(self) -> None:
        """Break something, wait a while, and so on; in each round everything once, in another order."""
        deeds = [
            self.kill_worker, self.kill_worker, self.stop_worker, self.kill_beat, self.restart_postgres,
            self.restart_valkey, self.flush, self.cut_postgres, self.cut_valkey, self.slow_postgres, self.slow_valkey,
        ]  # fmt: skip
        try:
            while True:
                for deed in self._luck.sample(deeds, len(deeds)):
                    if self._stop_asked.wait(self._luck.uniform(0.5, 2.5)):
                        return
                    self.deeds.append((time.time(), deed.__name__.replace("_", " ")))
                    deed()
        except BaseException as error:
            self.error = error

    def kill_worker(self) -> None:
        """SIGKILL."""
        self._at.replace_worker(self._luck.randrange(WORKERS))

    def stop_worker(self) -> None:
        """SIGSTOP for longer than its leases last, then it goes on as if nothing had been."""
        number = self._luck.randrange(WORKERS)
        self._at.signal_worker(number, signal.SIGSTOP)
        time.sleep(LEASE * 1.5)
        self._at.signal_worker(number, signal.SIGCONT)

    def kill_beat(self) -> None:
        """SIGKILL."""
        self._at.replace_beat()

    def restart_postgres(self) -> None:
        """Stop and start."""
        self._at.restart(self._at.postgres, self._at.to_postgres)

    def restart_valkey(self) -> None:
        """Stop and start; a second of its data may be gone."""
        self._at.restart(self._at.valkey, self._at.to_valkey)

    def flush(self) -> None:
        """All messages and mailboxes are gone."""
        with Redis.from_url(self._at.valkey.url) as redis:
            redis.flushall()

    def cut_postgres(self) -> None:
        """Every connection is gone, in the middle of whatever it did."""
        self._at.to_postgres.cut()

    def cut_valkey(self) -> None:
        """Nobody gets to Redis for a while."""
        self._at.to_valkey.closed = True
        self._at.to_valkey.cut()
        time.sleep(1.0)
        self._at.to_valkey.closed = False

    def slow_postgres(self) -> None:
        """Every answer takes long."""
        self._at.to_postgres.delay = 0.05
        time.sleep(2.0)
        self._at.to_postgres.delay = 0.0

    def slow_valkey(self) -> None:
        """The same."""
        self._at.to_valkey.delay = 0.1
        time.sleep(2.0)
        self._at.to_valkey.delay = 0.0
