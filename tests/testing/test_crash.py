"""Crashes, and replays after every step."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import pytest

from wf import WorkerLostError, WorkflowEntrypoint
from wf.testing import UnreachableError

if TYPE_CHECKING:
    from wf.testing import Workbench

DONE: list[str] = []


class Parcel(WorkflowEntrypoint, name="crash-parcel"):
    """A sync and an async step, each with effects in two parts."""

    async def run(self, event: Any, step: Any) -> Any:
        def pack() -> str:
            DONE.append("box")
            DONE.append("lid")
            return "packed"

        async def send() -> str:
            DONE.append("label")
            await asyncio.sleep(0)
            DONE.append("van")
            return "sent"

        packed, sent = await asyncio.gather(step.do("pack", pack), step.do("send", send))
        return [packed, sent]


@pytest.fixture(autouse=True)
def _fresh() -> None:
    DONE.clear()


@pytest.mark.parametrize(
    ("step", "at", "done"),
    [
        ("pack", "before", ["box", "lid"]),
        ("pack", "during", ["box", "box", "lid"]),
        ("pack", "after", ["box", "box", "lid", "lid"]),
        ("send", "before", ["label", "van"]),
        ("send", "during", ["label", "label", "van"]),
        ("send", "after", ["label", "label", "van", "van"]),
    ],
)
def test_a_worker_dies_where_the_test_says(wf: Workbench, step: str, at: Any, done: list[str]) -> None:
    """Before the callback nothing is done, during it its first part, after it all; then another worker does it all."""
    with wf.introspect_instance(Parcel, "p") as parcel:
        parcel.modify(lambda m: m.crash_worker(step, at=at))
        instance = wf.workflow(Parcel).create("p")
        parcel.wait_for_status("complete")
        assert parcel.get_output() == ["packed", "sent"]
        (entry,) = [entry for entry in instance.describe().steps if entry.name == f"{step}-1"]
        assert [attempt.success for attempt in entry.attempts] == [False, True]
    about = {"pack": ("box", "lid"), "send": ("label", "van")}[step]
    assert sorted(effect for effect in DONE if effect in about) == done


@pytest.mark.parametrize("at", ["before", "during", "after"])
def test_a_worker_dies_with_a_callback_that_fails(wf: Workbench, at: Any) -> None:
    """An error of the callback is lost with its worker: the attempt is a lost one, not a failed one."""

    class Failing(WorkflowEntrypoint, name="crash-failing"):
        async def run(self, event: Any, step: Any) -> Any:
            await step.do("fail", lambda: 1 / 0, config={"retries": {"limit": 0, "delay": 0}})

    with wf.introspect_instance(Failing, "f") as failing:
        failing.modify(lambda m: m.crash_worker("fail", at=at))
        instance = wf.workflow(Failing).create("f")
        failing.wait_for_status("errored")
        errors = [attempt.error for attempt in instance.describe().steps[0].attempts]
        assert [error.name for error in errors] == ["WorkerLostError", "ZeroDivisionError"]


def swallowing(function: Any) -> Any:
    """Let nothing out that a function raises."""

    @wraps(function)
    def wrapper() -> None:
        with suppress(BaseException):
            function()

    return wrapper


class Tidy(WorkflowEntrypoint, name="crash-tidy"):
    """Callbacks that hold on to their lives."""

    async def run(self, event: Any, step: Any) -> Any:
        async def tidy() -> None:
            try:
                await asyncio.sleep(0)
            finally:
                DONE.append("tidied")

        @swallowing
        def stubborn() -> None:
            DONE.append("try")
            DONE.append("more")

        def several() -> None:
            """One statement over several lines, and another one."""
            DONE.append(
                "charged",
            )
            DONE.append("sent")

        class Callable:
            async def __call__(self) -> None:
                DONE.append("in")
                await asyncio.sleep(0)
                DONE.append("out")

        callbacks = {"tidy": tidy, "stubborn": stubborn, "several": several, "callable": Callable()}
        callbacks |= {"partial": partial(several), "len": partial(len, [])}
        return await step.do(event.payload, callbacks[event.payload], config={"retries": {"limit": 0, "delay": 0}})


@pytest.mark.parametrize(
    ("callback", "done"),
    [
        ("tidy", ["tidied"]),
        ("several", ["charged", "charged", "sent"]),
        ("partial", ["charged", "charged", "sent"]),
        ("callable", ["in", "in", "out"]),
    ],
)
def test_a_dead_callback_does_nothing_more(wf: Workbench, callback: str, done: list[str]) -> None:
    """After its first statement, or its first await, nothing of it happens any more, not even a `finally`."""
    with wf.introspect_instance(Tidy, "t") as tidy:
        tidy.modify(lambda m: m.crash_worker(callback))
        wf.workflow(Tidy).create("t", callback)
        tidy.wait_for_status("complete")
    gc.collect()
    assert done == DONE


@pytest.mark.parametrize(("callback", "why"), [("stubborn", "could not stop"), ("len", "it has no lines")])
def test_what_cannot_be_stopped_is_told_of(wf: Workbench, callback: str, why: str) -> None:
    """A callback that swallows everything, or is not written in Python, cannot be cut; the test is told."""
    with wf.introspect_instance(Tidy, "t") as tidy:
        tidy.modify(lambda m: m.crash_worker(callback))
        wf.workflow(Tidy).create("t", callback)
        with pytest.raises(Exception, match=why):
            tidy.wait_for_step_result(callback)


def test_a_step_that_kills_every_worker_is_given_up(wf: Workbench) -> None:
    """After three lost attempts the step fails, and says so."""
    with wf.introspect_instance(Parcel, "p") as parcel:
        parcel.modify(lambda m: m.crash_worker("send", times=3))
        wf.workflow(Parcel).create("p")
        with pytest.raises(WorkerLostError, match="lost its worker 3 time"):
            parcel.wait_for_step_result("send")


@pytest.mark.wf(max_lost=1)
def test_settings_of_a_test(wf: Workbench) -> None:
    """The marker sets what the engine of the test runs with."""
    with wf.introspect_instance(Parcel, "p") as parcel:
        parcel.modify(lambda m: m.crash_worker("send"))
        wf.workflow(Parcel).create("p")
        with pytest.raises(WorkerLostError, match="lost its worker 1 time"):
            parcel.wait_for_step_result("send")


def test_a_crash_in_a_transaction_leaves_nothing_of_it(wf: Workbench) -> None:
    """What a `step.transaction` wrote before its worker died is not there; the next attempt writes it once."""
    from sqlalchemy import Connection, text  # noqa: PLC0415

    class Booking(WorkflowEntrypoint, name="crash-booking"):
        async def run(self, event: Any, step: Any) -> Any:
            def make(connection: Connection) -> None:
                connection.execute(text("create table if not exists public.booking (id int)"))

            def book(connection: Connection) -> int:
                connection.execute(text("insert into public.booking values (1)"))
                return int(connection.execute(text("select count(*) from public.booking")).scalar_one())

            def drop(connection: Connection) -> None:
                connection.execute(text("drop table public.booking"))

            await step.transaction("make", make)
            booked = await step.transaction("book", book)
            await step.transaction("drop", drop)
            return booked

    with wf.introspect_instance(Booking, "b") as booking:
        booking.modify(lambda m: m.crash_worker("book", at="after"))
        wf.workflow(Booking).create("b")
        booking.wait_for_status("complete")
        assert booking.get_output() == 1


class Drawn(WorkflowEntrypoint, name="crash-drawn"):
    """Names a step after something that every replay sees anew."""

    number = 0

    async def run(self, event: Any, step: Any) -> Any:
        Drawn.number += 1
        await step.do(f"draw {Drawn.number}", lambda: None)
        await step.do("end", lambda: None)


@pytest.mark.wf(always_replay=True)
def test_a_replay_that_differs_is_shown_from_both_sides(wf: Workbench) -> None:
    """With a replay after every step, a step whose name changes stops the instance and shows both names."""
    with wf.introspect_instance(Drawn, "d") as drawn:
        wf.workflow(Drawn).create("d")
        with pytest.raises(UnreachableError, match=r"(?s)draw 1.*draw 2|draw 2.*draw 1"):
            drawn.wait_for_status("complete")


@pytest.mark.wf(always_replay=True)
def test_every_step_is_followed_by_a_replay(wf: Workbench) -> None:
    """`run` begins anew for each step, so what it keeps in memory between them is lost."""

    class Counting(WorkflowEntrypoint, name="crash-counting"):
        begun = 0

        async def run(self, event: Any, step: Any) -> Any:
            Counting.begun += 1
            kept: list[int] = []
            for number in range(3):
                await step.do(f"keep {number}", lambda number=number: kept.append(number))
            return kept

    with wf.introspect_instance(Counting, "c") as counting:
        wf.workflow(Counting).create("c")
        counting.wait_for_status("complete")
        assert counting.get_output() == [2]
    assert Counting.begun >= 3
