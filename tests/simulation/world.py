"""One seed, one world: several workers, alarms, senders and people, of which the seed decides who moves when."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Self

from structlog.testing import capture_logs

from tests.simulation.actors import gate, gated_statements
from tests.simulation.play import Play
from tests.simulation.programs import PROGRAMS
from tests.simulation.ticks import Ticks
from tests.simulation.watch import Broken, Watch
from wf.client import Client
from wf.interceptor import Interceptor
from wf.sql import statements
from wf.testing.clock import MovableClock
from wf.testing.messages import Messages
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wf.attempt import Attempt
    from wf.core import Request
    from wf.dispatch import Nudge
    from wf.settings import Settings

WORKERS = 3


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

    Attributes:
        clock: Stands still unless a play moves it.
        messages: Nudges of everybody.
        taker: Takes them.
        client: Of those who create, send and steer.
        watch: Looks at the journal.
        workers: Their connections and suspended passes.
        alarm: What beat has.
        stage: Sees every attempt.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._sql = settings, statements()
        self.clock, self.stage = MovableClock(), Overlooked()
        self.messages = GatedMessages(settings, self.clock)
        self.taker = self.messages.taker()
        self.client = Client(settings=settings, clock=self.clock, dispatcher=self.messages)
        self.watch = Watch(settings)
        self.workers = [self.runtime() for _ in range(WORKERS)]
        self.alarm = self.runtime()
        self._around = gated_statements()

    def play(self, seed: int) -> list[str]:
        """Play one seed to its end.

        Returns:
            What happened.

        Raises:
            AssertionError: Something does not hold; its notes tell the seed and what happened.
        """
        self._reset()
        luck = random.Random(seed)
        program = PROGRAMS[seed % len(PROGRAMS)]
        play = Ticks(self, luck, program) if program.scheduled else Play(self, luck, program)
        try:
            with capture_logs():
                play.run()
        except BaseException as error:
            error.add_note("\n".join(f"{number:4}. {line}" for number, line in enumerate(play.story, 1)))
            error.add_note(f"This was seed {seed}: python -m tests.simulation --first {seed} --seeds 1")
            raise
        return play.story

    def runtime(self) -> Runtime:
        """A process that has just begun."""
        return Runtime(self._settings, self.clock, dispatcher=self.messages, interceptor=self.stage)

    def _reset(self) -> None:
        self.client.database.rows(
            self._sql["testing_reset"], {"kept": [one.workflow.workflow_name for one in PROGRAMS]}
        )
        self.messages.clear()
        self.messages.fresh = True
        self.watch.begin()
        self.stage.running.clear()

    def __enter__(self) -> Self:
        self._around.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._around.__exit__(None, None, None)
        for runtime in [*self.workers, self.alarm]:
            runtime.close()
        self.client.close()
        self.watch.close()
        self.taker.close()
        self.messages.shut()


class GatedMessages(Messages):
    """Messages with a gate before each: between a commit and its nudge anybody may die.

    Attributes:
        fresh: Whether there are some since somebody has last taken them.
    """

    fresh = True

    def publish(self, nudges: Sequence[Nudge]) -> bool:
        """Publish them, unless whoever does it is killed before."""
        if nudges:
            gate("its nudge")
        published = super().publish(nudges)
        self.fresh = True
        return published

    def release(self) -> None:
        """Push what is due by now."""
        super().release()
        self.fresh = True
