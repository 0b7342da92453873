"""Workflows in a line, lifetimes, and moments: what the conformance tests of events, clients and feeds share."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from types import new_class
from typing import TYPE_CHECKING, Any

from tests.support.rig import START
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.support import Rig
    from wf.answers import Answer
    from wf.instance import Instance

    Run = Callable[[Any, Any], Awaitable[Any]]

SECOND, MINUTE, HOUR, DAY = 1.0, 60.0, 3600.0, 86_400.0
MIB = 1_048_576

ONE_TRY = {"retries": {"limit": 0}}

_NUMBERS = count()


def flow(run: Run, **keywords: Any) -> type[WorkflowEntrypoint]:
    """A workflow with this `run(event, step)` and a name of its own."""

    async def entry(_: Any, event: Any, step: Any) -> Any:
        return await run(event, step)

    def fill(body: dict[str, Any]) -> None:
        body["run"] = entry

    keywords.setdefault("name", f"contract-{run.__name__.replace('_', '-')[:40]}-{next(_NUMBERS)}")
    return new_class("Contract", (WorkflowEntrypoint,), keywords, exec_body=fill)


async def wait_for_go(event: Any, step: Any) -> Any:
    """Waits a day for one event of type `go`, and gives its payload."""
    return (await step.wait_for_event("permit", "go")).payload


async def echo(event: Any, step: Any) -> Any:
    """Gives its payload, or does what that says: fail, sleep, wait or back off."""
    match event.payload:
        case "fail":
            raise ValueError("as told")
        case "sleep":
            await step.sleep("nap", HOUR)
        case "wait":
            return await wait_for_go(event, step)
        case "backoff":
            await step.do("flaky", _fail, config={"retries": {"limit": 1, "delay": "1 hour"}})
        case _:
            pass
    return event.payload


def _fail() -> None:
    raise ValueError("not yet")


def new_lifetime(rig: Rig) -> None:
    """Every suspended `run` is forgotten, as when all workers were started anew."""
    for worker in rig.workers:
        worker.engine.passes.clear()


def started(rig: Rig, run: Run, params: Any = None, **keywords: Any) -> Instance:
    """An instance of such a workflow, as far as it comes by itself."""
    instance = rig.create(flow(run, **keywords), params=params)
    rig.settle()
    return instance


def send(rig: Rig, instance: Instance, type: str, *payloads: Any) -> None:
    """Events in this order; then whatever they set off."""
    for payload in payloads:
        instance.send_event(type, payload)
    rig.settle()


def output(instance: Instance) -> Any:
    """The output of an instance that has to be complete."""
    found = instance.status()
    assert found.status == "complete", found
    return found.output


def moment(seconds: float) -> datetime:
    """So many seconds after the start of the rig's clock."""
    return datetime.fromtimestamp(START + seconds, UTC)


def entry(instance: Instance, name: str) -> Answer:
    """The step of that name, with its counter, out of a description."""
    found: list[Answer] = [step for step in instance.describe().steps if step.name == name]
    assert len(found) == 1, [step.name for step in found]
    return found[0]


@contextmanager
def crew(rig: Rig) -> Iterator[None]:
    """Workers that take messages as they come, in turn, each on a thread of its own."""
    stop, runs = threading.Event(), list[Future[Any]]()

    def pump() -> None:
        turn = count()
        with ThreadPoolExecutor(16) as threads:
            while not stop.wait(0.005):
                for nudge in rig.take():
                    runs.append(threads.submit(rig.advance, nudge, next(turn) % len(rig.workers)))

    pumping = threading.Thread(target=pump)
    pumping.start()
    try:
        yield
    finally:
        stop.set()
        pumping.join()
    for run in runs:
        run.result(timeout=0)


class Gates:
    """Callbacks that stand still until the test lets each go, by name."""

    def __init__(self, *names: str) -> None:
        self._open = {name: threading.Event() for name in names}
        self.inside = {name: threading.Event() for name in names}
        self.left: list[str] = []

    def hold(self, name: str) -> str:
        """A callback: gives its name when it may go."""
        self.inside[name].set()
        if not self._open[name].wait(30):
            raise TimeoutError(f"Nobody let {name!r} go.")
        self.left.append(name)
        return name

    def wait_inside(self) -> None:
        """Wait until all callbacks run at the same time."""
        for name, reached in self.inside.items():
            assert reached.wait(30), f"{name} does not run"

    def let_go(self, name: str) -> None:
        """Let one go on."""
        self._open[name].set()
