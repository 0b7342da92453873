"""A.3: what the step context says, and that it is a copy; `idempotency_key`, `cancelled`, `log` of SPEC 1."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.conformance.kit_events import entry
from tests.conformance.kit_steps import Failing, new_lifetime, once, output, started, to_the_end, wake

if TYPE_CHECKING:
    from tests.support import Rig
    from wf import StepContext

DEFAULTS = {"retries": {"limit": 5, "delay": 10, "backoff": "exponential"}, "timeout": 600}


def contexts(rig: Rig, *configs: Any, names: tuple[str, ...] | None = None) -> list[StepContext]:
    """The contexts that the callbacks of steps with these configurations got."""
    seen: list[StepContext] = []

    async def watched(_: Any, step: Any) -> None:
        for number, config in enumerate(configs):
            await step.do("look" if names is None else names[number], seen.append, config=config)

    to_the_end(rig, started(rig, watched))
    return seen


def test_it_names_the_step_and_its_occurrence(rig: Rig) -> None:
    """`step.name` as passed and `step.count` from 1, as items and as attributes; `attempt` is 1 at first."""
    found = contexts(rig, None, None, None, names=("a", "b", "a"))
    assert [(ctx.step.name, ctx.step.count) for ctx in found] == [("a", 1), ("b", 1), ("a", 2)]
    assert [ctx["step"] for ctx in found] == [
        {"name": "a", "count": 1},
        {"name": "b", "count": 1},
        {"name": "a", "count": 2},
    ]
    assert [ctx.attempt for ctx in found] == [ctx["attempt"] for ctx in found] == [1, 1, 1]


def test_attempts_are_numbered_from_1(rig: Rig) -> None:
    """1 on the first try, 2 on the first retry, whatever worker does it."""
    seen: list[Any] = []

    async def retried(_: Any, step: Any) -> Any:
        calls = Failing(times=2)

        def call(ctx: Any) -> int:
            seen.append((ctx.attempt, ctx["attempt"]))
            return calls()

        return await step.do("call", call, config=once(2))

    to_the_end(rig, started(rig, retried))
    assert seen == [(1, 1), (2, 2), (3, 3)]


def test_the_config_is_resolved_in_seconds(rig: Rig) -> None:
    """What is absent has its default; durations are seconds, whatever they were written in."""
    given = {"retries": {"limit": 2, "delay": "1 minute", "backoff": "linear"}, "timeout": timedelta(hours=1)}
    plain, whole, partly = contexts(rig, None, given, {"timeout": "5 minutes"})

    def known(config: Any) -> Any:
        retries = {key: config["retries"][key] for key in ("limit", "delay", "backoff")}
        return {"retries": retries, "timeout": config["timeout"]}

    assert known(plain.config) == known(plain["config"]) == DEFAULTS
    assert known(whole.config) == {"retries": {"limit": 2, "delay": 60, "backoff": "linear"}, "timeout": 3600}
    assert known(partly.config) == {**DEFAULTS, "timeout": 300}
    assert "sensitive" not in plain.config


def test_a_dynamic_delay_is_absent(rig: Rig) -> None:
    """`retries.delay` is not there when the delay is a function; the rest is."""
    (ctx,) = contexts(rig, {"retries": {"limit": 2, "delay": lambda: 1}, "sensitive": "output"})
    assert "delay" not in ctx.config["retries"]
    assert (ctx.config["retries"]["limit"], ctx.config["retries"]["backoff"]) == (2, "exponential")
    assert ctx.config["sensitive"] == "output"


def test_the_config_is_a_copy(rig: Rig) -> None:
    """Changing it changes neither the retries nor the author's own dict."""
    config = once(1, backoff="constant")
    before = copy.deepcopy(config)
    calls: list[int] = []

    def meddle(ctx: Any) -> None:
        calls.append(ctx.attempt)
        ctx.config["retries"]["limit"] = 9
        ctx["config"]["retries"] = {"limit": 9, "delay": 0}
        ctx["attempt"] = 0
        raise ValueError("not yet")

    async def meddled(_: Any, step: Any) -> Any:
        return await step.do("meddle", meddle, config=config)

    instance = started(rig, meddled)
    shown = to_the_end(rig, instance)
    assert (calls, config, shown.status) == ([1, 2], before, "errored")
    assert entry(instance, "meddle-1").config["retries"]["limit"] == 1


def test_the_authors_dict_may_change_after_the_call(rig: Rig) -> None:
    """A configuration is taken as it was at the call; one dict may serve many steps."""

    async def changed(_: Any, step: Any) -> None:
        config = once(0)
        first = step.do("first", lambda: 1, config=config)
        config["retries"]["limit"] = 3
        second = step.do("second", lambda: 2, config=config)
        await first
        await second

    shown = to_the_end(rig, started(rig, changed))
    assert [step.config["retries"]["limit"] for step in shown.steps] == [0, 3]


def test_the_idempotency_key_belongs_to_a_step(rig: Rig) -> None:
    """The same for every attempt and lifetime of one step; another one for each occurrence, name and instance."""
    keys: list[tuple[str, int, str]] = []

    def note(ctx: Any) -> None:
        keys.append((ctx.step.name, ctx.step.count, ctx.idempotency_key))
        if ctx.attempt < 3:
            raise ValueError("not yet")

    async def keyed(_: Any, step: Any) -> None:
        for name in ("pay", "pay", "ship"):
            await step.do(name, note, config=once(2, delay=60))

    for _ in range(2):
        to_the_end(rig, started(rig, keyed), lifetimes=True)
    assert len(keys) == 18
    assert len({key for _, _, key in keys}) == 6
    for occurrence in range(6):
        assert len(set(keys[occurrence * 3 : occurrence * 3 + 3])) == 1
    assert all(type(key) is str and key.isprintable() for _, _, key in keys)


def test_a_restart_gives_new_idempotency_keys(rig: Rig) -> None:
    """A new generation really does everything again; a step that a restart keeps does nothing."""
    keys: list[str] = []

    async def keyed(_: Any, step: Any) -> None:
        await step.do("pay", lambda ctx: keys.append(ctx.idempotency_key))

    instance = started(rig, keyed)
    instance.restart()
    rig.settle()
    assert instance.status().status == "complete"
    assert len(set(keys)) == 2


def test_it_has_an_event_a_log_and_heartbeats(rig: Rig) -> None:
    """`cancelled` is not set at first, `log` takes lines, and a heartbeat's details reach the next attempt."""
    seen: list[Any] = []

    def call(ctx: Any) -> None:
        ctx.log.info("a line", more=1)
        seen.append((ctx.cancelled.is_set(), ctx.details))
        ctx.heartbeat({"row": ctx.attempt})
        if ctx.attempt == 1:
            raise ValueError("not yet")

    async def beating(_: Any, step: Any) -> Any:
        return await step.do("call", call, config=once(1))

    to_the_end(rig, started(rig, beating))
    assert seen == [(False, None), (False, {"row": 1})]


def test_a_context_may_be_a_result(rig: Rig) -> None:
    """A callback that returns its context, or a part of it, returns a plain dict's worth."""

    async def returned(_: Any, step: Any) -> Any:
        found = await step.do("look", lambda ctx: {"step": ctx.step, "attempt": ctx.attempt})
        await step.sleep("between", 60)
        return found

    instance = started(rig, returned)
    new_lifetime(rig)
    wake(rig, 60)
    assert output(instance) == {"step": {"name": "look", "count": 1}, "attempt": 1}
