"""Exploring a workflow: hypothesis decides what happens next."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from wf import WorkflowEntrypoint, WorkflowTimeoutError
from wf.testing.exploring import ExplorationFailed

if TYPE_CHECKING:
    from wf.testing import Workbench
    from wf.testing.exploring import Explored

BANK: dict[str, int] = {}
BOOKED: list[str] = []


class Transfer(WorkflowEntrypoint, name="explored-transfer"):
    """Takes money with an idempotency key, if it is careful."""

    async def run(self, event: Any, step: Any) -> Any:
        def charge(ctx: Any) -> None:
            key = ctx.idempotency_key if event.payload["careful"] else f"try {ctx.attempt} {len(BANK)}"
            BANK[key] = 5

        left, right = await asyncio.gather(step.do("left", lambda: 1), step.do("right", lambda: 2))
        approval = await step.wait_for_event("approval", "approved", timeout="1 hour")
        await step.do("charge", charge)
        return left + right + approval.payload


class Race(WorkflowEntrypoint, name="explored-race"):
    """Takes whichever comes first, and forgets that the other one has been at work, too."""

    async def run(self, event: Any, step: Any) -> Any:
        async def book(name: str) -> str:
            BOOKED.append(name)
            return name

        pending = [step.do(name, lambda name=name: book(name)) for name in ("train", "plane")]
        done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()


class Answered(WorkflowEntrypoint, name="explored-answered"):
    """Wants an answer within the hour."""

    async def run(self, event: Any, step: Any) -> str:
        try:
            return str((await step.wait_for_event("answer", "answer", timeout="1 hour")).payload)
        except WorkflowTimeoutError:
            return "none"


def test_what_always_holds_passes(wf: Workbench) -> None:
    """A careful workflow keeps its promises in every order of things, and gives what its plain run gives."""
    plain = []

    def check(run: Explored) -> None:
        assert (run.status, run.output, list(BANK.values())) == ("complete", 6, [5])
        plain.append(run.plain)

    runs = wf.explore(
        Transfer, params={"careful": True}, events=[{"type": "approved", "payload": 3}], before=BANK.clear, check=check,
        examples=30,
    )  # fmt: skip
    assert runs == len(plain) == 30
    assert plain[0] is None
    assert plain[1] is not None
    assert plain[1].output == 6


def test_a_crash_at_the_worst_moment_is_found_and_told_shortly(wf: Workbench) -> None:
    """A step that is not idempotent is found out, and the shortest story has the one crash that matters."""

    def check(run: Explored) -> None:
        assert list(BANK.values()) == [5]

    with pytest.raises(ExplorationFailed) as failed:
        wf.explore(
            Transfer, params={"careful": False}, events=[{"type": "approved", "payload": 3}], before=BANK.clear,
            check=check, failures=0, examples=30,
        )  # fmt: skip
    crashes = [line for line in failed.value.run.story if "dies" in line]
    assert len(crashes) == 1
    assert "step 'charge-1'" in crashes[0]
    assert "dies after its callback" in crashes[0]
    assert crashes[0] in str(failed.value)


def test_orders_of_parallel_steps_are_found(wf: Workbench) -> None:
    """Both ends of a race are seen, and the loser's work."""
    winners = set()

    def check(run: Explored) -> None:
        winners.add(run.output)

    wf.explore(Race, before=BOOKED.clear, check=check, examples=15)
    assert winners == {"train", "plane"}


def test_an_event_may_come_too_late(wf: Workbench) -> None:
    """With late events, time may pass before one comes, so its wait is also explored after the deadline."""
    outputs = set()

    def check(run: Explored) -> None:
        outputs.add(run.output)

    wf.explore(Answered, events=[{"type": "answer", "payload": "yes"}], late_events=True, check=check, examples=30)
    assert outputs == {"yes", "none"}


def test_the_same_seed_is_the_same_exploration(wf: Workbench) -> None:
    """Stories are the same each time, so that a failure can be looked at again."""

    def stories() -> list[list[str]]:
        told: list[list[str]] = []
        wf.explore(
            Transfer, params={"careful": True}, events=[{"type": "approved", "payload": 3}], before=BANK.clear,
            check=lambda run: told.append(run.story), examples=8,
        )  # fmt: skip
        return told

    first = stories()
    assert first == stories()
    assert len({tuple(story) for story in first}) > 4


def test_mocks_hold_in_every_run(wf: Workbench) -> None:
    """What `modify` wants holds in every run."""

    def check(run: Explored) -> None:
        assert run.output == 9

    wf.explore(
        Transfer, params={"careful": True}, events=[{"type": "approved", "payload": 0}], examples=5, check=check,
        modify=lambda m: m.mock_step_result("left", 7),
    )  # fmt: skip


@pytest.mark.parametrize("wrong", [{"examples": 0}, {"crashes": -1}, {"failures": 0.5}])
def test_numbers_are_checked(wf: Workbench, wrong: dict[str, Any]) -> None:
    """Numbers that mean nothing are refused."""
    with pytest.raises(ValueError, match="is a number of"):
        wf.explore(Race, check=print, **wrong)
