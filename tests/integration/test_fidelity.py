"""Values: what `run` is handed live equals what a replay hands it, and what was given, in type and value."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as how
from hypothesis import strategies as st

from tests.support import Rig
from tests.support.values import (
    Box,
    Color,
    Crate,
    Employee,
    Frozen,
    Level,
    Mode,
    OldPoint,
    Person,
    Point,
    Right,
    Shade,
    Weight,
    Word,
    same,
    values,
)  # fmt: skip
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.instance import Instance
    from wf.settings import Settings

GIVEN: dict[str, list[Any]] = {}
"""What the steps of each instance give."""
HANDED: dict[str, list[list[Any]]] = {}
"""What each pass of each instance was handed, the first one first."""


class EchoError(Exception):
    """Carries a value in its arguments, and one in an attribute."""

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.value = value


class Echo(WorkflowEntrypoint, name="fidelity-echo"):
    """Gets values in every way in which `run` can get them, tells what it got, and gives them back."""

    async def run(self, event: Any, step: Any) -> Any:
        def fail(n: int) -> None:
            raise EchoError(GIVEN[event.instanceId][n])

        async def give(n: int) -> Any:
            return GIVEN[event.instanceId][n]

        handed, count = [event.payload], event.payload[0]
        handed += [await step.do("sync", lambda n=n: GIVEN[event.instanceId][n]) for n in range(count)]
        handed += [await step.do("async", lambda n=n: give(n)) for n in range(count)]
        handed += [(await step.wait_for_event("come", "come")).payload for _ in range(count)]
        for n in range(count):
            try:
                await step.do("fail", lambda n=n: fail(n), config={"retries": {"limit": 0}})
            except EchoError as error:
                handed += [error.value, *error.args]
        HANDED.setdefault(event.instanceId, []).append(handed)
        await step.sleep("night", 60)
        return handed


@pytest.fixture
def two(settings: Settings) -> Iterator[Rig]:
    """Two workers, which take turns, several steps in a task."""
    with Rig(settings.model_copy(update={"steps_per_task": 100}), workers=2) as rig:
        yield rig


def echo(rig: Rig, given: list[Any]) -> tuple[Instance, list[Any]]:
    """Send values through an instance, whose last pass is another worker's; and what it must have been handed."""
    id = uuid4().hex
    GIVEN[id] = given
    instance = rig.create(Echo, id, [len(given), *given])
    for value in given:
        instance.send_event("come", value)
    rig.settle()
    passes = len(HANDED[id])
    rig.clock.advance(61)
    rig.workers[1].alarm.run_once()
    rig.settle(worker=1)
    assert len(HANDED[id]) > passes > 0, "the second worker has replayed what the first one lived through"
    errors = [value for value in given for _ in range(2)]
    return instance, [[len(given), *given], *given, *given, *given, *errors]


def check(rig: Rig, given: list[Any]) -> None:
    instance, wanted = echo(rig, given)
    live, *_, replayed = HANDED.pop(instance.id)
    for what, found in (("live", live), ("replayed", replayed), ("result", instance.result(timeout=1))):
        differing = [(was, one) for was, one in zip(wanted, found, strict=True) if not same(was, one)]
        assert not differing, f"{what}: {differing[0]}"
    assert same(instance.describe().params, wanted[0])


@how(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # what differs is shown by itself; shrinking takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(values, min_size=1, max_size=8))
def test_any_value_is_handed_over_as_it_was(two: Rig, given: list[Any]) -> None:
    """Params, results, event payloads, errors' attributes and output keep type and value, live and after a replay."""
    check(two, given)


def test_every_kind_is_handed_over_as_it_was(two: Rig) -> None:
    """One of each kind that SPEC lists, without the luck of the draw."""
    at = datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))
    person = Person(name="a", more={Color.RED: (1, b"\0")})
    person._seen = {"private"}
    check(
        two,
        [
            None, True, 0, 1.5, "é", [], {}, at, at.date(), at.timetz(), at.time(), timedelta(days=-1, microseconds=1),
            Decimal("1.10"), Decimal("-NaN7"), UUID(int=7), set(), (), time(1, tzinfo=UTC),
            datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1), "CET")), Color.CRIMSON,
            Color.MIXED, Level.LOW, Word.YES, Shade.DARK, Weight.HALF, Right.READ | Right.WRITE, Mode(12), Point(1),
            OldPoint("x", {1.5: None}), Frozen(1, frozenset({2})), Box(Box([()])), Crate(1, label="c"), person,
            Employee.model_validate({"name": "b", "since": "2024-10-27T02:30:00+02:00", "extra": {1, "1"}}),
            float("nan"), float("-inf"), -0.0, 10**4_000, "\ud800", {"\udfff": "\0"}, {"~": "tuple", "v": [1]},
            {1: "a", "1": "b", None: "c", (1, 2): "d"}, {(1, frozenset({2}))}, bytes(range(256)),
        ],
    )  # fmt: skip
