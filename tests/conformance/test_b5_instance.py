"""B.5 and SPEC 3: `status()` in every status, output and error, results, and instances that are not there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.kit_events import HOUR, Gates, crew, echo, flow, output, send, started, wait_for_go
from tests.support import wait_until
from wf import InstanceNotFound, InstanceTerminated, InvalidTransition, StepError

if TYPE_CHECKING:
    from tests.support import Rig
    from wf.instance import Instance

STATUSES = {
    "queued", "running", "waiting", "waitingForPause", "paused", "rollingBack", "complete", "errored", "terminated",
}  # fmt: skip


def alarmed(rig: Rig, instance: Instance) -> bool:
    """Whether it is complete; if not, the alarm looks."""
    rig.workers[0].alarm.run_once()
    return bool(instance.status().status == "complete")


def test_a_new_instance_is_queued(rig: Rig) -> None:
    """Until a worker looks: no output, no error."""
    found = rig.create(flow(echo)).status()
    assert (found.status, found["output"], found.error) == ("queued", None, None)


@pytest.mark.parametrize("why", ["sleep", "wait", "backoff"])
def test_whatever_it_waits_for_it_is_waiting(rig: Rig, why: str) -> None:
    """Sleep, event wait and retry delay alike; the output stays None."""
    instance = started(rig, echo, why)
    found = instance.status()
    assert (found.status, found.output, found.error) == ("waiting", None, None)


def test_an_instance_runs_pauses_and_resumes(rig: Rig) -> None:
    """While a callback runs it is `running`, after pause() `waitingForPause`; resume() takes the pause back."""
    gates = Gates("work")

    async def work(event: Any, step: Any) -> Any:
        return await step.do("work", lambda: gates.hold("work"))

    instance = rig.create(flow(work))
    with crew(rig):
        gates.wait_inside()
        assert instance.status().status == "running"
        instance.pause()
        assert instance.status().status == "waitingForPause"
        instance.resume()
        assert instance.status().status == "running"
        instance.pause()
        gates.let_go("work")
        wait_until(lambda: instance.status().status == "paused", what="it is paused")
        assert instance.status().output is None
        instance.resume()
        assert instance.result(timeout=30) == "work"


def test_an_instance_that_undoes_its_steps_is_rolling_back(rig: Rig) -> None:
    """Until the last handler has ended; then it is errored, with the error of `run` and what became of the rollback."""
    gates = Gates("undo")

    async def saga(event: Any, step: Any) -> Any:
        await step.do("book", lambda: 1, rollback=lambda: gates.hold("undo"))
        raise ValueError("no")

    instance = rig.create(flow(saga))
    with crew(rig):
        gates.wait_inside()
        assert instance.status().status == "rollingBack"
        gates.let_go("undo")
        with pytest.raises(ValueError, match="no"):
            instance.result(timeout=30)
    found = instance.status()
    assert (found.status, found.error.name, found.rollback.outcome) == ("errored", "ValueError", "complete")


def test_a_complete_instance_has_its_output(rig: Rig) -> None:
    """What `run` returned; also None and other false values."""
    values: list[Any] = [{"id": 1}, None, 0, "", [], False]

    async def give(event: Any, step: Any) -> Any:
        return values[event.payload]

    cls = flow(give)
    for n, value in enumerate(values):
        instance = rig.create(cls, f"i-{n}", n)
        rig.settle()
        found = instance.status()
        assert (found.status, found.output, instance.result(timeout=0)) == ("complete", value, value)


def test_an_errored_instance_has_its_error_and_no_output(rig: Rig) -> None:
    """Name and message; `result()` raises the same class."""
    instance = started(rig, echo, "fail")
    found = instance.status()
    assert (found.status, found.output) == ("errored", None)
    assert (found.error.name, found.error.message) == ("ValueError", "as told")
    with pytest.raises(ValueError, match="as told"):
        instance.result(timeout=0)


def test_an_error_whose_class_is_gone_is_a_step_error(rig: Rig) -> None:
    """`result()` raises StepError with name and message."""

    class LocalError(Exception):
        """Nobody can import it."""

    async def fails(event: Any, step: Any) -> Any:
        raise LocalError("lost")

    instance = started(rig, fails)
    with pytest.raises(StepError) as caught:
        instance.result(timeout=0)
    assert (caught.value.name, caught.value.message) == ("LocalError", "lost")


def test_a_terminated_instance_has_neither(rig: Rig) -> None:
    """No output, and `result()` raises InstanceTerminated; terminating it again is refused."""
    instance = started(rig, wait_for_go)
    instance.terminate()
    found = instance.status()
    assert (found.status, found.output) == ("terminated", None)
    with pytest.raises(InstanceTerminated):
        instance.result(timeout=0)
    with pytest.raises(InvalidTransition) as caught:
        instance.terminate()
    assert (caught.value.code, caught.value.status) == ("instance.cannot_terminate", "terminated")


def test_a_status_is_a_text_of_the_baseline(rig: Rig) -> None:
    """A plain `str`, as an item and as an attribute."""
    found = started(rig, echo).status()
    assert found.status == found["status"]
    assert isinstance(found.status, str)
    assert found.status in STATUSES


def test_pause_and_resume_in_a_wrong_status_do_nothing(rig: Rig) -> None:
    """Pausing the queued, resuming what waits, and both on what has ended."""
    instance = rig.create(flow(wait_for_go))
    instance.pause()
    assert instance.status().status == "queued"
    rig.settle()
    instance.resume()
    assert instance.status().status == "waiting"
    send(rig, instance, "go", 1)
    instance.pause()
    instance.resume()
    assert output(instance) == 1


def test_a_resumed_instance_stays_queued_while_there_is_no_slot(rig: Rig) -> None:
    """From paused to queued; it runs when the other one has given its slot back."""
    gates = Gates("a", "b")

    async def narrow(event: Any, step: Any) -> Any:
        await wait_for_go(event, step)
        return await step.do("work", lambda: gates.hold(event.instance_id))

    cls = flow(narrow, concurrency=1)
    rig.workers[0].catalog.register(cls)
    first, second = rig.create(cls, "a"), rig.create(cls, "b")
    rig.settle()
    first.pause()
    for instance in (first, second):
        instance.send_event("go")
    with crew(rig):
        assert gates.inside["b"].wait(30)
        first.resume()
        wait_until(lambda: rig.queued() == 0, what="the resume has been looked at")
        assert first.status().status == "queued"
        assert not gates.inside["a"].is_set()
        gates.let_go("a")
        gates.let_go("b")
        assert second.result(timeout=30) == "b"
        wait_until(partial(alarmed, rig, first), what="the first one runs")


@pytest.mark.parametrize("status", ["queued", "waiting", "paused"])
def test_terminate_is_immediate(rig: Rig, status: str) -> None:
    """In every status that has not ended; nothing runs afterwards."""
    ran: list[int] = []

    async def waits(event: Any, step: Any) -> Any:
        await step.sleep("nap", 60)
        await step.do("work", lambda: ran.append(1))

    instance = rig.create(flow(waits))
    if status != "queued":
        rig.settle()
    if status == "paused":
        instance.pause()
    assert instance.status().status == status
    instance.terminate()
    assert instance.status().status == "terminated"
    rig.settle()
    rig.pass_time(HOUR)
    assert (instance.status().status, ran) == ("terminated", [])


@pytest.mark.parametrize("end", ["complete", "errored", "terminated"])
def test_restart_keeps_id_params_and_event(rig: Rig, end: str) -> None:
    """Whatever the end: queued again, and `run` sees the first event with its first timestamp."""
    seen: list[Any] = []

    async def remember(event: Any, step: Any) -> Any:
        seen.append((event.instance_id, event.payload, event.timestamp))
        if end == "errored":
            raise ValueError("as told")
        if end == "terminated":
            await step.wait_for_event("permit", "go")

    instance = started(rig, remember, {"n": 1})
    if end == "terminated":
        instance.terminate()
    assert instance.status().status == end
    rig.clock.advance(HOUR)
    instance.restart()
    found = instance.status()
    assert (found.status, found.output, found.error) == ("queued", None, None)
    rig.settle()
    assert len(seen) >= 2
    assert all(one == seen[0] for one in seen)


def test_delete_stops_and_forgets_and_the_id_is_free(rig: Rig) -> None:
    """A waiting instance is gone without a trace; the same id begins anew."""
    cls = flow(wait_for_go)
    instance = rig.create(cls)
    instance.send_event("go", "of the old one")
    instance.delete()
    rig.settle()
    for call in (instance.status, instance.describe, instance.delete, instance.pause, instance.restart):
        with pytest.raises(InstanceNotFound) as caught:
            call()
        assert (caught.value.code, caught.value.id) == ("instance.not_found", "i-1")
    again = rig.create(cls)
    rig.settle()
    assert again.status().status == "waiting"


def test_an_instance_may_delete_itself(rig: Rig) -> None:
    """Inside a step: the execution ends there, and no later step runs."""
    after: list[int] = []

    async def suicidal(event: Any, step: Any) -> Any:
        await step.do("delete me", lambda: rig.client.workflow(cls).get(event.instance_id).delete())
        await step.do("after", lambda: after.append(1))

    cls = flow(suicidal)
    instance = rig.create(cls)
    rig.settle()
    with pytest.raises(InstanceNotFound):
        instance.status()
    rig.pass_time(HOUR)
    assert after == []


def test_a_result_that_does_not_come_is_a_timeout(rig: Rig) -> None:
    """TimeoutError, and the instance goes on."""
    instance = started(rig, wait_for_go)
    with pytest.raises(TimeoutError, match="i-1"):
        instance.result(timeout=0.01)
    send(rig, instance, "go", 1)
    assert instance.result(timeout=0) == 1
