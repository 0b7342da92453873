"""Workflow classes: how authors declare them, and the registry that finds them."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import structlog

from wf.durations import seconds
from wf.errors import WfError, WorkflowNotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wf.core import Event, Step

DELAY_MAX = 365 * 86_400.0
"""Seconds that no restart is delayed beyond."""

_NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_-]{0,63}")

log = structlog.get_logger("wf")


class ModuleUnusable(WfError):
    """A module of workflows cannot be imported."""

    code = "workflow.module_unusable"


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
        restart: The reaper's policy for errored instances, see `RestartPolicy`.
    """

    workflow_name: ClassVar[str]
    workflow_version: ClassVar[str]
    workflow_settings: ClassVar[Mapping[str, Any]]
    restart_policy: ClassVar[RestartPolicy | None]

    def __init_subclass__(
        cls,
        *,
        name: str | None = None,
        version: str = "1",
        limits: Mapping[str, int] | None = None,
        restart: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> None:
        super().__init_subclass__(**others)
        cls.workflow_name = _check_name(name or cls.__name__)
        cls.workflow_version = str(version)
        cls.workflow_settings = {"limits": _check_limits(cls.workflow_name, limits)} if limits else {}
        cls.restart_policy = RestartPolicy.parse(cls.workflow_name, restart) if restart is not None else None
        registry.add(cls)

    async def run(self, event: Event, step: Step) -> Any:
        """The workflow. It is replayed from its first line, so everything that touches the world is a step."""
        raise NotImplementedError(f"Workflow {self.workflow_name!r} has no run(self, event, step).")


class RestartPolicy:
    """Which errored instances the reaper starts again, when, and how often.

    `restart={"limit": 3, "delay": "5 minutes", "backoff": "exponential", "on": [ConnectionError], "from": "failed"}`

    Attributes:
        limit: Restarts at most.
        delay: Seconds before the first one; grows by `backoff` (constant, linear, exponential).
        on: Class names of errors that are worth it; empty means all.
        from_start: Whether to begin anew instead of at the step that failed.
    """

    def __init__(self, limit: int, delay: float, backoff: str, on: tuple[str, ...], *, from_start: bool) -> None:
        self.limit, self.delay, self.backoff, self.on, self.from_start = limit, delay, backoff, on, from_start

    @classmethod
    def parse(cls, workflow: str, given: Mapping[str, Any]) -> RestartPolicy:
        """Read what an author wrote.

        Raises:
            ValueError: An unknown key or a bad value.
        """
        allowed = ("limit", "delay", "backoff", "on", "from")
        if not isinstance(given, dict):
            raise ValueError(f"Workflow {workflow!r}: restart must be a dict, not {given!r}.")  # noqa: TRY004  # one class for bad keywords
        for key in given:
            if key not in allowed:
                raise ValueError(
                    f"Workflow {workflow!r}: unknown key {key!r} in restart; known are {', '.join(allowed)}."
                )
        limit, backoff = given.get("limit", 3), given.get("backoff", "exponential")
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise ValueError(f"Workflow {workflow!r}: restart limit must be a whole number from 1, not {limit!r}.")
        if backoff not in ("constant", "linear", "exponential"):
            raise ValueError(
                f"Workflow {workflow!r}: restart backoff {backoff!r} is not constant, linear or exponential."
            )
        if (start := given.get("from", "failed")) not in ("failed", "start"):
            raise ValueError(f'Workflow {workflow!r}: restart from must be "failed" or "start", not {start!r}.')
        on = given.get("on", ())
        names = tuple(_error_name(workflow, c) for c in (on if isinstance(on, list | tuple) else (on,)))
        delay = seconds(given.get("delay", 60), what=f"Workflow {workflow!r}: restart delay")
        return cls(limit, delay, backoff, names, from_start=start == "start")

    def delay_for(self, error: BaseException, restarts: int) -> float | None:
        """Seconds until the next restart, or None: this one stays as it is.

        Args:
            error: What `run` failed with.
            restarts: Restarts so far.
        """
        names = {cls.__name__ for cls in type(error).__mro__} | {str(getattr(error, "name", ""))}
        if restarts >= self.limit or (self.on and not names & set(self.on)):
            return None
        factor = {"constant": 1.0, "linear": restarts + 1.0, "exponential": 2.0 ** min(restarts, 40)}[self.backoff]
        return min(self.delay * factor, DELAY_MAX)


class Registry:
    """The workflow classes of this process, by name and version."""

    def __init__(self) -> None:
        self._classes: dict[str, dict[str, type[WorkflowEntrypoint]]] = {}

    def add(self, cls: type[WorkflowEntrypoint]) -> None:
        """Register a class; one of the same name and version is replaced."""
        versions = self._classes.setdefault(cls.workflow_name, {})
        versions.pop(cls.workflow_version, None)
        versions[cls.workflow_version] = cls

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
                raise ModuleUnusable(
                    f"The module {module!r} of workflows cannot be imported: {type(error).__name__}: {error}"
                ) from error


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


def _check_name(name: str) -> str:
    if not is_name(name):
        raise ValueError(f"Workflow name {name!r} is invalid: use 1 to 64 letters, digits, '-' or '_', not '-' first.")
    return name


def _check_limits(workflow: str, limits: Mapping[str, int]) -> dict[str, int]:
    for key, value in limits.items():
        if key != "steps":
            raise ValueError(f"Workflow {workflow!r}: unknown key {key!r} in limits; known is steps.")
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"Workflow {workflow!r}: limits.steps must be a whole number from 1, not {value!r}.")
    return dict(limits)


def _error_name(workflow: str, given: object) -> str:
    if isinstance(given, type) and issubclass(given, BaseException):
        return given.__name__
    if isinstance(given, str):
        return given
    raise ValueError(f"Workflow {workflow!r}: restart on must hold exception classes, not {given!r}.")


registry = Registry()
"""The registry of this process; `WorkflowEntrypoint` subclasses add themselves."""
