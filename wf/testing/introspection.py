"""Looking into instances, and changing how they run: Cloudflare's introspectors, in Python's spelling."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from wf.answers import Answer
from wf.codec import decode
from wf.errors import InstanceNotFound, NonDeterminismError, WorkflowNotFound
from wf.faults import decode_error
from wf.status import TERMINAL, Status, StepStatus
from wf.testing.aio import AsyncInstanceIntrospector
from wf.testing.modifier import Modifier, apply, selected
from wf.testing.waits import UnreachableError, late, wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.testing.changes import Changes
    from wf.testing.modifier import Selector
    from wf.testing.workbench import Workbench

__tracebackhide__ = True  # of what fails here pytest shows the line of the test


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

    def wait_for_step_result(self, step: Selector, timeout: float | None = None) -> Any:
        """Wait until a `do` step has ended.

        Args:
            step: Which step.
            timeout: Real seconds. None: 10, and much less if nothing will happen by itself in this time.

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

        return self._wait(look, timeout, f"a result of step {which.name!r} ({which.index})")

    def wait_for_status(self, status: str, timeout: float | None = None) -> None:
        """Wait until the instance has this status, has it now, or comes by it meanwhile. `queued` is reached at once.

        Args:
            status: Such as `"complete"`, `"waiting"` or `"paused"`.
            timeout: Real seconds. None: 10, and much less if nothing will happen by itself in this time.

        Raises:
            ValueError: There is no such status.
            UnreachableError: The instance has ended in another one.
            WaitTimeout: It has not come in time, or nothing will happen any more unless time is moved.
        """
        if status not in set(Status):
            raise ValueError(f"There is no status {status!r}; it is one of {', '.join(map(str, Status))}.")

        since: int | None = None

        def look() -> tuple[Any] | None:
            nonlocal since
            found = self._bench.looks.instance(self.workflow, self.id)
            if found is None:
                since = 0
                return (None,) if status == Status.QUEUED else None
            since = found.rev if since is None else since
            if status in (found.status, Status.QUEUED) or self._bench.looks.passed(found, status, since):
                return (None,)
            if found.status in TERMINAL:
                raise UnreachableError(
                    f"The Workflow instance {self.id!r} has reached status {found.status!r}. This is a finite status "
                    f"that prevents it from ever reaching the expected status of {status!r}.{self._failure()}"
                )
            self._check_paused(found.status)
            return None

        self._wait(look, timeout, f"status {status!r}")

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
        except (InstanceNotFound, WorkflowNotFound):  # it was never created, or a test has deleted it
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

    def _wait(self, look: Callable[[], tuple[Any] | None], timeout: float | None, what: str) -> Any:
        return wait(self._bench, look, timeout, partial(late, self._bench, self.workflow, self.id, what))
