"""Class keywords of a workflow: what may be said, checked when the class is defined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from wf.crons import is_cron
from wf.durations import seconds, text

if TYPE_CHECKING:
    from pydantic import BaseModel

DELAY_MAX = 365 * 86_400.0
"""Seconds that no restart is delayed beyond."""

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


def _error_name(workflow: str, given: object) -> str:
    if isinstance(given, type) and issubclass(given, BaseException):
        return given.__name__
    if isinstance(given, str):
        return given
    raise ValueError(f"Workflow {workflow!r}: restart on must hold exception classes, not {given!r}.")
