"""`self.env`: the workflows of this process as bindings, and what the deployment adds to them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from inspect import isawaitable
from threading import RLock
from typing import TYPE_CHECKING, Any

from wf.answers import Answer
from wf.async_client import AsyncInstance, AsyncWorkflow
from wf.client import Client
from wf.core import CoreLoop
from wf.errors import OutsideStepError
from wf.settings import InvalidSettings
from wf.workflow import WorkflowEntrypoint, registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wf.clock import Clock
    from wf.ids import FromStep
    from wf.settings import Settings

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def binding_name(workflow: str) -> str:
    """The name of a workflow in `self.env`: `report-2` is `REPORT_2`, `DAGWorkflow` is `DAG_WORKFLOW`."""
    return _HUMP.sub("_", workflow).replace("-", "_").upper()


class Env:
    """What workflows find in `self.env`; its names are attributes, and nothing else is there."""

    def __init__(self, owner: Environment) -> None:
        self.__owner = owner

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # of Python's own protocols, which ask every object
            raise AttributeError(name)
        return self.__owner.find(name)

    def __dir__(self) -> list[str]:
        return self.__owner.names()


class Environment:
    """Makes the `env` of one process: its client for the bindings, and one call of the deployment's factory.

    Args:
        settings: `env` names the factory as `module:function`; the rest is for the client.
        clock: Takes the place of the database's clock, in tests.

    Attributes:
        env: What `self.env` is.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings, self._clock = settings, clock
        self._lock = RLock()
        self._client: Client | None = None
        self._given: tuple[Any] | None = None
        self.env = Env(self)

    def load(self) -> Any:
        """What the factory gives: a mapping, or an object with attributes. It is called once.

        Raises:
            InvalidSettings: WF_ENV names no such function, or it fails.
        """
        with self._lock:
            if self._given is None:
                self._given = (_call(self._settings.env) if self._settings.env else {},)
            return self._given[0]

    def find(self, name: str) -> Any:
        """What is there under a name; what the factory gives comes before the workflows.

        Raises:
            AttributeError: Nothing is; the message lists what is.
        """
        given = self.load()
        found = given.get(name, self) if isinstance(given, Mapping) else getattr(given, name, self)
        if found is self:
            return Binding(self, self._named(name))
        if isinstance(found, type) and issubclass(found, WorkflowEntrypoint):
            return Binding(self, found.workflow_name)
        return found

    def names(self) -> list[str]:
        """Every name that is there."""
        given = self.load()
        added = given if isinstance(given, Mapping) else [name for name in dir(given) if not name.startswith("_")]
        return sorted({*map(str, added), *map(binding_name, registry.names())})

    def workflow(self, name: str) -> AsyncWorkflow:
        """A workflow, for the bindings, which share one client."""
        with self._lock:
            if self._client is None:
                self._client = Client(settings=self._settings, clock=self._clock)
            return AsyncWorkflow(self._client.workflow(name))

    def close(self) -> None:
        """Close the client's connections."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _named(self, name: str) -> str:
        found = [workflow for workflow in registry.names() if binding_name(workflow) == name]
        if len(found) == 1:
            return found[0]
        if found:
            raise AttributeError(
                f"env.{name} could be any of the workflows {', '.join(map(repr, found))}. Let the function of WF_ENV "
                f"say which: {{{name!r}: TheClass}}."
            )
        names = self.names()
        near = get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise AttributeError(
            f"env has no {name}.{hint} It has: {', '.join(names) or 'nothing'}. Workflows are there when their modules "
            f"are imported here; the function of WF_ENV adds what else is needed."
        )


def _call(reference: str) -> Any:
    """What the function `module:function` returns."""
    module, _, function = reference.partition(":")
    if not module or not function:
        raise InvalidSettings(f"WF_ENV={reference!r} is not written as module:function.")
    try:
        factory = getattr(import_module(module), function)
        given = factory()
    except Exception as error:  # the deployment's own code, which may raise anything
        raise InvalidSettings(f"WF_ENV={reference!r} cannot be used: {type(error).__name__}: {error}") from error
    if given is None or isawaitable(given):
        if asyncio.iscoroutine(given):
            given.close()
        raise InvalidSettings(
            f"WF_ENV={reference!r} must be a plain function that returns a mapping, or an object with attributes, "
            f"not {type(given).__name__}."
        )
    return given


class Binding:
    """A workflow as `self.env` shows it, with the calls of Cloudflare's bindings. Use it inside steps.

    Attributes:
        name: Name of the workflow.
    """

    def __init__(self, owner: Environment, name: str) -> None:
        self._owner, self.name = owner, name

    def __repr__(self) -> str:
        return f"<binding of workflow {self.name!r}>"

    async def create(self, *given: Any, **options: Any) -> BoundInstance:
        """Create an instance; with what `AsyncWorkflow.create` takes, `{"id": ..., "params": ...}` for example.

        Raises:
            OutsideStepError: `run` itself called it.
            WfError: As `AsyncWorkflow.create` says.
        """
        return BoundInstance(await self._workflow("create").create(*given, **options))

    async def create_batch(self, *given: Any, **options: Any) -> Any:
        """Create several instances; with what `AsyncWorkflow.create_batch` takes, a list for example.

        Raises:
            OutsideStepError: `run` itself called it.
            WfError: As `AsyncWorkflow.create_batch` says.
        """
        made: Any = await self._workflow("create_batch").create_batch(*given, **options)
        if isinstance(made, list):
            return [BoundInstance(instance) for instance in made]
        return Answer({**made, "created": [BoundInstance(instance) for instance in made.created]})

    async def delete_batch(self, ids: Sequence[str]) -> Answer:
        """Remove instances, as `AsyncWorkflow.delete_batch` does.

        Raises:
            OutsideStepError: `run` itself called it.
            WfError: As `AsyncWorkflow.delete_batch` says.
        """
        return await self._workflow("delete_batch").delete_batch(ids)

    async def get(self, id: str) -> BoundInstance:
        """An instance that exists.

        Raises:
            OutsideStepError: `run` itself called it.
            InstanceNotFound: There is none of this id.
        """
        return BoundInstance(await self._workflow("get").get(id))

    createBatch, deleteBatch = create_batch, delete_batch  # noqa: N815  # Cloudflare's own names

    def _workflow(self, method: str) -> AsyncWorkflow:
        if isinstance(asyncio.get_running_loop(), CoreLoop):
            raise OutsideStepError(f"env.{binding_name(self.name)}.{method}()")
        return self._owner.workflow(self.name)


class BoundInstance(AsyncInstance):
    """As `AsyncInstance`; options may also come as one mapping in Cloudflare's words."""

    def __init__(self, instance: AsyncInstance) -> None:
        super().__init__(instance._instance)  # noqa: SLF001  # it is ours, too

    async def send_event(self, type: str | Mapping[str, Any], payload: Any = None, **more: Any) -> None:
        """As `AsyncInstance.send_event`, also with `{"type": ..., "payload": ...}`."""
        if isinstance(type, Mapping):
            await super().send_event(**{**type, **more})
        else:
            await super().send_event(type, payload, **more)

    sendEvent = send_event  # noqa: N815  # Cloudflare's own name

    async def terminate(self, options: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """As `AsyncInstance.terminate`, also with `{"rollback": True}`."""
        await super().terminate(**{**(options or {}), **more})

    async def restart(self, options: Mapping[str, Any] | None = None, /, *, from_step: FromStep | None = None) -> None:
        """As `AsyncInstance.restart`, also with `{"from": {"name": ..., "count": ..., "type": ...}}`."""
        if options and set(options) != {"from"}:
            raise TypeError(f"restart() takes {{'from': ...}}, not {options!r:.120}.")
        await super().restart(from_step=options["from"] if options else from_step)
