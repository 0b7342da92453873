"""Restart policies in forms: five fields that are a policy if one of them is filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf.restart_policy import BACKOFFS, BEGINNINGS, RESTARTS_MAX, RestartPolicy
from wf_api.pages.durations import read_number, written

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "restart_"
_CHOICES = {"backoff": BACKOFFS, "from": BEGINNINGS}

RESTART_FIELDS = ("restart_limit", "restart_delay", "restart_backoff", "restart_on", "restart_from")
RESTART_DEFAULTS = RestartPolicy.parse("", {})
"""What counts for a field that is left empty beside others."""


def restart_fields(stored: Any) -> dict[str, str]:
    """What the fields hold for a policy; nothing for none, or for one that cannot be read."""
    if (policy := _parsed(stored)) is None:
        return {}
    return {
        "restart_limit": str(policy.limit), "restart_delay": written(policy.delay), "restart_backoff": policy.backoff,
        "restart_on": "\n".join(policy.on), "restart_from": "start" if policy.from_start else "failed",
    }  # fmt: skip


def read_restart(given: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The parts of a policy that are filled in, and what is wrong, by field."""
    found: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for field in RESTART_FIELDS:
        if text := given.get(field, "").strip():
            part = field.removeprefix(_PREFIX)
            try:
                found[part] = _read(part, text)
            except ValueError as error:
                wrong[field] = str(error)
    return found, wrong


def restart_lines(stored: Any) -> list[str]:
    """A policy in words, one part on a line."""
    if (policy := _parsed(stored)) is None:
        return [f"cannot be read: {stored!r:.120}"]
    if not policy.limit:
        return ["never"]
    begin = "begins anew" if policy.from_start else "goes on from what failed"
    return [
        f"limit: {policy.limit}", f"delay: {written(policy.delay)}, {policy.backoff}",
        f"on: {', '.join(policy.on) or 'any error'}", begin,
    ]  # fmt: skip


def _parsed(stored: Any) -> RestartPolicy | None:
    try:
        return None if stored is None else RestartPolicy.parse("", stored)
    except ValueError:
        return None


def _read(part: str, text: str) -> Any:
    """A part of a policy as it is filled in.

    Raises:
        ValueError: It cannot be used; the message is for its field.
    """
    if part == "limit":
        if not (text.isdecimal() and len(text) < 10 and int(text) <= RESTARTS_MAX):
            raise ValueError(f"A whole number from 0 to {RESTARTS_MAX:,} is needed.")
        return int(text)
    if part in _CHOICES and text not in _CHOICES[part]:
        raise ValueError(f"It must be one of {', '.join(_CHOICES[part])}.")
    value: Any = text
    if part == "delay":
        value = read_number(text)
    elif part == "on":
        value = [line.strip() for line in text.splitlines() if line.strip()]
    try:
        RestartPolicy.parse("", {part: value})
    except ValueError as error:
        said = str(error).removeprefix("Workflow '': restart on: ")
        raise ValueError(said.replace("Workflow '': restart", "This", 1)) from None
    return value
