"""How `run` sees dicts: as they are, or, when `wf.compat` asks for it, with their entries as attributes too."""

from __future__ import annotations

from typing import Any

from wf.core.history import Fields

_ATTRIBUTES = False


def give_attributes(wanted: bool = True) -> None:
    """Say whether dicts that this process hands to `run` from now on have attributes, at every level."""
    global _ATTRIBUTES  # noqa: PLW0603  # as wide as what asks for it: a module under a name of the whole process
    _ATTRIBUTES = wanted


def shown(value: Any) -> Any:
    """A value as `run` gets it."""
    return _with_attributes(value) if _ATTRIBUTES else value


def _with_attributes(value: Any) -> Any:
    if type(value) is dict:
        return Fields((key, _with_attributes(item)) for key, item in value.items())
    if type(value) is list:
        return [_with_attributes(item) for item in value]
    return value
