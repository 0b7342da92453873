"""Step configuration: what may be said, its defaults, and the delay before the next attempt.

`limit` counts retries, so there are `limit + 1` attempts; the first retry waits exactly `delay`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from wf.durations import seconds
from wf.errors import NonRetryableError, RuleError

if TYPE_CHECKING:
    from collections.abc import Mapping

Backoff = Literal["constant", "linear", "exponential"]

RETRY_KEYS = ("limit", "delay", "backoff", "max_delay", "jitter", "retry_on", "no_retry_on")
STEP_KEYS = ("retries", "timeout", "sensitive", "at_most_once")
LIMIT_MAX = 10_000
DELAY_MAX = 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class StepConfig:
    """How a step is retried and how long an attempt may take.

    Attributes:
        limit: Retries after the first attempt.
        delay: Seconds before the first retry.
        backoff: How the delay grows: not, by addition, or by doubling.
        max_delay: Seconds that no delay exceeds.
        jitter: The delay is multiplied by a factor uniform in 1 - jitter to 1 + jitter.
        timeout: Seconds one attempt may take.
        retry_on: Class names of errors worth a retry; empty means all.
        no_retry_on: Class names of errors that end the step at once.
        at_most_once: A lost attempt fails the step instead of running it again.
        sensitive: `"output"` hides the step's output in every surface.
    """

    limit: int = 5
    delay: float = 10.0
    backoff: Backoff = "exponential"
    max_delay: float = DELAY_MAX
    jitter: float = 0.0
    timeout: float = 600.0
    retry_on: tuple[str, ...] = ()
    no_retry_on: tuple[str, ...] = ()
    at_most_once: bool = False
    sensitive: Literal["", "output"] = ""

    @classmethod
    def parse(cls, step: str, config: Mapping[str, Any] | None) -> StepConfig:
        """Read what an author wrote; what is absent gets its default.

        Args:
            step: Name of the step, for messages.
            config: `{"retries": {...}, "timeout": ..., ...}` or None.

        Raises:
            ValueError: An unknown key or a bad value; the message names step and key.
        """
        if config is None or not (given := _mapping(step, "config", config)):
            return DEFAULT
        _known(step, "config", given, STEP_KEYS)
        retries = _mapping(step, "retries", given.get("retries") or {})
        _known(step, "retries", retries, RETRY_KEYS)
        fields: dict[str, Any] = {}
        for key in ("limit", "delay", "max_delay", "jitter", "backoff", "retry_on", "no_retry_on"):
            if key in retries:
                fields[key] = _READ[key](step, f"retries.{key}", retries[key])
        for key in ("timeout", "at_most_once", "sensitive"):
            if key in given:
                fields[key] = _READ[key](step, key, given[key])
        return cls(**fields)

    def as_dict(self) -> dict[str, Any]:
        """The resolved configuration in the shape an author writes it, durations in seconds.

        The keys of the baseline are always there, ours beyond it when they are in use.
        """
        extras = self.dump()
        retries = {"limit": self.limit, "delay": self.delay, "backoff": self.backoff}
        retries |= {name: extras[name] for name in RETRY_KEYS[3:] if name in extras}
        return {
            "retries": retries,
            "timeout": self.timeout,
            **{name: extras[name] for name in ("sensitive", "at_most_once") if name in extras},
        }

    def dump(self) -> dict[str, Any]:
        """All fields that differ from the defaults, for the journal."""
        if self is DEFAULT:
            return {}
        return {name: value for name, value in asdict(self).items() if value != getattr(DEFAULT, name)}

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> StepConfig:
        """What `dump` gave."""
        if not stored:
            return DEFAULT
        fields: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in stored.items()}
        return cls(**fields)

    def retries_error(self, error: BaseException) -> bool:
        """Whether an attempt that failed with `error` is worth another one."""
        names = {name for cls in type(error).__mro__ for name in (cls.__name__, f"{cls.__module__}:{cls.__qualname__}")}
        if isinstance(error, NonRetryableError | RuleError) or names & set(self.no_retry_on):
            return False
        return not self.retry_on or bool(names & set(self.retry_on))

    def delay_after(self, attempt: int, luck: float = 0.5) -> float:
        """Seconds to wait after failed attempt number `attempt`.

        Args:
            attempt: Number of the attempt that failed, from 1, lost attempts not counted.
            luck: A number in 0 to 1 that places the delay within the jitter.
        """
        match self.backoff:
            case "constant":
                delay = self.delay
            case "linear":
                delay = self.delay * attempt
            case "exponential":
                delay = self.delay * 2.0 ** min(attempt - 1, 60)
        return min(delay * (1 + self.jitter * (2 * luck - 1)), self.max_delay, DELAY_MAX)


DEFAULT = StepConfig()


def _mapping(step: str, key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"Step {step!r}: {key} must be a dict, not {value!r}.")  # noqa: TRY004  # one class for bad config
    return value


def _known(step: str, what: str, given: dict[str, Any], allowed: tuple[str, ...]) -> None:
    for key in given:
        if key not in allowed:
            raise ValueError(f"Step {step!r}: unknown key {key!r} in {what}; known are {', '.join(allowed)}.")


def _limit(step: str, key: str, value: Any) -> int:
    if isinstance(value, float) and value == math.inf:
        return LIMIT_MAX
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LIMIT_MAX:
        raise ValueError(f"Step {step!r}: {key} must be a whole number from 0 to {LIMIT_MAX:,}, not {value!r}.")
    return value


def _duration(step: str, key: str, value: Any) -> float:
    return seconds(value, what=f"Step {step!r}: {key}")


def _timeout(step: str, key: str, value: Any) -> float:
    if not (duration := _duration(step, key, value)):
        raise ValueError(f"Step {step!r}: {key} must be longer than 0.")
    return duration


def _jitter(step: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"Step {step!r}: {key} must be a number from 0 to 1, not {value!r}.")
    return float(value)


def _backoff(step: str, key: str, value: Any) -> Backoff:
    for known in get_args(Backoff):
        if value == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"Step {step!r}: {key} must be one of {', '.join(get_args(Backoff))}, not {value!r}.")


def _flag(step: str, key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"Step {step!r}: {key} must be True or False, not {value!r}.")  # noqa: TRY004  # as above
    return value


def _sensitive(step: str, key: str, value: Any) -> str:
    if value not in (None, "", "output"):
        raise ValueError(f'Step {step!r}: {key} must be "output", not {value!r}.')
    return value or ""


def _classes(step: str, key: str, value: Any) -> tuple[str, ...]:
    classes = value if isinstance(value, list | tuple | set | frozenset) else (value,)
    for cls in classes:
        if not (isinstance(cls, str) or (isinstance(cls, type) and issubclass(cls, BaseException))):
            raise ValueError(f"Step {step!r}: {key} must hold exception classes, not {cls!r}.")  # noqa: TRY004  # as above
    return tuple(cls if isinstance(cls, str) else f"{cls.__module__}:{cls.__qualname__}" for cls in classes)


_READ: dict[str, Any] = {
    "limit": _limit,
    "delay": _duration,
    "max_delay": _duration,
    "jitter": _jitter,
    "backoff": _backoff,
    "retry_on": _classes,
    "no_retry_on": _classes,
    "timeout": _timeout,
    "at_most_once": _flag,
    "sensitive": _sensitive,
}
