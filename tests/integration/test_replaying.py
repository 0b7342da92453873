"""Journals replayed against other code than that which wrote them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.replaying import check, declare, finished, flat, only, order
from wf import NonRetryableError
from wf.workflow import registry

if TYPE_CHECKING:
    from tests.support import Rig
    from wf.core import Event, Step


@pytest.mark.parametrize("ends", [True, False])
def test_the_code_that_wrote_a_journal_replays_it(rig: Rig, ends: bool) -> None:
    """Whether it waits or has ended, nothing is wrong."""
    cls = declare("replayed-same", order)
    finished(rig, cls) if ends else (rig.create(cls), rig.settle())
    report = check(rig, cls)
    report.raise_for_failures()
    assert (report.checked, report.failures, report.skipped) == (1, [], [])


def test_a_renamed_step_is_shown_with_both_sides(rig: Rig) -> None:
    """The failure tells what the journal holds and what the code asks for, with its place, and guesses the rename."""
    rig.create(declare("replayed-renamed", order))
    rig.settle()

    async def renamed(_: Event, step: Step) -> Any:
        await step.do("reserve", lambda: 1)
        await step.do("charge-card", lambda: 2)

    failure = only(check(rig, declare("replayed-renamed", renamed)))
    place = f"tests/integration/test_replaying.py:{renamed.__code__.co_firstlineno + 2}"
    assert (failure.workflow, failure.id, failure.version) == ("replayed-renamed", "i-1", "1")
    assert (failure.status, failure.generation) == ("waiting", 1)
    assert [str(one) for one in failure.recorded] == [
        '#1 do "reserve" count 1 → complete',
        '#2 do "charge card" count 1 → complete',
        '#3 waitForEvent "parcel" count 1 → waiting',
    ]
    assert str(failure.asked[-1]) == f'do "charge-card" count 1  {place}'
    assert '> #2 do "charge card" count 1 → complete do "charge-card" count 1' in flat(failure.explanation)
    assert 'Did you mean "charge card"?' in failure.explanation
    assert max(map(len, str(failure).splitlines())) <= 120


def test_another_output_is_shown(rig: Rig) -> None:
    """A completed instance must come to the same output; both are told."""
    finished(rig, declare("replayed-output", order))

    async def other(event: Event, step: Step) -> Any:
        return {"total": (await order(event, step))["total"] + 1}

    failure = only(check(rig, declare("replayed-output", other)))
    assert 'the journal complete: {"total": 3}' in flat(failure.explanation)
    assert 'the code complete: {"total": 4}' in flat(failure.explanation)


def test_the_order_of_a_dict_is_not_another_output(rig: Rig) -> None:
    """Equal outputs are equal, however they were built."""

    async def one(_: Event, step: Step) -> Any:
        return {"a": await step.do("a", lambda: 1), "b": 2}

    async def other(_: Event, step: Step) -> Any:
        return {"b": 2, "a": await step.do("a", lambda: 1)}

    rig.create(declare("replayed-dict", one))
    rig.settle()
    check(rig, declare("replayed-dict", other)).raise_for_failures()


def test_an_error_must_be_the_same(rig: Rig) -> None:
    """An errored instance must fail with an error of the same name and message; else both are shown."""

    async def failing(_: Event, step: Step) -> Any:
        await step.do("a", lambda: 1)
        raise NonRetryableError("no money")

    async def other(_: Event, step: Step) -> Any:
        await step.do("a", lambda: 1)
        raise ValueError("no money")

    async def mended(_: Event, step: Step) -> Any:
        return await step.do("a", lambda: 1)

    cls = declare("replayed-error", failing)
    rig.create(cls)
    rig.settle()
    check(rig, cls).raise_for_failures()
    told = flat(only(check(rig, declare("replayed-error", other))).explanation)
    assert "the journal errored: NonRetryableError: no money the code errored: ValueError: no money" in told
    told = flat(only(check(rig, declare("replayed-error", mended))).explanation)
    assert "the journal errored: NonRetryableError: no money the code complete: 1" in told


def test_an_ended_instance_must_not_go_on(rig: Rig) -> None:
    """A step added behind the last one is shown, and where it is asked for."""
    finished(rig, declare("replayed-longer", order))

    async def longer(event: Event, step: Step) -> Any:
        await order(event, step)
        await step.do("thank", lambda: 1)

    failure = only(check(rig, declare("replayed-longer", longer)))
    assert failure.explanation.startswith('It has ended, but the code goes on. It was complete: {"total": 3}\n')
    assert '> - do "thank" count 1' in flat(failure.explanation)


def test_what_a_worker_would_find_stuck_is_the_same_here(rig: Rig) -> None:
    """A run that waits for nothing has errored, and replays to that error."""

    async def stuck(_: Event, step: Step) -> Any:
        await step.do("a", lambda: 1)
        await asyncio.get_running_loop().create_future()

    cls = declare("replayed-stuck", stuck)
    instance = rig.create(cls)
    rig.settle()
    assert instance.status().error.name == "StuckRunError"
    check(rig, cls).raise_for_failures()


def test_a_terminated_instance_need_only_ask_for_its_steps(rig: Rig) -> None:
    """It has no end of its own; the wait that was cut off counts."""
    instance = rig.create(declare("replayed-terminated", order))
    rig.settle()
    instance.terminate()

    async def shorter(_: Event, step: Step) -> Any:
        await step.do("reserve", lambda: 1)
        await step.do("charge card", lambda: 2)
        return "done"

    check(rig, declare("replayed-terminated", order)).raise_for_failures()
    failure = only(check(rig, declare("replayed-terminated", shorter)))
    assert (failure.status, '> #3 waitForEvent "parcel"' in failure.explanation) == ("terminated", True)


def test_a_rolled_back_instance_replays_and_a_lost_handler_is_told(rig: Rig) -> None:
    """Rows of handlers are no steps of `run`; a handler that is gone matters while the instance may still need it."""

    def undoing(fails: bool, handler: bool = True) -> Any:
        async def run(_: Event, step: Step) -> Any:
            more: Any = {"rollback": lambda _: None} if handler else {}
            await step.do("build", lambda: 1, **more)
            if fails:
                raise ValueError("ruin")
            await step.wait_for_event("word", "word")

        return run

    ruin = declare("replayed-ruin", undoing(fails=True))
    instance = rig.create(ruin)
    rig.settle()
    assert instance.status().status == "errored"
    assert rig.sql("select count(*) from wf.step where kind = 'rollback'") == [(1,)]
    check(rig, ruin).raise_for_failures()
    check(rig, declare("replayed-ruin", undoing(fails=True, handler=False))).raise_for_failures()
    rig.create(declare("replayed-risk", undoing(fails=False)))
    rig.settle()
    failure = only(check(rig, declare("replayed-risk", undoing(fails=False, handler=False))))
    assert failure.explanation.endswith("which was begun with a rollback= that is gone:\n  build-1")


def test_what_is_being_rolled_back_must_fail_again(rig: Rig) -> None:
    """A rollback goes on with the error of `run`, and with the handlers that are left to do."""

    def failing(text: str, *names: str) -> Any:
        def undo(_: Any) -> None:
            raise ValueError("not now")

        async def run(_: Event, step: Step) -> Any:
            config = {"retries": {"limit": 3, "delay": 60}}
            for name in ("build", "paint"):
                more: Any = {"rollback": undo, "rollback_config": config} if name in names else {}
                await step.do(name, lambda: 1, **more)
            raise ValueError(text)

        return run

    name, both = "replayed-undoing", ("build", "paint")
    cls = declare(name, failing("ruin", *both))
    instance = rig.create(cls)
    rig.settle()
    assert instance.status().status == "rollingBack"
    check(rig, cls).raise_for_failures()
    told = only(check(rig, declare(name, failing("rain", *both)))).explanation
    assert "errored: ValueError: ruin" in told
    assert "errored: ValueError: rain" in told
    told = only(check(rig, declare(name, failing("ruin", "paint")))).explanation
    assert told.endswith("which was begun with a rollback= that is gone:\n  build-1")


def test_a_restarted_instance_is_checked_as_it_stands(rig: Rig) -> None:
    """The generation that runs now counts, not what an earlier one did."""
    instance = finished(rig, declare("replayed-again", order))

    async def other(_: Event, step: Step) -> Any:
        await step.do("anew", lambda: 1)

    cls = declare("replayed-again", other)
    assert only(check(rig, cls)).generation == 1
    instance.restart()
    rig.settle()
    check(rig, cls).raise_for_failures()


def test_the_class_that_would_run_an_instance_is_used(rig: Rig) -> None:
    """That of its version; without it the newest, which is told; one that only newer code may run is skipped."""

    async def other(_: Event, step: Step) -> Any:
        await step.do("other", lambda: 1)

    one = declare("replayed-versions", order, "1")
    rig.create(one)
    rig.settle()
    two = declare("replayed-versions", other, "2")
    check(rig, two).raise_for_failures()
    del registry._classes["replayed-versions"]["1"]
    assert "(version 1, checked with version 2, waiting)" in str(only(check(rig, two)))
    registry._classes["replayed-versions"].clear()
    report = check(rig, declare("replayed-versions", order, "0"))
    assert (report.checked, [str(one) for one in report.skipped]) == (
        0, ["replayed-versions \"i-1\": no class of version '1' or a newer one is known here"],
    )  # fmt: skip


def test_a_row_that_cannot_be_read_is_skipped(rig: Rig) -> None:
    """It is told why; the others are checked."""
    cls = declare("replayed-damaged", order)
    rig.create(cls, "good")
    rig.create(cls, "bad")
    rig.settle()
    rig.sql("update wf.step set output = 'x' where instance = (select key from wf.instance where id = 'bad')")
    report = check(rig, cls)
    (skipped,) = report.skipped
    assert (report.checked, skipped.id) == (1, "bad")
    assert "CodecError" in skipped.reason
