"""Durations in forms: as people write them, in seconds or with a unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf import durations
from wf.keywords import RETENTION_KEYS, check_retention

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_retention(given: Mapping[str, str]) -> tuple[dict[str, float], dict[str, str]]:
    """How long to keep, of the keys that are filled in; and what is wrong, by key."""
    found: dict[str, float] = {}
    wrong: dict[str, str] = {}
    for key in RETENTION_KEYS:
        if text := given.get(key, "").strip():
            try:
                found |= check_retention("This", {key: read_number(text)})
            except ValueError as error:
                wrong[key] = str(error).replace(f"This.{key}", "This time,", 1)
    return found, wrong


def written(seconds: float) -> str:
    """A duration as people write it, if that says exactly the same."""
    text = durations.text(seconds)
    return text if durations.seconds(text) == seconds else repr(seconds)


def read_number(given: str) -> float | str:
    """Seconds, if it is a number without a unit; else the text as it is."""
    try:
        return float(given)
    except ValueError:
        return given
