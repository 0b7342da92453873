"""Workflow classes: how authors declare them, and the registry that finds them."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import structlog

from wf.core.names import check_event_type
from wf.errors import InvalidEventType, WfError, WorkflowNotFound
from wf.keywords import check_model, class_settings
from wf.restart_policy import RestartPolicy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from pydantic import BaseModel

    from wf.core import Event, Step

_NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_-]{0,63}")

log = structlog.get_logger("wf")


class ModuleUnusable(WfError):
    """A module of workflows cannot be imported."""

    code = "workflow.module_unusable"


class ExecutionContext:
    """What workflows find in `self.ctx`: nothing but a way to let something run on beside the step."""

    def __init__(self) -> None:
        self._running: set[asyncio.Future[Any]] = set()

    def wait_until(self, awaitable: Awaitable[Any]) -> None:
        """Let something run on, on the event loop of the caller; nobody waits for it, and a crash ends it."""
        future = asyncio.ensure_future(awaitable)
        self._running.add(future)  # the loop itself would forget it
        future.add_done_callback(self._running.discard)

    waitUntil = wait_until  # noqa: N815  # Cloudflare's own name


class WorkflowEntrypoint:
    """Base of every workflow.

    ::

        class Report(WorkflowEntrypoint, name="report", version="2"):
            async def run(self, event, step):
                ...

    Class keywords:
        name: Name of the workflow; the class name by default. 1 to 64 letters, digits, '-' or '_'.
        version: An instance keeps the version that it was created with while a class of that version is registered.
        limits: `{"steps": n}`: how many `do` steps an instance may have.
        concurrency: `{"limit": n}`, or the number: how many instances may run at once; the others are queued.
        schedules: Cron expressions, in UTC, each of whose firings creates an instance.
        default_retention: `{"success_retention": ..., "error_retention": ...}`: how long an ended instance is kept,
            in seconds or as text.
        breaker: `{"failures": 10, "within": "5 minutes", "pause": "10 minutes"}`: if so many instances errored in that
            time, none begins or goes on after a wait until the pause is over and a first one has ended well.
        restart: The reaper's policy for errored instances, see `RestartPolicy`. Operators may set another one over it.
        strict: Pause an instance whose journal does not fit the code, instead of going on with a warning.
        params: A pydantic model: payloads are validated when an instance is created, and `run` gets the model.
        events: Pydantic models of the payloads of events, by type: validated when an event is sent, and a wait of that
            type gives the model. A payload that does not fit, from a process that does not know the class, makes the
            wait raise InvalidPayload.

    Attributes:
        ctx: An `ExecutionContext`.
        env: The workflows of this process as bindings, such as `self.env.REPORT`, and what WF_ENV adds.
    """

    workflow_name: ClassVar[str]
    workflow_version: ClassVar[str]
    workflow_settings: ClassVar[Mapping[str, Any]]
    restart_policy: ClassVar[RestartPolicy | None]
    params_model: ClassVar[type[BaseModel] | None]
    event_models: ClassVar[Mapping[str, type[BaseModel]]]

    def __init_subclass__(
        cls,
        *,
        name: str | None = None,
        version: str = "1",
        limits: Mapping[str, int] | None = None,
        concurrency: Mapping[str, int] | int | None = None,
        schedules: str | Iterable[str] | None = None,
        default_retention: Mapping[str, Any] | None = None,
        breaker: Mapping[str, Any] | None = None,
        restart: Mapping[str, Any] | None = None,
        strict: bool = False,
        params: type[BaseModel] | None = None,
        events: Mapping[str, type[BaseModel]] | None = None,
        **others: Any,
    ) -> None:
        super().__init_subclass__(**others)
        _check_constructor(cls)
        cls.workflow_name = _check_name(cls.__name__ if name is None else name)
        cls.workflow_version = str(version)
        cls.workflow_settings = class_settings(
            cls.workflow_name, limits=limits, concurrency=concurrency, schedules=schedules,
            default_retention=default_retention, breaker=breaker, restart=restart, strict=strict,
        )  # fmt: skip
        cls.params_model = None if params is None else check_model(cls.workflow_name, params)
        cls.event_models = _check_events(cls.workflow_name, {} if events is None else events)
        cls.restart_policy = RestartPolicy.parse(cls.workflow_name, restart) if restart is not None else None
        registry.add(cls)

    def __init__(self, ctx: Any = None, env: Any = None) -> None:
        """Made anew for every pass of `run`; a subclass with an `__init__` of its own takes and hands on both."""
        self.ctx, self.env = ctx, env

    async def run(self, event: Event, step: Step) -> Any:
        """The workflow. It is replayed from its first line, so everything that touches the world is a step."""
        raise NotImplementedError(f"Workflow {self.workflow_name!r} has no run(self, event, step).")


class Registry:
    """The workflow classes of this process, by name and version."""

    def __init__(self) -> None:
        self._classes: dict[str, dict[str, type[WorkflowEntrypoint]]] = {}

    def add(self, cls: type[WorkflowEntrypoint]) -> None:
        """Register a class; one of the same name and version is replaced."""
        versions = self._classes.setdefault(cls.workflow_name, {})
        versions.pop(cls.workflow_version, None)
        versions[cls.workflow_version] = cls

    def remove(self, cls: type[WorkflowEntrypoint]) -> None:
        """Forget a class; without effect if another one has taken its place."""
        versions = self._classes.get(cls.workflow_name, {})
        if versions.get(cls.workflow_version) is cls:
            del versions[cls.workflow_version]
            if not versions:
                del self._classes[cls.workflow_name]

    def names(self) -> list[str]:
        """The known workflows."""
        return sorted(self._classes)

    def classes(self) -> list[type[WorkflowEntrypoint]]:
        """The newest class of each workflow and all older ones, oldest first."""
        return [cls for name in self.names() for cls in sorted(self._classes[name].values(), key=_version)]

    def find(self, name: str, version: str | None = None) -> type[WorkflowEntrypoint] | None:
        """The class of that version, else the newest one, else None."""
        versions = self._classes.get(name)
        if not versions:
            return None
        if version is not None and version in versions:
            return versions[version]
        return max(reversed(versions.values()), key=_version)  # the last one registered on a tie

    def suited(self, name: str, version: str) -> type[WorkflowEntrypoint] | None:
        """The class that runs instances of a version: its own, else the newest; None if all that is known is older."""
        cls = self.find(name, version)
        if cls is None or version_order(cls.workflow_version) < version_order(version):
            return None
        return cls

    def get(self, name: str, version: str | None = None) -> type[WorkflowEntrypoint]:
        """As `find`.

        Raises:
            WorkflowNotFound: There is none of that name.
        """
        if (cls := self.find(name, version)) is None:
            raise WorkflowNotFound(name, self._classes)
        return cls

    def load(self, modules: Iterable[str]) -> None:
        """Import modules, from the current folder too, so that their classes register.

        Raises:
            ModuleUnusable: A module cannot be imported; the message says why.
        """
        if (here := str(Path.cwd())) not in sys.path:
            sys.path.insert(0, here)
        for module in modules:
            try:
                importlib.import_module(module)
            except Exception as error:
                raise _unusable(module, error) from error


def _unusable(module: str, error: Exception) -> ModuleUnusable:
    text = f"The module {module!r} of workflows cannot be imported: {type(error).__name__}: {error}"
    if isinstance(error, ModuleNotFoundError) and error.name == "workers":
        return ModuleUnusable(
            f"{text}. Cloudflare's sources need `wf worker --compat cloudflare`, or `wf dev wf.compat.cloudflare ...`."
        )
    places = [
        f"{Path(frame.filename).name}, line {frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<frozen ", str(Path(__file__).parent), str(importlib.__file__)))
    ]
    return ModuleUnusable(f"{text} ({places[-1]})" if places else text)


def _version(cls: type[WorkflowEntrypoint]) -> tuple[tuple[int, int, str], ...]:
    """Version order: numbers as numbers, so that 10 comes after 9."""
    return version_order(cls.workflow_version)


def version_order(version: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key for versions: numbers as numbers, text as text, text before numbers."""
    parts = re.findall(r"\d+|[^\d.]+", version)
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)


def is_name(name: str) -> bool:
    """Whether a workflow can have this name."""
    return _NAME.fullmatch(name) is not None


def _check_constructor(cls: type[WorkflowEntrypoint]) -> None:
    try:
        inspect.signature(cls).bind(None, None)
    except TypeError as error:
        raise TypeError(
            f"Workflow class {cls.__name__} cannot be made with (ctx, env): {error}. "
            f"Write `def __init__(self, ctx, env): super().__init__(ctx, env)`."
        ) from None


def _check_events(workflow: str, given: Any) -> dict[str, type[BaseModel]]:
    if not isinstance(given, Mapping):
        raise ValueError(f"Workflow {workflow!r}: events must be a dict of models by type, not {given!r:.120}.")  # noqa: TRY004  # one class for bad keywords
    try:
        types = [check_event_type(type) for type in given]
    except InvalidEventType as error:
        raise ValueError(f"Workflow {workflow!r}: events: {error}") from None
    return {type: check_model(workflow, given[type], f"events[{type!r}]") for type in types}


def _check_name(name: str) -> str:
    if not is_name(name):
        raise ValueError(f"Workflow name {name!r} is invalid: use 1 to 64 letters, digits, '-' or '_', not '-' first.")
    return name


registry = Registry()
"""The registry of this process; `WorkflowEntrypoint` subclasses add themselves."""
