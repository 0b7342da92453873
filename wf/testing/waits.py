"""Waiting in a test: until something is there, or cannot come any more, or does not come by itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from wf.errors import WfError
from wf.workflow import registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.testing.workbench import Workbench

TIMEOUT = 10.0
"""Real seconds that a wait takes at most, if it is not told."""

PATIENCE = 0.5
"""Real seconds in which somebody else may still do something, when nothing will happen by itself."""

__tracebackhide__ = True  # of what fails here pytest shows the line of the test


class UnreachableError(WfError):
    """What a test waits for will never be."""

    code = "testing.unreachable"


class WaitTimeout(WfError, TimeoutError):
    """What a test waits for has not come about; the message says what the instance waits for itself."""

    code = "testing.wait_timeout"


def wait(
    bench: Workbench, look: Callable[[], tuple[Any] | None], timeout: float | None, why: Callable[[str], str]
) -> Any:
    """Look until there is something.

    Args:
        bench: The engine.
        look: Gives it in a tuple, or None; raises if it cannot come any more.
        timeout: Real seconds. None: 10, and much less if nothing will happen by itself in this time.
        why: Says why there was nothing, and when it was given up.

    Raises:
        WaitTimeout: There was nothing.
    """
    limit = TIMEOUT if timeout is None else timeout
    deadline = time.monotonic() + limit
    hopeless_since: float | None = None
    while True:
        bench.crew.check()
        if (found := look()) is not None:
            return found[0]
        now = time.monotonic()
        if now >= deadline:
            raise WaitTimeout(why(f"within {limit:g} s"))
        if timeout is not None or not bench.hopeless(deadline - now):
            hopeless_since = None
        elif hopeless_since is None:
            hopeless_since = now
        elif now - hopeless_since > PATIENCE:
            raise WaitTimeout(why("and nothing will happen by itself in this time"))
        with bench.crew.changed:
            bench.crew.changed.wait(min(deadline - now, 0.05))


def late(bench: Workbench, workflow: str, id: str, what: str, when: str) -> str:
    """Why a wait has got nothing: what the instance itself waits for, and how to go on."""
    whose = f"Instance {id!r} of workflow {workflow!r}"
    found = bench.looks.instance(workflow, id)
    if found is None:
        return f"{whose} has not got {what} {when}: it does not exist. Was it created with this id?"
    if registry.find(workflow) is None:
        return f"{whose} has not got {what} {when}: nobody here knows the workflow. Import the module of its class."
    open_rows = bench.looks.open(found.key, bench.clock.now())
    waits = f" It waits for {'; '.join(open_rows)}." if open_rows else ""
    return (
        f"{whose} has not got {what} {when}: its status is {found.status!r}.{waits} Move time with "
        f"wf.time.advance(...), or use m.disable_sleeps(), m.disable_retry_delays() or m.mock_event(). If somebody "
        f"else does something later, say how long to wait with timeout=."
    )
