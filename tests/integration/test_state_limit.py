"""The limit of an instance's state: all results together; what would pass it fails, and nothing else does."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from tests.support import Rig, RowLock, wait_until
from wf import PayloadTooLarge, WorkflowEntrypoint
from wf.commits import FEW
from wf.errors import StateLimitError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.settings import Settings

TEN = "x" * 7
"""A result of ten bytes: with quotes and version byte."""


class Hoarder(WorkflowEntrypoint, name="state-hoarder"):
    """Keeps results of ten bytes, one after the other or side by side, and tells how many it could not keep."""

    calls = 0

    async def run(self, event: Any, step: Any) -> Any:
        def give() -> str:
            type(self).calls += 1
            return TEN

        count, parallel = event.payload
        if parallel:
            got = await asyncio.gather(*[step.do("keep", give) for _ in range(count)], return_exceptions=True)
        else:
            got = []
            for _ in range(count):
                try:
                    got.append(await step.do("keep", give))
                except StateLimitError as error:
                    got.append(error)
        small = await step.do("small", lambda: None)
        return [[got.count(TEN), *(error for error in map(str, got) if error != TEN)], small]


class Forgetful(WorkflowEntrypoint, name="state-forgetful"):
    """Keeps two results, then fails until it is told not to."""

    fails = True

    async def run(self, event: Any, step: Any) -> None:
        def last() -> str:
            if type(self).fails:
                raise ValueError("not yet")
            return TEN

        await step.do("first", lambda: TEN)
        await step.do("second", lambda: TEN)
        await step.do("last", last, config={"retries": {"limit": 0}})


@pytest.fixture
def small(settings: Settings) -> Iterator[Rig]:
    """A rig whose instances may keep 36 bytes of results."""
    Hoarder.calls = 0
    with Rig(settings.model_copy(update={"max_state": 36})) as rig:
        yield rig


def size(rig: Rig) -> int:
    return int(rig.sql("select size from wf.instance")[0][0])


@pytest.mark.parametrize("steps_per_task", [1, 10])
@pytest.mark.parametrize("parallel", [False, True], ids=["sequential", "parallel"])
def test_a_result_that_would_pass_the_limit_fails_at_once(small: Rig, parallel: bool, steps_per_task: int) -> None:
    """It is not retried; the error says how much, how much is allowed and what sets it; smaller results go on."""
    settings = small.settings.model_copy(update={"steps_per_task": steps_per_task})
    with Rig(settings) as rig:
        instance = rig.create(Hoarder, params=[5, parallel])
        rig.settle()
        (kept, *refused), rest = instance.result(timeout=1)
    assert (kept, len(refused), rest) == (3, 2, None)
    assert Hoarder.calls == 5
    assert "'keep-" in refused[0]
    for part in ("is 10 bytes", "together they may be 36 (WF_MAX_STATE)"):
        assert all(part in error for error in refused)
    assert size(small) == 35  # three of ten, and five of "small"
    assert small.sql("select count(*) from wf.step where output is null and status = 'errored'") == [(2,)]


def test_siblings_that_finish_at_the_same_moment_do_not_pass_it_together(small: Rig) -> None:
    """Each saw room when it began: the journal decides in the order in which they come."""
    all_began, finish = threading.Barrier(6), threading.Event()

    def stand() -> str:
        all_began.wait(20)
        assert finish.wait(20)
        return TEN

    class Crowd(WorkflowEntrypoint, name="state-crowd"):
        async def run(self, event: Any, step: Any) -> list[bool]:
            got = await asyncio.gather(*[step.do("keep", stand) for _ in range(5)], return_exceptions=True)
            return [isinstance(one, StateLimitError) for one in got]

    instance = small.create(Crowd)
    running = [small.in_thread(small.advance, small.take()[0])]
    wait_until(lambda: small.queued() == 4, what="the siblings are nudged")
    running += [small.in_thread(small.advance, nudge) for nudge in small.take()]
    all_began.wait(20)
    with RowLock(small.settings.database_url) as lock:
        finish.set()
        lock.wait_for(5)
    for one in running:
        one.result(20)
    small.settle()
    assert sorted(instance.result(timeout=1)) == [False, False, False, True, True]
    assert size(small) == 30


def test_many_results_in_one_commit_are_counted(rig: Rig) -> None:
    """Events that many waits take at once count as results, too, also as rows of one parameter."""

    class Waiter(WorkflowEntrypoint, name="state-waiter"):
        async def run(self, event: Any, step: Any) -> None:
            await asyncio.gather(*[step.wait_for_event("come", "come") for _ in range(FEW + 1)])

    instance = rig.create(Waiter)
    for _ in range(FEW + 1):
        instance.send_event("come", TEN)
    rig.settle()
    assert instance.status().status == "complete"
    (stored,) = rig.sql("select sum(length(output)) from wf.step")[0]
    assert size(rig) == stored > 10 * FEW


def test_a_restart_counts_what_it_keeps(small: Rig) -> None:
    """From the start nothing is kept and nothing counted; from a step what stands before it, however often."""
    Forgetful.fails = True
    instance = small.create(Forgetful)
    small.settle()
    assert size(small) == 20
    for _ in range(3):
        instance.restart(from_step="second")
        assert size(small) == 10
        small.settle()
        assert size(small) == 20
    instance.restart()
    assert size(small) == 0
    Forgetful.fails = False
    small.settle()
    assert (instance.status().status, size(small)) == ("complete", 30)


def test_the_seal_does_not_count(small: Rig) -> None:
    """With keys an instance may keep as much as without."""
    key = Fernet.generate_key().decode()
    with Rig(small.settings.model_copy(update={"encryption_keys": key})) as rig:
        instance = rig.create(Hoarder, params=[5, False])
        rig.settle()
        assert instance.result(timeout=1)[0][0] == 3
        assert size(rig) == 35


def test_the_seal_does_not_count_as_payload_either(settings: Settings) -> None:
    """Params of exactly the limit are accepted with keys as they are without."""
    sealing = {"max_payload": 10, "encryption_keys": Fernet.generate_key().decode()}
    with Rig(settings.model_copy(update=sealing)) as rig:
        instance = rig.create(Hoarder, params=TEN)
        assert instance.describe().params == TEN
        with pytest.raises(PayloadTooLarge, match="is 11 bytes; the limit is 10"):
            rig.create(Hoarder, "i-2", params=TEN + "x")
