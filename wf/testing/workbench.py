"""What the `wf` fixture gives: an engine of its own for one test, in this process."""

from __future__ import annotations

from contextlib import ExitStack
from difflib import get_close_matches
from itertools import count
from typing import TYPE_CHECKING, Any, Self, TypeGuard

from wf import crashpoints
from wf.async_client import AsyncClient
from wf.client import Client
from wf.clock import standing_in
from wf.errors import WfError, WorkflowNotFound
from wf.settings import InvalidSettings, Settings
from wf.testing.clock import MovableClock
from wf.testing.crew import Crew
from wf.testing.exploring import explore
from wf.testing.introspection import InstanceIntrospector
from wf.testing.looks import Looks
from wf.testing.messages import Messages
from wf.testing.sessions import WorkflowIntrospector
from wf.testing.stage import Stage
from wf.testing.timetravel import Time
from wf.workflow import WorkflowEntrypoint, registry
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.client import Workflow
    from wf.instance import Instance
    from wf.testing.exploring import Explored
    from wf.testing.registrations import Registrations
    from wf.testing.servers import Servers

Binding = str | type[WorkflowEntrypoint] | Any
"""A workflow: its name, its class, or anything with its `name`, such as a client's workflow or `self.env.REPORT`."""

__tracebackhide__ = True  # of what fails here pytest shows the line of the test


class NoWorkbench(WfError, RuntimeError):
    """There is no engine here: the fixture `wf` is not in use."""

    code = "testing.no_workbench"


class SessionActive(WfError):
    """A workflow has one introspector at a time."""

    code = "testing.session_active"


class Workbench:
    """An isolated engine: its journal is empty, its queue, too, and nobody else sees them.

    What is created, here or by the code under test, is run at once by workers in this process.

    Args:
        servers: Of this process.
        registrations: Of this process.
        workers: Steps that can run at once.
        always_replay: Whether each step is followed by a replay from the first line of `run`, and a replay that
            differs from the journal pauses the instance.
        options: Settings, by their names.

    Raises:
        InvalidSettings: There is no such setting, or it cannot have this value.

    Attributes:
        settings: What everything here runs with.
        time: Moves time.
        client: A client of this engine.
        async_client: The same for async code.
    """

    def __init__(
        self, servers: Servers, registrations: Registrations, *, workers: int = 8, always_replay: bool = False,
        **options: Any,
    ) -> None:  # fmt: skip
        if unknown := set(options) - set(Settings.model_fields):
            known = ", ".join(get_close_matches(min(unknown), Settings.model_fields)) or "those of the README's table"
            raise InvalidSettings(f"There is no setting {min(unknown)!r}; did you mean {known}?")
        if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
            raise InvalidSettings(f"workers= is a number from 1 up, not {workers!r}.")
        self.settings = settings_of(servers, queue="test", key_prefix=f"{servers.prefix}{next(_numbers)}:", **options)
        crashpoints.arm("", "")  # a point that the environment arms is meant for workers, not for pytest
        self._registrations, self._sessions = registrations, set[str]()
        self.clock = MovableClock()
        self.stage = Stage(strict=always_replay)
        self._messages = Messages(self.settings, self.clock)
        self.client = Client(settings=self.settings, clock=self.clock)
        self.async_client = AsyncClient(client=self.client)
        self.looks = Looks(self.client.database)
        self.crew = Crew(
            self.settings, self.clock, self._messages, self.stage, self.client.database,
            instance=self._instance, size=workers, fresh=always_replay,
        )  # fmt: skip
        self._runtime = Runtime(self.settings, self.clock, dispatcher=self._messages)
        self.time = Time(self.clock, self.crew, self._messages, self._runtime)
        self._around = ExitStack()

    @property
    def environment(self) -> dict[str, str]:
        """The `WF_...` variables with which other code, in this process or another, finds this engine."""
        told = self.settings.model_dump(exclude_none=True, exclude_defaults=True)
        return {f"WF_{name.upper()}": str(value) for name, value in told.items()}

    def workflow(self, workflow: Binding) -> Workflow:
        """A workflow, to create instances of; from now on its schedules fire when time is moved.

        Args:
            workflow: Its name or its class.

        Raises:
            WorkflowNotFound: No workflow can have this name.
        """
        name = named(workflow)
        if is_class(workflow) and registry.find(name, workflow.workflow_version) is not workflow:
            registry.add(workflow)  # another test has defined one of the same name
        self._registrations.register(self._runtime.catalog, name)
        return self.client.workflow(workflow if isinstance(workflow, type) else name)

    def introspect_instance(self, workflow: Binding, id: str) -> InstanceIntrospector:
        """Look into an instance, best before it is created: then every change takes effect from its first line.

        Args:
            workflow: Its workflow.
            id: Its id.

        Raises:
            WorkflowNotFound: No class of this name is known in this process.

        Returns:
            An introspector, which is a context manager, also with `async with`.
        """
        return InstanceIntrospector(self, self._known(workflow), id)

    def introspect(self, workflow: Binding) -> WorkflowIntrospector:
        """Look into all instances of a workflow that are created from now on, also by the code under test.

        Raises:
            WorkflowNotFound: No class of this name is known in this process.
            SessionActive: There is an introspector of this workflow that was not disposed.
        """
        name = self._known(workflow)
        if name in self._sessions:
            raise SessionActive(f'Workflow "{name}" already has an active introspection session; dispose of it first.')
        self._sessions.add(name)
        return WorkflowIntrospector(self, name)

    def explore(self, workflow: Binding, *, check: Callable[[Explored], Any], **more: Any) -> int:
        """Run a workflow in many orders of events, with crashes and failures; see `wf.testing.exploring.explore`.

        The journal of this test is emptied before each run.
        """
        return explore(workflow, check=check, bench=self, **more)

    def end_session(self, workflow: str) -> None:
        """An introspector of a workflow was disposed."""
        self._sessions.discard(workflow)

    def settle(self, timeout: float = 10.0) -> None:
        """Wait until everything has run as far as it can at this time.

        Args:
            timeout: Real seconds.

        Raises:
            TimeoutError: Something still runs.
        """
        if not self.crew.settle(timeout):
            raise TimeoutError(f"Steps still run after {timeout} s.")
        self.crew.check()

    def _known(self, workflow: Binding) -> str:
        name = self.workflow(workflow).name
        if registry.find(name) is None:
            raise WorkflowNotFound(name, registry.names())
        return name

    def _instance(self, workflow: str, id: str) -> Instance:
        return self.client.workflow(workflow).get(id)

    def hopeless(self, within: float) -> bool:
        """Whether nothing will happen by itself in so many real seconds."""
        if self._messages.pending():
            return False
        at = self.time.next_at()
        if at is None:
            return True
        return not self.clock.flows or at - self.clock.now() > within

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            _in_use.append(self)
            stack.callback(_in_use.remove, self)
            stack.enter_context(standing_in(self.clock))
            stack.callback(self._close)
            self._registrations.register_all(self._runtime.catalog)
            self.crew.start()
            self._around = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._around.close()

    def _close(self) -> None:
        self.crew.stop()
        self._runtime.close()
        self._registrations.reset()
        self._messages.clear()
        self.client.close()
        self._messages.shut()


_in_use: list[Workbench] = []
_numbers = count(1)


def current() -> Workbench:
    """The engine of the test that runs.

    Raises:
        NoWorkbench: It has none.
    """
    if not _in_use:
        raise NoWorkbench("There is no engine here: let the test have the fixture `wf`, as in `def test_report(wf):`.")
    return _in_use[-1]


def settings_of(servers: Servers, **options: Any) -> Settings:
    """Settings on the servers of the tests; what the environment says of others has no part in it."""
    return Settings(
        _env_prefix="wf_of_no_test_", database_url=servers.database_url, redis_url=servers.redis_url, **options
    )


def is_class(workflow: Binding) -> TypeGuard[type[WorkflowEntrypoint]]:
    """Whether a workflow is given by its class."""
    return isinstance(workflow, type) and issubclass(workflow, WorkflowEntrypoint)


def named(workflow: Binding) -> str:
    """The name of a workflow, however it is given."""
    if isinstance(workflow, str):
        return workflow
    if is_class(workflow):
        return workflow.workflow_name
    name = getattr(workflow, "name", None)
    if not isinstance(name, str):
        raise TypeError(f"A workflow is given by its name, its class or a client's workflow, not by {workflow!r:.120}.")
    return name
