"""Section A.1: how workflow classes are made, and `self.ctx`."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from tests.support import Rig
    from wf.core import Event, Step


class Waiter(WorkflowEntrypoint, name="env-wait-until"):
    """Its step lets something run on, which ends the step's own waiting."""

    async def run(self, event: Event, step: Step) -> Any:
        async def start() -> str:
            done = asyncio.Event()

            async def beside() -> None:
                done.set()

            self.ctx.wait_until(beside())
            await done.wait()
            return "ran on"

        return await step.do("start", start)


class BrokenConstructor(WorkflowEntrypoint, name="env-broken-constructor"):
    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        raise RuntimeError("no database of mine")


def test_something_may_run_on_beside_a_step(rig: Rig) -> None:
    """`self.ctx.wait_until` takes an awaitable and runs it."""
    instance = rig.create(Waiter)
    rig.settle()
    assert instance.status().output == "ran on"


def test_a_constructor_that_fails_fails_the_run(rig: Rig) -> None:
    """The instance is errored with what the constructor raised, rather than tried for ever."""
    instance = rig.create(BrokenConstructor)
    rig.settle()
    assert instance.status().error.message == "no database of mine"


def test_a_constructor_that_takes_no_env_is_refused_at_the_class() -> None:
    """The error comes with the class statement and says what to write."""
    with pytest.raises(TypeError, match=r"Misfit cannot be made with \(ctx, env\).*super\(\).__init__\(ctx, env\)"):

        class Misfit(WorkflowEntrypoint, name="env-misfit"):
            def __init__(self) -> None:
                super().__init__()


def test_a_workflow_can_be_made_by_hand() -> None:
    """In a unit test, `env` is whatever one hands over."""
    made = Waiter(None, SimpleNamespace(KEY=1))
    assert made.env.KEY == 1
    assert Waiter().env is None
