"""One seed: what may happen, and the luck that decides."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tests.simulation.actors import Actor, Order
from tests.simulation.watch import TERMINAL, Broken
from wf.errors import WfError
from wf.sql import statements

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.simulation.programs import Program
    from tests.simulation.world import World
    from wf.dispatch import Nudge

START = 4_000_000_000.0
ID = "simulated"

MOVES = 3_000
"""After so many an instance should have come to its end."""

KILLS, CUTS, STEERS, LATE = 3, 3, 2, 3
"""How much may go wrong in one play: killed actors, lost connections, people who steer, times that pass too soon."""

PATIENCE = 86_400.0
"""Seconds that may pass while an event is still to be sent."""

Move = tuple[int, "Callable[[], None]"]
"""Something that may happen now, and how likely it is."""


class Endless(AssertionError):
    """An instance does not come to its end."""


class Play:
    """Lets things happen until the instance has ended, and looks at the journal after each.

    Args:
        world: Where.
        luck: Decides.
        program: What is run.

    Attributes:
        story: What happened.
    """

    def __init__(self, world: World, luck: random.Random, program: Program) -> None:
        self._world, self._luck, self._program = world, luck, program
        self._sql = statements()
        self.story: list[str] = []
        self._busy: dict[int, Actor] = {}  # by the number of the worker
        self._others: list[Actor] = []
        self._pending: list[Nudge] = []
        self._unsent = list(enumerate(program.events))
        self._left = {"kill": KILLS, "cut": CUTS, "steer": STEERS, "late": LATE}
        self._steered: set[str] = set()
        world.clock.begin(START)
        self._workflow = world.client.workflow(program.workflow)
        self._instance = self._workflow.create(ID)
        self._feed = self._instance.feed(None, None)
        self._told: list[Any] = []
        self._seen = world.watch.look()

    def run(self) -> None:
        """Play to the end, and check it."""
        for _ in range(MOVES):
            self._take_messages()
            if self._status() in TERMINAL and not self._busy and not self._others:
                break
            moves = self._moves()
            (move,) = self._luck.choices([what for _, what in moves], [weight for weight, _ in moves])
            move()
            self._reap()
        else:
            raise Endless(f"The instance is {self._status()} after {MOVES} moves.")
        self._check_end()

    # What may happen.

    def _moves(self) -> list[Move]:
        moves: list[Move] = []
        for number, actor in list(self._busy.items()):
            moves.append((12, partial(self._go, actor, Order.GO)))
            moves += self._harm(actor, killed=partial(self._bury, number))
        for actor in self._others:
            moves.append((12, partial(self._go, actor, Order.GO)))
            moves += self._harm(actor, killed=None)
        free = [number for number in range(len(self._world.workers)) if number not in self._busy]
        if free:
            for nudge in self._pending:
                moves.append((8, partial(self._deliver, nudge, self._luck.choice(free), "takes the nudge")))
                moves.append(
                    (1, partial(self._deliver, nudge, self._luck.choice(free), "takes, not for the last time,"))
                )
                moves.append((1, partial(self._lose, nudge)))
            moves.append((1, partial(self._forget, self._luck.choice(free))))
        moves += self._people()
        idle = not self._busy and not self._others and not self._pending
        if idle:
            moves.append((20, self._pass_time))
        elif self._left["late"]:
            moves.append((1, self._time_runs))
        return moves

    def _harm(self, actor: Actor, killed: Callable[[], None] | None) -> list[Move]:
        moves: list[Move] = []
        if self._left["kill"] and killed is not None:
            moves.append((1, partial(self._kill, actor, killed)))
        if self._left["cut"] and actor.place.startswith(("before", "after")):
            moves.append((1, partial(self._cut, actor)))
        return moves

    def _people(self) -> list[Move]:
        moves: list[Move] = [(1, partial(self._start, "the alarm", self._world.alarm.alarm.wake))]
        if self._unsent:
            moves.append((4, self._send))
        if self._left["steer"]:
            names = ("pause", "resume", "restart", "terminate")
            moves.append((1, partial(self._steer, self._luck.choice(names))))
        return moves

    # How it happens.

    def _go(self, actor: Actor, order: Order) -> None:
        self._tell(f"{actor.name} {order.value} from {actor.place}")
        actor.resume(order)

    def _kill(self, actor: Actor, bury: Callable[[], None]) -> None:
        self._left["kill"] -= 1
        self._go(actor, Order.KILL)
        bury()

    def _cut(self, actor: Actor) -> None:
        self._left["cut"] -= 1
        self._go(actor, Order.CUT)

    def _bury(self, number: int) -> None:
        """A worker is dead: its passes and connections are gone, and another one takes its place."""
        self._world.workers[number].close()
        self._world.workers[number] = self._world.runtime()

    def _deliver(self, nudge: Nudge, number: int, how: str) -> None:
        if how == "takes the nudge":
            self._pending.remove(nudge)
        self._tell(f"worker {number + 1} {how} {nudge.generation}.{nudge.rev}.{nudge.seq}")
        worker = self._world.workers[number]
        self._busy[number] = Actor(f"worker {number + 1}", partial(worker.engine.advance, nudge))

    def _lose(self, nudge: Nudge) -> None:
        self._pending.remove(nudge)
        self._tell("a nudge is lost")

    def _forget(self, number: int) -> None:
        self._tell(f"worker {number + 1} forgets what it knew")
        self._world.workers[number].engine.passes.clear()

    def _start(self, name: str, work: Callable[[], Any]) -> None:
        self._tell(f"{name} comes")
        self._others.append(Actor(name, work))

    def _send(self) -> None:
        number, (type, payload) = self._unsent.pop(0)

        def send() -> None:
            for _ in range(CUTS + 1):  # as a sender does whose answer was lost
                try:
                    self._instance.send_event(type, payload, event_id=f"event-{number}")
                except WfError as error:
                    if error.code == "instance.finished":
                        return
                    continue
                return

        self._start(f"event {number}", send)

    def _steer(self, action: str) -> None:
        self._left["steer"] -= 1
        self._steered.add(action)

        def steer() -> None:
            try:
                getattr(self._instance, action)()
            except WfError:  # refused in this status, or cut off: a person would look and try again, or not
                return

        self._start(action, steer)

    def _pass_time(self) -> None:
        """Nothing can be done now: a paused instance is resumed, else time goes on to when something is due."""
        if self._status() == "paused":
            self._start("resume", self._instance.resume)
            return
        due = self._world.client.database.rows(self._sql["testing_due"], {})[0][0]
        at = min((each for each in (due, self._world.messages.next_at()) if each is not None), default=None)
        if at is None and self._status() not in TERMINAL:
            raise Broken("Nothing will ever happen any more, and the instance has not ended.")
        if at is not None and self._unsent and at - self._world.clock.now() > PATIENCE:
            self._send()  # nobody sends so late that a wait of ten days is over
        elif at is not None:
            self._tell(f"time passes: {max(at - self._world.clock.now(), 0):g} s")
            self._world.clock.set(at)
            self._world.messages.release()
            self._start("the alarm", self._world.alarm.alarm.wake)

    def _time_runs(self) -> None:
        """A long time passes while everybody stands still, as for a machine that was asleep."""
        self._left["late"] -= 1
        seconds = self._luck.choice((1.0, 20.0, 31.0, 100.0))
        self._tell(f"everybody stands still for {seconds:g} s")
        self._world.clock.set(self._world.clock.now() + seconds)
        self._world.messages.release()

    # What came of it.

    def _take_messages(self) -> None:
        if not self._world.messages.fresh:
            return
        self._world.messages.fresh = False
        while (nudge := self._world.taker.try_take()) is not None:
            self._world.taker.done()
            self._pending.append(nudge)

    def _reap(self) -> None:
        """See who has ended, and whether the journal is as it must be."""
        if any(actor.wrote for actor in [*self._busy.values(), *self._others]):
            self._seen = self._world.watch.look()
            self._told += self._news()
        for actor in [*self._busy.values(), *self._others]:
            actor.wrote = False
            if actor.error is not None and not isinstance(actor.error, WfError):
                raise actor.error
        self._busy = {number: actor for number, actor in self._busy.items() if not actor.done}
        self._others = [actor for actor in self._others if not actor.done]

    def _news(self) -> list[Any]:
        news = []
        while (event := self._feed.take()) is not None:
            news.append(event)
        return news

    def _status(self) -> str:
        return str(self._seen["instance"]["status"])

    def _check_end(self) -> None:
        """The outcome is right, nothing is owed to anybody, and the feed tells now what it told live."""
        self._seen = now = self._world.watch.look()
        answer = self._instance.status()
        error = None if answer.error is None else answer.error.name
        right = self._program.outcome(answer.status, answer.output, error)
        stopped = answer.status == "terminated" and "terminate" in self._steered
        deserted = error == "WorkflowTimeoutError" and "restart" in self._steered  # events are not sent again
        if not (right or stopped or deserted):
            raise Broken(f"The outcome is wrong: {answer}")
        self._told += self._news()
        again = self._instance.feed(None, None)
        replayed = []
        while (event := again.take()) is not None:
            replayed.append(event)
        if now["instance"]["generation"] == 1 and replayed != self._told:
            only_live = [event for event in self._told if event not in replayed]
            only_now = [event for event in replayed if event not in self._told]
            raise Broken(f"The feed told live, and not afterwards: {only_live}; and the other way round: {only_now}")

    def _tell(self, line: str) -> None:
        self.story.append(line)
