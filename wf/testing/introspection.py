"""Looking into instances, and changing how they run: Cloudflare's introspectors, in Python's spelling."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Self

from wf.answers import Answer
from wf.codec import decode
from wf.errors import InstanceNotFound, NonDeterminismError, WfError
from wf.faults import decode_error
from wf.status import TERMINAL, Status, StepStatus
from wf.testing.aio import AsyncInstanceIntrospector, AsyncWorkflowIntrospector
from wf.testing.changes import Changes
from wf.testing.modifier import Modifier, selected
from wf.workflow import registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.testing.modifier import Selector
    from wf.testing.workbench import Workbench

TIMEOUT = 10.0
"""Real seconds that the waits of a test take at most."""

PATIENCE = 0.5
"""Real seconds in which somebody else may still do something, when nothing will happen by itself."""

__tracebackhide__ = True  # of what fails here pytest shows the line of the test


class UnreachableError(WfError):
    """What a test waits for will never be."""

    code = "testing.unreachable"


class WaitTimeout(WfError, TimeoutError):
    """What a test waits for has not come about; the message says what the instance waits for itself."""

    code = "testing.wait_timeout"


class InstanceIntrospector:
    """Looks into one instance, which need not exist yet. At the end of a `with` block the instance is removed.

    Attributes:
        workflow: The name of its workflow.
        id: Its id.
    """

    def __init__(self, bench: Workbench, workflow: str, id: str) -> None:
        self._bench, self.workflow, self.id = bench, workflow, id

    def __repr__(self) -> str:
        return f"<InstanceIntrospector of {self.id!r} of workflow {self.workflow!r}>"

    def modify(self, change: Callable[[Modifier], Any]) -> Self:
        """Change how the instance runs, from now on.

        Args:
            change: Is called with the modifier `m`, such as `lambda m: m.disable_sleeps()`.
        """
        apply(change, self.wanted())
        self.look_again()
        return self

    def wanted(self) -> Changes:
        """What is wanted of the instance, to be changed in place; then `look_again`."""
        found = self._bench.looks.instance(self.workflow, self.id)
        return self._bench.stage.changes(self.workflow, self.id, None if found is None else found.key)

    def look_again(self) -> None:
        """Let a worker see what is wanted, if the instance exists."""
        found = self._bench.looks.instance(self.workflow, self.id)
        if found is not None and found.status not in TERMINAL:
            self._bench.crew.look_again(found.key, found.generation)

    def wait_for_step_result(self, step: Selector, timeout: float = TIMEOUT) -> Any:
        """Wait until a `do` step has ended.

        Args:
            step: Which step.
            timeout: Real seconds.

        Returns:
            Its result; `[REDACTED]` if it is sensitive.

        Raises:
            UnreachableError: The instance has ended without it.
            WaitTimeout: It has not ended in time, or nothing will happen any more unless time is moved.
            Exception: What the step failed with.
        """
        which = selected(step)

        def look() -> tuple[Any] | None:
            found = self._bench.looks.instance(self.workflow, self.id)
            if found is None:
                return None
            row = self._bench.looks.step(found.key, which)
            if row is not None and row.status == StepStatus.COMPLETE:
                if (row.config or {}).get("sensitive"):
                    return ("[REDACTED]",)
                return (None if row.output is None else decode(row.output),)
            if row is not None and row.status == StepStatus.ERRORED and row.error is not None:
                raise decode_error(row.error)
            if found.status in TERMINAL:
                raise UnreachableError(
                    f"The Workflow instance {self.id!r} has reached status {found.status!r} without a result of step "
                    f"{which.name!r} ({which.index}).{self._failure()}"
                )
            self._check_paused(found.status)
            return None

        return self._wait(look, f"a result of step {which.name!r} ({which.index})", timeout)

    def wait_for_status(self, status: str, timeout: float = TIMEOUT) -> None:
        """Wait until the instance has this status, or has it now. `queued` is reached at once.

        Args:
            status: Such as `"complete"`, `"waiting"` or `"paused"`.
            timeout: Real seconds.

        Raises:
            ValueError: There is no such status.
            UnreachableError: The instance has ended in another one.
            WaitTimeout: It has not come in time, or nothing will happen any more unless time is moved.
        """
        if status not in set(Status):
            raise ValueError(f"There is no status {status!r}; it is one of {', '.join(map(str, Status))}.")

        def look() -> tuple[Any] | None:
            found = self._bench.looks.instance(self.workflow, self.id)
            if found is None:
                return (None,) if status == Status.QUEUED else None
            if status in (found.status, Status.QUEUED):
                return (None,)
            if found.status in TERMINAL:
                raise UnreachableError(
                    f"The Workflow instance {self.id!r} has reached status {found.status!r}. This is a finite status "
                    f"that prevents it from ever reaching the expected status of {status!r}.{self._failure()}"
                )
            self._check_paused(found.status)
            return None

        self._wait(look, f"status {status!r}", timeout)

    def get_output(self) -> Any:
        """What `run` has returned.

        Raises:
            UnreachableError: The instance is not complete.
            InstanceNotFound: There is no such instance.
        """
        self._need(Status.COMPLETE, "output")
        return self._instance().result(timeout=0)

    def get_error(self) -> Answer:
        """`name` and `message` of what `run` has failed with.

        Raises:
            UnreachableError: The instance is not errored.
            InstanceNotFound: There is no such instance.
        """
        self._need(Status.ERRORED, "error")
        error = self._instance().status().error
        return Answer(name=error.name, message=error.message)

    def dispose(self) -> None:
        """Remove the instance and all that a test wanted of it."""
        self._bench.stage.drop(self.workflow, self.id)
        try:
            self._instance().delete()
        except InstanceNotFound:  # it was never created, or a test has deleted it
            return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dispose()

    async def __aenter__(self) -> AsyncInstanceIntrospector:
        return AsyncInstanceIntrospector(self)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.dispose)

    def _instance(self) -> Any:
        return self._bench.client.workflow(self.workflow).get(self.id)

    def _need(self, status: Status, what: str) -> None:
        found = self._bench.looks.instance(self.workflow, self.id)
        if found is None:
            raise InstanceNotFound(self.workflow, self.id)
        if found.status != status:
            raise UnreachableError(
                f'Cannot retrieve {what}: Workflow instance {self.id!r} is in status "{found.status}" but must be '
                f'"{status}" to have an {what} available.{self._failure()}'
            )

    def _failure(self) -> str:
        error = self._instance().status().error
        return "" if error is None else f" It failed with {error.name}: {error.message}"

    def _check_paused(self, status: str) -> None:
        """An instance that was paused because its replay differs will not go on."""
        if status != Status.PAUSED:
            return
        error = self._instance().status().error
        if error is not None and error.name == NonDeterminismError.__name__:
            raise UnreachableError(f"Instance {self.id!r} of workflow {self.workflow!r} was paused: {error.message}")

    def _wait(self, look: Callable[[], tuple[Any] | None], what: str, timeout: float) -> Any:
        """Look until there is something; give up at once if nothing will happen, and nobody else does anything."""
        bench, crew = self._bench, self._bench.crew
        deadline = time.monotonic() + timeout
        hopeless_since: float | None = None
        while True:
            crew.check()
            if (found := look()) is not None:
                return found[0]
            now = time.monotonic()
            if now >= deadline:
                raise WaitTimeout(self._late(what, f"within {timeout} s"))
            if not bench.hopeless(deadline - now):
                hopeless_since = None
            elif hopeless_since is None:
                hopeless_since = now
            elif now - hopeless_since > PATIENCE:
                raise WaitTimeout(self._late(what, "and nothing will happen by itself in this time"))
            with crew.changed:
                crew.changed.wait(min(deadline - now, 0.05))

    def _late(self, what: str, when: str) -> str:
        """Why a wait has got nothing: what the instance itself waits for, and how to go on."""
        whose = f"Instance {self.id!r} of workflow {self.workflow!r}"
        found = self._bench.looks.instance(self.workflow, self.id)
        if found is None:
            return f"{whose} has not got {what} {when}: it does not exist. Was it created with this id?"
        if registry.find(self.workflow) is None:
            return f"{whose} has not got {what} {when}: nobody here knows the workflow. Import the module of its class."
        open_rows = self._bench.looks.open(found.key, self._bench.clock.now())
        waits = f" It waits for {'; '.join(open_rows)}." if open_rows else ""
        return (
            f"{whose} has not got {what} {when}: its status is {found.status!r}.{waits} Move time with "
            f"wf.time.advance(...), or use m.disable_sleeps(), m.disable_retry_delays() or m.mock_event()."
        )


class WorkflowIntrospector:
    """Watches all instances of a workflow that are created from now on; one at a time for each workflow.

    At the end of a `with` block these instances are removed.
    """

    def __init__(self, bench: Workbench, workflow: str) -> None:
        self._bench, self.workflow = bench, workflow
        self._after = bench.looks.newest()
        self._changes = Changes()
        self._open = True

    def __repr__(self) -> str:
        return f"<WorkflowIntrospector of {self.workflow!r}>"

    def modify_all(self, change: Callable[[Modifier], Any]) -> Self:
        """Change how every instance runs that is created from now on; called again, it adds to the changes of before.

        Args:
            change: Is called with the modifier `m`.
        """
        changes = self.wanted()
        apply(change, changes)
        self.record(changes)
        return self

    def wanted(self) -> Changes:
        """A copy of what is wanted of the instances to come, to be changed and recorded."""
        self._check_open()
        return self._changes.copied()

    def record(self, changes: Changes) -> None:
        """Want this of the instances that are created from now on."""
        self._changes = changes
        self._bench.stage.record(self.workflow, changes, self._bench.looks.newest())

    def get(self) -> list[InstanceIntrospector]:
        """The instances that were created since this began, in the order of their creation."""
        self._check_open()
        return self._created()

    def dispose(self) -> None:
        """Stop to watch, and remove the instances; again it does nothing."""
        if self._open:
            self._open = False
            self._bench.stage.forget(self.workflow)
            for instance in self._created():
                instance.dispose()
            self._bench.end_session(self.workflow)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dispose()

    async def __aenter__(self) -> AsyncWorkflowIntrospector:
        return AsyncWorkflowIntrospector(self)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.dispose)

    def _created(self) -> list[InstanceIntrospector]:
        ids = self._bench.looks.created(self.workflow, self._after)
        return [InstanceIntrospector(self._bench, self.workflow, id) for id in ids]

    def _check_open(self) -> None:
        if not self._open:
            raise UnreachableError(
                f"Workflow {self.workflow!r} does not have an active introspection session for this introspector: it "
                f"was disposed of. Begin another one with introspect()."
            )


def apply(change: Callable[[Modifier], Any], changes: Changes) -> None:
    """Call what a test wants with a modifier.

    Raises:
        TypeError: It is a coroutine function, which the sync introspectors cannot await.
    """
    answer = change(Modifier(changes))
    if hasattr(answer, "__await__"):
        close = getattr(answer, "close", None)
        if close is not None:
            close()
        raise TypeError("modify() got an async function: pass a plain one, such as lambda m: m.disable_sleeps().")
