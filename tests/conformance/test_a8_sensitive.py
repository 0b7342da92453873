"""A.8: `sensitive: "output"` hides a step's output from whoever looks, and from nobody who works with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.conformance.kit_events import entry
from tests.conformance.kit_steps import HOUR, Failing, once, output, started, to_the_end, wake

if TYPE_CHECKING:
    from tests.support import Rig

SECRET = "s3cret-t0ken"
HIDDEN = {"sensitive": "output"}


async def secretive(_: Any, step: Any) -> Any:
    """Uses a secret in a second step, in another lifetime, too."""
    token = await step.do("log in", lambda: {"token": SECRET}, config=HIDDEN)
    await step.sleep("between", HOUR)
    return await step.do("use", lambda: len(token["token"]))


def seen(instance: Any) -> str:
    """All that clients can see of an instance, as one text."""
    events = list(instance.subscribe(cursor=0))
    found = [instance.status(), instance.describe(), events]
    assert events
    return json.dumps(found, default=str)


def test_the_output_is_given_to_run_and_shown_to_nobody(rig: Rig) -> None:
    """Later code gets the real value, replayed too; descriptions and the feed show [REDACTED]."""
    instance = started(rig, secretive)
    wake(rig)
    assert output(instance) == len(SECRET)
    assert entry(instance, "log in-1").output == "[REDACTED]"
    assert entry(instance, "use-1").output == len(SECRET)
    assert SECRET not in seen(instance)
    assert "[REDACTED]" in json.dumps(list(instance.subscribe(cursor=0)), default=str)


def test_an_output_of_nothing_is_hidden_too(rig: Rig) -> None:
    """Whether a step gave None, False or something cannot be told."""

    async def silent(_: Any, step: Any) -> None:
        await step.do("none", lambda: None, config=HIDDEN)
        await step.do("false", lambda: False, config=HIDDEN)

    assert [step.output for step in started(rig, silent).describe().steps] == ["[REDACTED]"] * 2


def test_errors_are_not_hidden(rig: Rig) -> None:
    """The message of a failure is shown as it is."""

    async def failing(_: Any, step: Any) -> None:
        await step.do("log in", Failing(error=ValueError(SECRET)), config={**once(), **HIDDEN})

    instance = started(rig, failing)
    assert to_the_end(rig, instance).error.message == SECRET
    assert entry(instance, "log in-1").error.message == SECRET


def test_params_and_the_instances_output_are_not_covered(rig: Rig) -> None:
    """Only the output of the step is; what `run` returns is the author's own affair."""

    async def telling(_: Any, step: Any) -> Any:
        return await step.do("log in", lambda: SECRET, config=HIDDEN)

    shown = started(rig, telling, params={"given": SECRET}).describe()
    assert (shown.params, shown.output, shown.steps[0].output) == ({"given": SECRET}, SECRET, "[REDACTED]")


def test_the_heartbeats_of_such_a_step_are_hidden(rig: Rig) -> None:
    """What an attempt tells of its way is as sensitive as its result."""

    def tell(ctx: Any) -> str:
        ctx.heartbeat({"so far": SECRET})
        if ctx.attempt == 1:
            raise ValueError("not yet")
        return SECRET

    async def telling(_: Any, step: Any) -> int:
        return len(await step.do("tell", tell, config={**once(1, delay=HOUR), **HIDDEN}))

    instance = started(rig, telling)
    assert SECRET not in seen_so_far(instance)
    to_the_end(rig, instance)
    assert SECRET not in seen(instance)


def seen_so_far(instance: Any) -> str:
    """The description of an instance that has not ended."""
    return json.dumps(instance.describe(), default=str)
