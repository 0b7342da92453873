"""Restarts and changes of workers in hard cases: what a restart keeps, and which worker runs what."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import START, Rig, wait_until
from tests.support.errands import versions
from wf import WorkflowEntrypoint
from wf.workflow import registry
from wf_reaper.restarts import Restarts

if TYPE_CHECKING:
    from wf import Event, Step
    from wf.settings import Settings

LIMIT = 10.0
"""Seconds after which something that does not happen fails the test."""

ONE_TRY = {"retries": {"limit": 0}}


def restart(rig: Rig) -> None:
    """Let the reaper restart the one instance that has failed."""
    rig.clock.advance(2)
    assert Restarts(rig.workers[0]).run_once() == 1


class Uploads(WorkflowEntrypoint, name="hard-uploads", restart={"limit": 2, "delay": 1}):
    """Two branches that use one step name; `order` says what each branch does before its upload."""

    broken = ""
    """The branch whose upload fails."""
    ran: list[str] = []  # noqa: RUF012  # steps whose callback succeeded, emptied by the tests

    async def run(self, event: Event, step: Step) -> list[str]:
        async def branch(name: str) -> str:
            for number in range(event.payload["before"][name]):
                gate = f"gate {name} {number}"
                await step.do(gate, lambda gate=gate: self.ran.append(gate))
            try:
                await step.do(f"prepare {name}", lambda: prepare(name), config=ONE_TRY)
            except ValueError:
                await step.do(f"do without {name}", lambda: self.ran.append(f"do without {name}"))
            return str(await step.do("upload", lambda: upload(name), config=ONE_TRY))

        def prepare(name: str) -> None:
            if name == event.payload["optional"]:
                raise ValueError(f"{name} is optional")
            self.ran.append(f"prepare {name}")

        def upload(name: str) -> str:
            if name == Uploads.broken:
                raise RuntimeError("down")
            self.ran.append(f"upload {name}")
            return f"uploaded {name}"

        return list(await asyncio.gather(branch("a"), branch("b")))


@pytest.mark.parametrize("optional", ["a", "b", "neither"])
@pytest.mark.parametrize("before", [{"a": 3, "b": 0}, {"a": 0, "b": 3}, {"a": 1, "b": 1}], ids=str)
@pytest.mark.parametrize("broken", ["a", "b"])
def test_branches_that_share_a_step_name_get_their_own_results_after_a_restart(
    rig: Rig, optional: str, before: dict[str, int], broken: str
) -> None:
    """What is kept is a prefix of history, caught errors too: no result changes its branch, nothing runs twice."""
    Uploads.ran, Uploads.broken = [], broken
    instance = rig.create(Uploads, params={"before": before, "optional": optional})
    rig.settle()
    assert instance.status().status == "errored"
    Uploads.broken = ""
    restart(rig)
    rig.settle()
    assert instance.status().output == ["uploaded a", "uploaded b"]
    assert len(Uploads.ran) == len(set(Uploads.ran))
    assert {"upload a", "upload b"} <= set(Uploads.ran)


def test_the_error_that_run_caught_is_still_in_the_journal_after_a_restart(rig: Rig) -> None:
    """Replay after the restart sees the caught error again instead of trying its step again."""
    tried: list[str] = []

    class Caught(WorkflowEntrypoint, name="hard-caught", restart={"limit": 2, "delay": 1}):
        async def run(self, event: Event, step: Step) -> str:
            def fail(name: str) -> None:
                tried.append(name)
                if name == "optional" or tried.count(name) == 1:
                    raise ValueError(name)

            try:
                await step.do("optional", lambda: fail("optional"), config=ONE_TRY)
            except ValueError as error:
                caught = str(error)
            await step.do("needed", lambda: fail("needed"), config=ONE_TRY)
            return caught

    instance = rig.create(Caught)
    rig.settle()
    restart(rig)
    rig.settle()
    assert instance.status().output == "optional"
    assert tried == ["optional", "needed", "needed"]


@pytest.mark.parametrize("other", ["fails", "succeeds"])
def test_a_failure_that_nobody_caught_is_tried_again_whatever_a_sibling_did_after_it(rig: Rig, other: str) -> None:
    """What is journaled between the fatal failure and the end of the instance does not make the failure stay."""
    gates = {"fatal": threading.Event(), "other": threading.Event()}
    begun: list[str] = []

    def stand(name: str) -> str:
        begun.append(name)
        gates[name].wait(LIMIT)
        if name == "other" and other == "fails":
            raise ValueError("optional")
        return name

    class Fatal(WorkflowEntrypoint, name="hard-fatal", restart={"limit": 2, "delay": 1}):
        async def run(self, event: Event, step: Step) -> list[str]:
            async def optional() -> str:
                try:
                    return str(await step.do("other", lambda: stand("other"), config=ONE_TRY))
                except ValueError as error:
                    return str(error)

            config = {**ONE_TRY, "timeout": 1}
            return list(await asyncio.gather(step.do("fatal", lambda: stand("fatal"), config=config), optional()))

    instance = rig.create(Fatal)
    running = [rig.in_thread(rig.advance, rig.take()[0])]
    wait_until(lambda: begun == ["fatal"], what="the first step begins")
    running += [rig.in_thread(rig.advance, nudge) for nudge in rig.take()]
    wait_until(lambda: begun == ["fatal", "other"], what="its sibling begins")
    wait_until(lambda: instance.describe().steps[0].status == "errored", what="the timeout is recorded")
    gates["other"].set()
    running[1].result(LIMIT)
    gates["fatal"].set()
    running[0].result(LIMIT)
    rig.settle()
    assert instance.status().error.name == "WorkflowTimeoutError"
    restart(rig)
    rig.settle()
    assert instance.status().output == ["fatal", "other" if other == "succeeds" else "optional"]


@pytest.mark.parametrize("kind", ["asyncio.timeout", "asyncio.wait_for", "with a cleanup step"])
def test_an_instance_that_failed_through_a_timer_of_asyncio_gets_a_fresh_one(rig: Rig, kind: str) -> None:
    """After the restart the wait goes on with its full time, and an event within it is enough."""

    class Timed(WorkflowEntrypoint, name="hard-timed", restart={"limit": 2, "delay": 1}):
        async def run(self, event: Event, step: Step) -> Any:
            first = await step.do("first", lambda: "kept")
            wait = step.wait_for_event("w", "go")
            if kind == "asyncio.wait_for":
                return [first, (await asyncio.wait_for(wait, 60)).payload]
            try:
                async with asyncio.timeout(60):
                    return [first, (await wait).payload]
            finally:
                if kind == "with a cleanup step":
                    await step.do("cleanup", lambda: 1)

    instance = rig.create(Timed)
    rig.settle()
    rig.pass_time(61)
    assert instance.status().error.name == "TimeoutError"
    restart(rig)
    rig.settle()
    assert instance.status().status == "waiting"
    assert instance.describe().next_wake.timestamp() == START + 61 + 2 + 60
    rig.pass_time(50)
    instance.send_event("go", "in time")
    rig.settle()
    assert instance.status().output == ["kept", "in time"]


def test_a_worker_with_only_older_versions_gives_a_newer_instance_back(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """During a rolling deploy an old worker runs nothing of the new version; a new worker does, soon after."""
    one, two = versions("hard-rolling", "1", "2")
    rig.workers[0].catalog.register(one)
    rig.workers[0].catalog.register(two)
    instance = rig.create(two)
    with monkeypatch.context() as old_worker:
        old_worker.delitem(registry._classes["hard-rolling"], "2")
        rig.settle()
        shown = instance.describe()
        assert (shown.status, shown.version_id, shown.steps) == ("queued", "2", [])
        assert START < shown.due_at.timestamp() <= START + 10
    rig.pass_time(10)
    assert instance.status().output == "2"
    assert instance.describe().version_id == "2"


def test_an_orphan_of_an_older_version_is_run_by_the_newest(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no worker has the old class any more, the newest one takes over."""
    one, *_ = versions("hard-orphan", "1", "9", "10")
    orphan = rig.create(one)
    monkeypatch.delitem(registry._classes["hard-orphan"], "1")
    rig.settle()
    assert orphan.status().output == "10"


def test_a_pass_whose_instance_another_worker_has_parked_is_not_kept_for_ever(settings: Settings) -> None:
    """After WF_RENUDGE without a nudge for it a worker drops what it keeps, the next time it looks after its passes."""

    class Parks(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            await asyncio.gather(*[step.do(f"part {n}", lambda: 1) for n in range(4)])
            await step.sleep("long", "3 days")

    class Other(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            await asyncio.gather(*[step.do(f"part {n}", lambda: 1) for n in range(2)])

    with Rig(settings.model_copy(update={"renudge": 0.2}), workers=2) as rig:
        parked, turn = rig.create(Parks, "parked"), 0
        while nudges := rig.take():
            for nudge in nudges:
                rig.advance(nudge, turn % 2)
                turn += 1
        assert parked.status().status == "waiting"
        others: list[Any] = []

        def no_pass_is_left() -> bool:
            others.append(rig.create(Other, f"other-{len(others)}"))
            rig.settle(len(others) % 2)
            return all(not len(worker.engine.passes) for worker in rig.workers)

        wait_until(no_pass_is_left, what="the workers drop what they keep of the parked instance")
