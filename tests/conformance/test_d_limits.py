"""D and SPEC 5: every limit at its edge and one beyond, each a setting; retention is in test_d_retention."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.kit_events import DAY, MIB, echo, flow, new_lifetime, output, wait_for_go
from tests.support import Rig
from wf import Client, PayloadTooLarge
from wf.errors import InvalidBatch, RateLimited
from wf.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULTS = {
    "max_steps": 10_000, "max_payload": MIB, "max_state": 1024 * MIB, "max_wait": 365 * DAY, "max_retries": 10_000,
    "max_batch": 100, "max_schedules": 100, "success_retention": 7 * DAY, "error_retention": 7 * DAY,
    "creation_rate": 0, "workflow_creation_rate": 0,
}  # fmt: skip


def with_settings(settings: Settings, **changed: Any) -> Rig:
    """A rig with other limits."""
    return Rig(settings.model_copy(update=changed))


async def count_steps(event: Any, step: Any) -> Any:
    """Runs so many steps; gives how far it came, and the error."""
    done = 0
    try:
        for n in range(event.payload):
            await step.do(f"s{n}", lambda: None)
            await step.sleep("nap", 0)
            done += 1
    except Exception as error:  # which one it is, the test asks
        return [done, type(error).__name__, str(error)]
    return [done]


async def big_result(event: Any, step: Any) -> Any:
    """Gives the number of attempts and the error of a step whose result has that size."""
    tries: list[int] = []

    def make() -> str:
        tries.append(1)
        return "x" * int(event.payload)

    try:
        return len(await step.do("make", make))
    except PayloadTooLarge as error:
        return [len(tries), error.limit, error.size > error.limit]


@pytest.mark.parametrize(("name", "value"), DEFAULTS.items())
def test_the_default_is_that_of_the_paid_column(name: str, value: float) -> None:
    """Rates are off until set (SPEC 7.16)."""
    assert getattr(Settings(), name) == value


def test_steps_are_limited(rig: Rig) -> None:
    """The class says how many; the error names the limit, can be caught, and comes at each lifetime anew."""
    cls = flow(count_steps, limits={"steps": 3})
    allowed, refused = rig.create(cls, "allowed", 3), rig.create(cls, "refused", 4)
    rig.settle()
    assert output(allowed) == [3]
    done, name, text = output(refused)
    assert (done, name) == (3, "StepLimitError")
    assert "limit of 3 steps has been reached" in text


def test_the_limit_of_steps_is_a_setting(settings: Settings) -> None:
    """WF_MAX_STEPS counts where the class says nothing."""
    with with_settings(settings, max_steps=2) as rig:
        instance = rig.create(flow(count_steps), params=3)
        rig.settle()
        assert output(instance)[:2] == [2, "StepLimitError"]


def test_steps_are_counted_anew_in_each_lifetime(rig: Rig) -> None:
    """Cache hits count once in each pass, so that replays do not use the limit up."""

    async def with_naps(event: Any, step: Any) -> Any:
        for n in range(3):
            await step.do(f"s{n}", lambda: None)
            await step.sleep("nap", 60)
        return "done"

    instance = rig.create(flow(with_naps, limits={"steps": 3}))
    rig.settle()
    for _ in range(3):
        new_lifetime(rig)
        rig.pass_time(60)
    assert output(instance) == "done"


def test_a_result_holds_one_mebibyte(rig: Rig) -> None:
    """More fails the step at once, without retry (SPEC 7.13), with size and limit, and can be caught."""
    cls = flow(big_result)
    fits, too_big = rig.create(cls, "fits", MIB - 1000), rig.create(cls, "too-big", MIB)
    rig.settle()
    assert output(fits) == MIB - 1000
    assert output(too_big) == [1, MIB, True]


def test_an_uncaught_result_that_is_too_big_ends_the_instance(rig: Rig) -> None:
    """So does the output of `run`; the error names the setting."""

    async def big_output(event: Any, step: Any) -> Any:
        return "x" * MIB

    instance = rig.create(flow(big_output))
    rig.settle()
    found = instance.status()
    assert (found.status, found.error.name) == ("errored", "PayloadTooLarge")
    assert "WF_MAX_PAYLOAD" in found.error.message


def test_the_size_of_payloads_is_a_setting(settings: Settings) -> None:
    """WF_MAX_PAYLOAD: params, events and batches."""
    with with_settings(settings, max_payload=100) as rig:
        workflow = rig.client.workflow(flow(wait_for_go))
        instance = workflow.create("small", "x" * 50)
        refusals: list[Callable[[], Any]] = [
            lambda: workflow.create("big", "x" * 101),
            lambda: instance.send_event("go", "x" * 101),
            lambda: workflow.create_batch([{"params": "x" * 60}, {"params": "x" * 60}]),
        ]
        for refused in refusals:
            with pytest.raises(PayloadTooLarge) as caught:
                refused()
            assert caught.value.limit == 100


def test_the_state_of_an_instance_is_limited(settings: Settings) -> None:
    """WF_MAX_STATE: the result that would pass it fails its step."""

    async def hoard(event: Any, step: Any) -> Any:
        try:
            for n in range(10):
                await step.do(f"s{n}", lambda: "x" * 400)
        except Exception as error:  # which one it is, the test asks
            return [n, type(error).__name__]

    with with_settings(settings, max_state=1000) as rig:
        instance = rig.create(flow(hoard))
        rig.settle()
        assert output(instance) == [2, "StateLimitError"]


@pytest.mark.parametrize(("limit", "allowed"), [(10_000, True), (10_001, False)])
def test_retries_are_limited(rig: Rig, limit: int, allowed: bool) -> None:
    """10,000 of one step; more is a ValueError that names the step."""

    async def retry(event: Any, step: Any) -> Any:
        try:
            return await step.do("often", lambda: "ran", config={"retries": {"limit": limit}})
        except ValueError as error:
            return str(error)

    instance = rig.create(flow(retry))
    rig.settle()
    assert (output(instance) == "ran") is allowed
    assert allowed or "often" in output(instance)


def test_a_wait_and_a_sleep_are_limited_by_a_setting(settings: Settings) -> None:
    """WF_MAX_WAIT, for both."""

    async def wait(event: Any, step: Any) -> Any:
        errors = 0
        calls: list[Callable[[], Any]] = [
            lambda: step.sleep("nap", 61),
            lambda: step.wait_for_event("permit", "go", timeout=61),
        ]
        for call in calls:
            try:
                await call()
            except ValueError:
                errors += 1
        await step.sleep("nap", 0)
        return errors

    with with_settings(settings, max_wait=60) as rig:
        instance = rig.create(flow(wait))
        rig.settle()
        assert output(instance) == 2


def test_a_step_name_has_256_characters(rig: Rig) -> None:
    """One more or a control character is refused at the call, for every kind of step."""

    async def names(event: Any, step: Any) -> Any:
        await step.do("x" * 256, lambda: None)
        refused = 0
        for bad in ("x" * 257, "a\nb", 7):
            calls: list[Callable[[], Any]] = [
                partial(step.do, bad, lambda: None),
                partial(step.sleep, bad, 0),
                partial(step.wait_for_event, bad, "go"),
            ]
            for call in calls:
                try:
                    await call()
                except (ValueError, TypeError):
                    refused += 1
        return refused

    instance = rig.create(flow(names))
    rig.settle()
    assert output(instance) == 9


@pytest.mark.parametrize("name", ["x" * 65, "", "-a", "a.b", "a b"])
def test_a_workflow_name_that_cannot_be_is_refused_with_the_class(name: str) -> None:
    """1 to 64 letters, digits, '-' and '_', not beginning with '-'."""
    with pytest.raises(ValueError, match="name"):
        flow(echo, name=name)


def test_a_workflow_name_has_64_characters(rig: Rig) -> None:
    """The longest one works."""
    instance = rig.create(flow(echo, name="contract-" + "x" * 55))
    rig.settle()
    assert output(instance) == {}


def test_the_size_of_batches_is_a_setting(settings: Settings) -> None:
    """WF_MAX_BATCH, for create_batch and delete_batch."""
    with with_settings(settings, max_batch=2) as rig:
        workflow = rig.client.workflow(flow(echo))
        assert len(workflow.create_batch([{"id": "a"}, {"id": "b"}])) == 2
        with pytest.raises(InvalidBatch, match="2"):
            workflow.create_batch(count=3)
        with pytest.raises(InvalidBatch, match="2"):
            workflow.delete_batch(["a", "b", "c"])


@pytest.mark.parametrize("setting", ["creation_rate", "workflow_creation_rate"])
def test_the_rate_of_creation_is_limited_once_it_is_set(rig: Rig, setting: str) -> None:
    """Creations, entries of batches and restarts count; the error says when to try again, and nothing was done."""
    with Client(settings=rig.settings.model_copy(update={setting: 3.0}), clock=rig.clock) as client:
        workflow = client.workflow(flow(echo))
        first = workflow.create()
        first.restart()
        workflow.create()
        for refused in (workflow.create, first.restart, lambda: workflow.create_batch(count=1)):
            with pytest.raises(RateLimited) as caught:
                refused()
            assert (caught.value.code, caught.value.limit) == ("rate_limited", 3.0)
            assert 0 < caught.value.retry_after <= 1
        assert len(workflow.list()) == 2
        rig.clock.advance(1)
        assert len(workflow.create_batch(count=3).created) == 3


def test_without_limits_any_number_is_created(rig: Rig) -> None:
    """No rate is set by default."""
    workflow = rig.client.workflow(flow(echo))
    for _ in range(4):
        workflow.create_batch(count=100)
    assert rig.queued() == 400
