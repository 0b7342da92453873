"""Functions decorated with `@step.do`, and what each depends on."""

from __future__ import annotations

import asyncio
import functools
import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any

from wf.core.names import check_name

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from wf.core.step import Step


class Decorator:
    """What `step.do(name)` gives without a callback: it decorates one. To await it is a mistake worth a clear word."""

    def __init__(self, name: object, decorate: Callable[[Callable[..., Any]], DecoratedStep]) -> None:
        self._name, self._decorate = name, decorate

    def __call__(self, function: Callable[..., Any]) -> DecoratedStep:
        """Decorate a function."""
        return self._decorate(function)

    def __await__(self) -> Generator[Any, None, Any]:
        """Refuse.

        Raises:
            TypeError: There is no callback.
        """
        raise TypeError(f'Step "{self._name}" requires a callback function.')


class DecoratedStep:
    """A function decorated with `@step.do`. Calling it starts the step and returns a future of its result."""

    __name__: str

    def __init__(  # noqa: PLR0917  # only `Step.do` builds it
        self,
        step: Step,
        function: Callable[..., Any],
        name: str | None,
        depends: Sequence[DecoratedStep] | None = None,
        concurrent: bool = False,
        config: Mapping[str, Any] | None = None,
        rollback: Callable[..., Any] | None = None,
        rollback_config: Mapping[str, Any] | None = None,
    ) -> None:
        if not callable(function):
            raise TypeError(f"Step {name!r} requires a callback function, not {function!r}.")
        if name is None and (name := getattr(function, "__name__", None)) is None:
            raise TypeError(f"{function!r} has no name of its own: write step.do(name)(...).")
        functools.update_wrapper(self, function)
        self._step, self._function, self._name = step, function, check_name(name)
        self._depends, self._concurrent, self._config = depends, concurrent, config
        self._rollback = step._rollback(self._name, rollback, rollback_config)  # noqa: SLF001  # two halves of one thing
        self._calls: list[asyncio.Future[Any]] = []
        step._decorated[self._name] = self  # noqa: SLF001  # as above

    def __call__(self) -> asyncio.Future[Any]:
        """Start the step, its dependencies first.

        Raises:
            TypeError: A parameter has no dependency.
        """
        self._step._pass.check_caller(self._name)  # noqa: SLF001  # as above
        dependencies = self._dependencies()
        if dependencies:
            loop = self._step._pass.loop  # noqa: SLF001  # as above
            call: asyncio.Future[Any] = loop.create_task(self._after(dependencies), name=self._name)
        else:
            call = self._start({})
        done = [known for known in self._calls if _succeeded(known)][-1:]
        self._calls = [*done, *(known for known in self._calls if not known.done()), call]
        return call

    async def _after(self, dependencies: dict[str, DecoratedStep]) -> Any:
        if self._concurrent:
            values = await asyncio.gather(*(dependency._result() for dependency in dependencies.values()))  # noqa: SLF001
        else:
            values = [await dependency._result() for dependency in dependencies.values()]  # noqa: SLF001
        arguments = dict(zip(dependencies, values, strict=True))
        return await self._start(arguments)

    def _start(self, arguments: dict[str, Any]) -> asyncio.Future[Any]:
        return self._step._start(self._name, self._function, arguments, self._config, self._rollback)  # noqa: SLF001

    def _result(self) -> asyncio.Future[Any]:
        """The result for a dependent: of a call that succeeded or is in flight, else of a new one."""
        succeeded = [call for call in self._calls if _succeeded(call)]
        in_flight = [call for call in self._calls if not call.done()]
        calls = succeeded or in_flight
        return asyncio.shield(calls[-1] if calls else self())

    def _dependencies(self) -> dict[str, DecoratedStep]:
        names = [name for name in _parameters(self._function) if name != "ctx"]
        if self._depends is not None:
            return dict(zip(names, self._declared(names), strict=True))
        known = self._step._decorated  # noqa: SLF001  # as above
        for name in names:
            if name not in known or known[name] is self:
                there = ", ".join(sorted(set(known) - {self._name})) or "none"
                raise _refused(
                    f"Received unexpected parameter {name}",
                    f"Step has {len(names)} non-ctx parameter(s) but no 'depends' list provided: step {self._name!r} "
                    f"can take `ctx` and the names of decorated steps ({there}).",
                )
        return {name: known[name] for name in names}

    def _declared(self, names: list[str]) -> list[DecoratedStep]:
        depends = list(self._depends or ())
        if len(depends) != len(names):
            raise _refused(
                f"Step declares {len(names)} non-ctx parameter(s) but 'depends' has {len(depends)} item(s)",
                f"The step is {self._name!r}; its parameters are {', '.join(names) or 'none'}.",
            )
        for name, dependency in zip(names, depends, strict=True):
            if not isinstance(dependency, DecoratedStep):
                raise _refused(
                    f"'depends' entry for parameter '{name}' is not a function decorated with step.do",
                    f"The step is {self._name!r}; the entry is {dependency!r:.120}.",
                )
        return depends


def _refused(text: str, hint: str) -> TypeError:
    """An error with the reference's text, and what helps in a note."""
    error = TypeError(text)
    error.add_note(hint)
    return error


def _succeeded(call: asyncio.Future[Any]) -> bool:
    return call.done() and not call.cancelled() and call.exception() is None


def _parameters(function: Callable[..., Any]) -> Iterable[str]:
    if type(function) is FunctionType and not function.__dict__:
        code = function.__code__
        if not code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
            return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]  # the same, much faster
    try:
        return inspect.signature(function).parameters
    except ValueError:
        return ()  # some functions written in C have no signature
