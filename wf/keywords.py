"""Class keywords of a workflow: what may be said, checked when the class is defined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from wf.crons import is_cron
from wf.durations import seconds, text
from wf.restart_policy import RestartPolicy

if TYPE_CHECKING:
    from pydantic import BaseModel

SETTABLE = ("concurrency", "schedules", "default_retention", "restart")
"""What operators may set over the class."""

CONCURRENCY_MAX = 50_000
"""Most instances that operators may let run at once: as many as an account may on Cloudflare."""

RETENTION_KEYS = ("success_retention", "error_retention")
RETENTION_MAX = 1000 * 365.25 * 86_400
"""Seconds, a thousand years: a time beyond the calendar cannot be written down when the instance ends."""

BREAKER: dict[str, Any] = {"failures": 10, "within": "5 minutes", "pause": "10 minutes"}
BREAKER_BOUNDS = {"within": (60.0, 3600.0), "pause": (1.0, 7 * 86_400.0)}
"""Seconds, from and to: failures are counted by the minute, and a pause is eight times as long in the end."""


def class_settings(
    workflow: str,
    *,
    limits: Mapping[str, int] | None,
    concurrency: Mapping[str, int] | int | None,
    schedules: str | Iterable[str] | None,
    default_retention: Mapping[str, Any] | None,
    breaker: Mapping[str, Any] | None,
    restart: Mapping[str, Any] | None,
    strict: bool,
) -> dict[str, Any]:
    """What the journal shall know of a workflow class; what was not said is absent.

    Raises:
        ValueError: A keyword has an unknown key or a bad value; the message names workflow and keyword.
    """
    found: dict[str, Any] = {}
    if limits:
        found["limits"] = _numbers(workflow, "limits", limits, "steps")
    if concurrency is not None:
        given = concurrency if isinstance(concurrency, Mapping) else {"limit": concurrency}
        found["concurrency"] = _numbers(workflow, "concurrency", given, "limit")
    if schedules:
        found["schedules"] = _crons(workflow, schedules)
    if default_retention is not None:
        found["default_retention"] = check_retention(f"Workflow {workflow!r}: default_retention", default_retention)
    if breaker is not None:
        found["breaker"] = check_breaker(workflow, breaker)
    if restart is not None:
        found["restart"] = RestartPolicy.parse(workflow, restart).stored()
    if not isinstance(strict, bool):
        raise ValueError(f"Workflow {workflow!r}: strict must be True or False, not {strict!r}.")  # noqa: TRY004  # one class for bad keywords
    if strict:
        found["strict"] = True
    return found


def check_retention(what: str, given: Mapping[str, Any]) -> dict[str, float]:
    """How long an instance is kept after its end, in seconds; terminated counts as success.

    Args:
        what: Begins the message of an error.
        given: `success_retention` and `error_retention`, either or both; as in the baseline also in camelCase.

    Raises:
        ValueError: An unknown key, or a duration that is not above zero, or of more than a thousand years.
    """
    if not isinstance(given, Mapping):
        raise ValueError(f"{what} must be a dict, not {given!r:.120}.")  # noqa: TRY004  # one class for bad keywords
    names = {"successRetention": "success_retention", "errorRetention": "error_retention"}
    found = {}
    for key, value in given.items():
        name = names.get(key, key)
        if name not in RETENTION_KEYS:
            raise ValueError(f"{what}: unknown key {key!r}; known are {', '.join(RETENTION_KEYS)}.")
        if value is None:
            continue
        found[name] = seconds(value, what=f"{what}.{key}")
        if found[name] <= 0:
            raise ValueError(f"{what}.{key} must be above zero, not {value!r}.")
        if found[name] > RETENTION_MAX:
            raise ValueError(f"{what}.{key} must be at most 1000 years, not {value!r:.60}.")
    return found


def check_breaker(workflow: str, given: Mapping[str, Any]) -> dict[str, float]:
    """When a workflow pauses because too many of its instances fail, and for how long; durations in seconds.

    `breaker={"failures": 10, "within": "5 minutes", "pause": "10 minutes"}`

    Args:
        workflow: Begins the message of an error.
        given: `failures`, how many; `within` which time, from a minute to an hour, because failures are counted by the
            minute; and for how long to `pause`, up to a week. These are the defaults, too.

    Raises:
        ValueError: An unknown key or a bad value.
    """
    if not isinstance(given, Mapping):
        raise ValueError(f"Workflow {workflow!r}: breaker must be a dict, not {given!r:.120}.")  # noqa: TRY004  # one class for bad keywords
    for key in given:
        if key not in BREAKER:
            raise ValueError(f"Workflow {workflow!r}: unknown key {key!r} in breaker; known are {', '.join(BREAKER)}.")
    failures, *durations = {**BREAKER, **given}.values()
    if isinstance(failures, bool) or not isinstance(failures, int) or failures < 1:
        raise ValueError(f"Workflow {workflow!r}: breaker.failures must be a whole number from 1, not {failures!r}.")
    found: dict[str, float] = {"failures": failures}
    for (key, (least, most)), value in zip(BREAKER_BOUNDS.items(), durations, strict=True):
        found[key] = seconds(value, what=f"Workflow {workflow!r}: breaker.{key}")
        if not least <= found[key] <= most:
            raise ValueError(
                f"Workflow {workflow!r}: breaker.{key} must be from {text(least)} to {text(most)}, not {value!r:.60}."
            )
    return found


def check_model(workflow: str, model: Any, what: str = "params") -> type[BaseModel]:
    """The pydantic model of params or of an event.

    Raises:
        ValueError: It is no pydantic model.
    """
    from pydantic import BaseModel  # noqa: PLC0415  (slow, and most classes have none)

    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise ValueError(f"Workflow {workflow!r}: {what} must be a pydantic model, not {model!r:.120}.")  # noqa: TRY004  # one class for bad keywords
    return model


def _numbers(workflow: str, keyword: str, given: Mapping[str, int], known: str) -> dict[str, int]:
    if not isinstance(given, Mapping):
        raise ValueError(f"Workflow {workflow!r}: {keyword} must be a dict, not {given!r:.120}.")  # noqa: TRY004  # one class for bad keywords
    for key, value in given.items():
        if key != known:
            raise ValueError(f"Workflow {workflow!r}: unknown key {key!r} in {keyword}; known is {known}.")
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"Workflow {workflow!r}: {keyword}.{key} must be a whole number from 1, not {value!r}.")
    return dict(given)


def _crons(workflow: str, given: str | Iterable[str]) -> list[str]:
    # One blank between two fields: the expression becomes part of the ids of instances.
    listed = [given] if isinstance(given, str) else list(given)
    crons = [" ".join(cron.split()) if isinstance(cron, str) else cron for cron in listed]
    for cron in crons:
        if not is_cron(cron):
            raise ValueError(
                f"Workflow {workflow!r}: {cron!r:.300} is no cron expression of five fields, such as '0 * * * *', that "
                f"ever fires."
            )
    return list(dict.fromkeys(crons))
