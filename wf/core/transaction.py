"""`step.transaction`: steps whose callback writes in the transaction in which its result is journaled."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any

from wf.core.decorated import DecoratedStep

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from wf.core.step import Step

_FLEXIBLE = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS


class DecoratedTransaction(DecoratedStep):
    """A function decorated with `@step.transaction`. Calling it starts the step and returns a future of its result."""

    def __init__(
        self, step: Step, function: Callable[..., Any], name: str | None, config: Mapping[str, Any] | None
    ) -> None:
        super().__init__(step, function, name, config=config)
        check_callback(self._name, function)

    def _dependencies(self) -> dict[str, DecoratedStep]:
        return {}

    def _start(self, _arguments: dict[str, Any]) -> asyncio.Future[Any]:
        return self._step.transaction(self._name, self._function, config=self._config)


def check_callback(name: str, function: Any) -> None:
    """Refuse what cannot be the callback of a transaction.

    Raises:
        TypeError: It is async, not callable, or does not take a connection, and `ctx` at most beside it.
    """
    if not callable(function):
        raise TypeError(f"Transaction {name!r} requires a callback function, not {function!r}.")
    if _is_async(function):
        raise TypeError(
            f"Transaction {name!r} requires a sync callback, and {function!r} is async: a transaction must not stay "
            f"open while other callbacks run. Do what has to be awaited in a step.do before it."
        )
    if not _takes_a_connection(function):
        raise TypeError(
            f"Transaction {name!r}: the callback takes a SQLAlchemy connection as its one positional argument, and "
            f"`ctx` if it wants the step's context. Results of other steps reach it as variables of `run`."
        )


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _takes_a_connection(function: Any) -> bool:
    if type(function) is FunctionType and not function.__dict__ and not function.__code__.co_flags & _FLEXIBLE:
        code = function.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if len(names) - ("ctx" in names) == 1 and not code.co_kwonlyargcount:
            return True  # the same, much faster
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True  # some functions written in C have no signature
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    others = [p for p in parameters if p.name != "ctx"]
    takes = any(p.kind in (*positional, p.VAR_POSITIONAL) for p in others)
    needed = [p for p in others if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return takes and (not needed or (len(needed) == 1 and needed[0].kind in positional))
