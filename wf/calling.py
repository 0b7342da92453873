"""How authors' handlers are called: with what their parameters ask for, by name, or with all of it as one thing."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def call_named(function: Callable[..., Any], offered: Mapping[str, Any], whole: object) -> Any:
    """Call a function and give what it returns, which may be awaitable.

    Parameters whose names are offered get these values. Of the others, the first one that is positional and has no
    default gets the whole. `*args` gets the whole and `**more` everything, if nothing else has got the whole. A
    function without parameters gets nothing.

    Args:
        function: The author's.
        offered: Values by the names of parameters.
        whole: All of it in one object.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return function(whole)  # some functions written in C have no signature
    positional: list[Any] = []
    named: dict[str, Any] = {}
    rest = dict(offered)
    told = False
    for name, parameter in parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            named = named if told else rest | named
        elif parameter.kind is parameter.VAR_POSITIONAL:
            if not told and not named:
                positional.append(whole)
                told = True
        elif parameter.kind is parameter.POSITIONAL_ONLY and name not in offered and parameter.default is not _NONE:
            positional.append(parameter.default)
        else:
            wanted = name in offered
            if not wanted and (told or parameter.kind is parameter.KEYWORD_ONLY or parameter.default is not _NONE):
                continue
            told = told or not wanted
            value = rest.pop(name) if wanted else whole
            if parameter.kind is parameter.POSITIONAL_ONLY:
                positional.append(value)
            else:
                named[name] = value
    return function(*positional, **named)


_NONE = inspect.Parameter.empty
