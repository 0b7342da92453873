"""One seed, one world: several workers, alarms, senders and people, of which the seed decides who moves when."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Self

from structlog.testing import capture_logs

from tests.simulation.actors import Actor, Killed, Order, gate, gated_statements
from tests.simulation.programs import PROGRAMS
from tests.simulation.watch import TERMINAL, Broken, Watch
from wf.client import Client
from wf.errors import WfError
from wf.interceptor import Interceptor
from wf.sql import statements
from wf.testing.clock import MovableClock
from wf.testing.messages import Messages
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.simulation.programs import Program
    from wf.attempt import Attempt
    from wf.core import Request
    from wf.dispatch import Nudge
    from wf.instance import Instance
    from wf.settings import Settings

START = 4_000_000_000.0
ID = "simulated"
MOVES = 4_000
"""After so many an instance should have come to its end."""
WORKERS = 3
KILLS, CUTS, STEERS = 3, 3, 2
"""How much may go wrong in one world."""


class Endless(AssertionError):
    """An instance does not come to its end."""


class Overlooked(Interceptor):
    """Puts gates around callbacks, and sees that no attempt is run by two."""

    def __init__(self) -> None:
        self.running: set[tuple[Any, ...]] = set()

    def call(self, attempt: Attempt, request: Request, result: Callable[[], Any]) -> Any:
        """Run the callback, of which nobody else may run the same attempt."""
        key = (attempt.instance.key, attempt.instance.generation, attempt.row.seq, attempt.row.attempt)
        if key in self.running:
            raise Broken(f"attempt {attempt.row.attempt} of step {attempt.row.key} is run twice")
        self.running.add(key)
        gate("its callback")
        value = result()
        gate("the end of its callback")
        return value


class World:
    """Plays seeds on one journal.

    Args:
        settings: Of a journal and a queue of its own.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._sql = settings, statements()
        self._clock, self._stage = MovableClock(), Overlooked()
        self._messages = GatedMessages(settings, self._clock)
        self._taker = self._messages.taker()
        self._client = Client(settings=settings, clock=self._clock, dispatcher=self._messages)
        self._watch = Watch(settings)
        self._runtimes = [self._runtime() for _ in range(WORKERS)]
        self._alarm = self._runtime()
        self._around = gated_statements()

    def play(self, seed: int) -> list[str]:
        """Play one world to its end.

        Returns:
            What happened.

        Raises:
            AssertionError: Something does not hold; its notes tell the seed and what happened.
        """
        play = _Play(self, random.Random(seed), PROGRAMS[seed % len(PROGRAMS)])  # noqa: S311  # to be repeated
        try:
            with capture_logs():
                play.run()
        except BaseException as error:
            error.add_note("\n".join(f"{number:4}. {line}" for number, line in enumerate(play.story, 1)))
            error.add_note(f"This was seed {seed}: python -m tests.simulation --from {seed} --seeds 1")
            raise
        return play.story

    def _runtime(self) -> Runtime:
        return Runtime(self._settings, self._clock, dispatcher=self._messages, interceptor=self._stage)

    def __enter__(self) -> Self:
        self._around.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._around.__exit__(None, None, None)
        for runtime in [*self._runtimes, self._alarm]:
            runtime.close()
        self._client.close()
        self._watch.close()
        self._taker.close()
        self._messages.shut()


class GatedMessages(Messages):
    """Messages with a gate before each: between a commit and its nudge anybody may die."""

    def publish(self, nudges: Sequence[Nudge]) -> bool:
        """Publish them, unless whoever does it is killed before."""
        if nudges:
            gate("its nudge")
        return super().publish(nudges)
