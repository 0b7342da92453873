"""One seed of a workflow with schedules: alarms, also at once, and deploys, killed or cut off at any statement."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg

from tests.simulation.actors import Actor, Order
from tests.simulation.watch import Broken
from wf.crons import latest_firing, next_firing
from wf.errors import WfError

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.simulation.programs import Program
    from tests.simulation.world import World

    Move = tuple[int, Callable[[], None]]

START = 4_000_000_000.0
MOVES = 250
KILLS, CUTS = 8, 8
"""How much may go wrong in one play."""

AT_ONCE = 3
"""Alarms and deploys, at the most."""

SECONDS = (1.0, 600.0, 1800.0, 3600.0, 10_000.0, 90_000.0)
"""How time may pass."""

LOOK = """
select schedule->>'cron', (schedule->>'scheduledTime')::float8 / 1000, id, due_at is not null
from wf.instance left join wf.payload on instance = key
order by key
"""

NEXT = "select cron, extract(epoch from next_at)::float8, extract(epoch from last_at)::float8 from wf.schedule"


class Ticks:
    """Lets alarms come, deploys happen and time pass, and looks at what the schedules have created after each move.

    Args:
        world: Where.
        luck: Decides.
        program: Whose schedules.

    Attributes:
        story: What happened.
    """

    def __init__(self, world: World, luck: random.Random, program: Program) -> None:
        self._world, self._luck, self._program = world, luck, program
        self.story: list[str] = []
        self._actors: list[tuple[Actor, float, list[tuple[Any, ...]] | None]] = []  # an alarm with what it came to
        self._left = {"kill": KILLS, "cut": CUTS}
        self._harmed: set[str] = set()
        self._crons: list[str] = list(program.workflow.workflow_settings["schedules"])
        world.clock.begin(START)
        self._deploy()  # from now on they fire
        self._watch = psycopg.connect(world.client.settings.database_url, autocommit=True)
        self._seen: list[tuple[Any, ...]] = []
        self._number = 0

    def run(self) -> None:
        """Play to the end, and check it."""
        try:
            for _ in range(MOVES):
                moves = self._moves()
                (move,) = self._luck.choices([what for _, what in moves], [weight for weight, _ in moves])
                move()
                self._reap()
            while self._actors:
                self._go(self._actors[0][0], Order.GO)
                self._reap()
            self._start("the last alarm", self._world.alarm.alarm.run_once, alarm=True)
            while self._actors:
                self._go(self._actors[0][0], Order.GO)
                self._reap()
        finally:
            self._watch.close()

    def _moves(self) -> list[Move]:
        moves: list[Move] = []
        for actor, *_ in self._actors:
            moves.append((12, partial(self._go, actor, Order.GO)))
            if self._left["kill"]:
                moves.append((1, partial(self._harm, actor, "kill", Order.KILL)))
            if self._left["cut"] and actor.place.startswith(("before", "after")):
                moves.append((1, partial(self._harm, actor, "cut", Order.CUT)))
        if len(self._actors) < AT_ONCE:
            moves.append((8, partial(self._start, "the alarm", self._world.alarm.alarm.run_once, alarm=True)))
            moves.append((1, partial(self._start, "a deploy", self._deploy, alarm=False)))
        moves.append((2, self._pass_time))
        return moves

    def _deploy(self) -> None:
        self._world.alarm.catalog.register(self._program.workflow, max_schedules=10)

    def _start(self, what: str, work: Callable[[], Any], *, alarm: bool) -> None:
        self._number += 1
        actor = Actor(f"{what} {self._number}", work)
        self.story.append(f"{actor.name} comes")
        self._actors.append((actor, self._world.clock.now(), self._seen if alarm else None))

    def _go(self, actor: Actor, order: Order) -> None:
        self.story.append(f"{actor.name} {order.value} from {actor.place}")
        actor.resume(order)

    def _harm(self, actor: Actor, what: str, order: Order) -> None:
        self._left[what] -= 1
        self._harmed.add(actor.name)
        self._go(actor, order)

    def _pass_time(self) -> None:
        seconds = self._luck.choice(SECONDS)
        self.story.append(f"time passes: {seconds:g} s")
        self._world.clock.set(self._world.clock.now() + seconds)

    def _reap(self) -> None:
        """Look at what there is; what an alarm that nobody has harmed leaves behind is complete."""
        self._look()
        for actor, came, found in self._actors:
            if actor.error is not None and not isinstance(actor.error, WfError):
                raise actor.error
            if actor.done and found is not None and actor.name not in self._harmed:
                self._check_fired(came, found)
        self._actors = [each for each in self._actors if not each[0].done]

    def _look(self) -> None:
        """Each scheduled time has one instance, in order, and the schedule has moved on behind the last one."""
        rows = self._watch.execute(LOOK).fetchall()
        self._hold(rows[: len(self._seen)] == self._seen, "nobody is lost", rows)
        self._seen = rows
        now = self._world.clock.now()
        for cron, at, id, lives in rows:
            self._hold(cron is not None and at is not None, "an instance knows its firing", id)
            self._hold(at <= now and latest_firing(cron, at) == at, "nobody comes early, or at another time", id)
            self._hold(lives, "an instance is due", id)
        told = {cron: (next_at, last_at) for cron, next_at, last_at in self._watch.execute(NEXT).fetchall()}
        for cron in self._crons:
            times = [at for other, at, *_ in rows if other == cron]
            self._hold(times == sorted(set(times)), "each scheduled time has one instance", times)
            next_at, last_at = told[cron]
            self._hold(last_at == (times[-1] if times else None), "the schedule knows its last firing", told)
            self._hold(next_firing(cron, last_at or START) <= next_at, "the next firing is behind the last", told)

    def _check_fired(self, came: float, found: list[tuple[Any, ...]]) -> None:
        """When an alarm has ended, what was due when it came has been fired: the latest time, and nothing before it.

        Or a slower one, which had looked at an earlier time, has fired that meanwhile; then the rest is due at once.
        """
        told = {cron: next_at for cron, next_at, _ in self._watch.execute(NEXT).fetchall()}
        for cron in self._crons:
            if (due := latest_firing(cron, came)) > START:
                times = [at for other, at, *_ in self._seen if other == cron]
                outrun = len(times) > sum(other == cron for other, *_ in found) and told[cron] <= due
                self._hold(outrun or (bool(times) and times[-1] >= due), f"{cron} was fired for {due:.0f}", times)

    def _hold(self, holds: bool, what: str, facts: Any) -> None:
        if not holds:
            raise Broken(f"{what}, and here it does not: {facts}")
