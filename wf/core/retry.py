"""Step configuration: what may be said, its defaults, and the delay before the next attempt.

`limit` counts retries, so there are `limit + 1` attempts; the first retry waits exactly `delay`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from wf.durations import seconds
from wf.errors import NonRetryableError, RuleError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Backoff = Literal["constant", "linear", "exponential"]

RETRY_KEYS = ("limit", "delay", "backoff", "max_delay", "jitter", "retry_on", "no_retry_on")
STEP_KEYS = ("retries", "timeout", "sensitive", "at_most_once")
ROLLBACK_KEYS = ("retries", "timeout", "at_most_once")
LIMIT_MAX = 10_000
DELAY_MAX = 365 * 86_400.0
DYNAMIC = "[dynamic]"
"""What the journal holds for a delay that is a function."""


@dataclass(frozen=True, slots=True)
class StepConfig:
    """How a step is retried and how long an attempt may take.

    Attributes:
        limit: Retries after the first attempt.
        delay: Seconds before the first retry; if a function gives it, what counts when there is none any more.
        backoff: How the delay grows: not, by addition, or by doubling.
        max_delay: Seconds that no delay exceeds.
        jitter: The delay is multiplied by a factor uniform in 1 - jitter to 1 + jitter.
        timeout: Seconds one attempt may take.
        retry_on: Class names of errors worth a retry; empty means all.
        no_retry_on: Class names of errors that end the step at once.
        at_most_once: A lost attempt fails the step instead of running it again.
        sensitive: `"output"` hides the step's output in every surface.
        rollback: Whether the step has a handler that undoes it. Not an author's key.
        dynamic: Whether the delay is a function's.
        delay_function: That function, as the code of today has it; the journal cannot hold it.
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
    rollback: bool = False
    dynamic: bool = False
    delay_function: Callable[..., Any] | None = field(default=None, compare=False)

    @classmethod
    def parse(
        cls,
        step: str,
        config: Mapping[str, Any] | None,
        *,
        limit_max: int = LIMIT_MAX,
        of_rollback: bool = False,
    ) -> StepConfig:
        """Read what an author wrote; what is absent gets its default.

        Args:
            step: Name of the step, for messages.
            config: `{"retries": {...}, "timeout": ..., ...}` or None.
            limit_max: Most retries (WF_MAX_RETRIES); an endless limit means so many.
            of_rollback: Whether it is the configuration of a rollback handler, which knows fewer keys.

        Raises:
            ValueError: An unknown key or a bad value; the message names step and key.
        """
        if config is None or config == {}:
            return DEFAULT if limit_max >= DEFAULT.limit else cls(limit=limit_max)
        whose = f'Rollback config for "{step}"' if of_rollback else f"Step {step!r}"
        given = _mapping(whose, "config", config)
        _known(whose, "config", given, ROLLBACK_KEYS if of_rollback else STEP_KEYS)
        retries = _mapping(whose, "retries", {} if given.get("retries") is None else given["retries"])
        _known(whose, "retries", retries, RETRY_KEYS)
        read: dict[str, Any] = {"limit": _limit(whose, retries.get("limit", min(DEFAULT.limit, limit_max)), limit_max)}
        for key in ("max_delay", "jitter", "backoff", "retry_on", "no_retry_on"):
            if key in retries:
                read[key] = _READ[key](whose, f"retries.{key}", retries[key])
        for key in ("timeout", "at_most_once", "sensitive"):
            if key in given:
                read[key] = _READ[key](whose, key, given[key])
        if "delay" in retries:
            if callable(delay := retries["delay"]) and not of_rollback:
                read |= {"dynamic": True, "delay_function": delay}
            else:
                read["delay"] = _duration(whose, "retries.delay", delay)
        return cls(**read)

    def as_dict(self) -> dict[str, Any]:
        """The resolved configuration in the shape an author writes it, durations in seconds.

        The keys of the baseline are always there, but for a delay that is a function; ours beyond it when in use.
        """
        extras = self.dump()
        retries: dict[str, Any] = {"limit": self.limit}
        if not self.dynamic:
            retries["delay"] = self.delay
        retries["backoff"] = self.backoff
        retries |= {name: extras[name] for name in RETRY_KEYS[3:] if name in extras}
        for name in ("retry_on", "no_retry_on"):
            if name in retries:
                retries[name] = [cls.rpartition(":")[2] for cls in retries[name]]
        return {
            "retries": retries,
            "timeout": self.timeout,
            **{name: extras[name] for name in ("sensitive", "at_most_once") if name in extras},
        }

    def dump(self) -> dict[str, Any]:
        """All fields that differ from the defaults, for the journal."""
        if self is DEFAULT:
            return {}
        stored = {name: value for name in _STORED if (value := getattr(self, name)) != getattr(DEFAULT, name)}
        return stored | {"delay": DYNAMIC} if self.dynamic else stored

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> StepConfig:
        """What `dump` gave; a delay that was a function is the default until `reviving` gives one.

        Raises:
            ValueError: `dump` gives no such thing.
        """
        if not stored:
            return DEFAULT
        if not isinstance(stored, dict):
            raise ValueError(f"{stored!r:.120} is no configuration of a step.")  # noqa: TRY004  # as for a bad value
        read: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in stored.items()}
        if read.get("delay") == DYNAMIC:
            read |= {"delay": DEFAULT.delay, "dynamic": True}
        for name, value in read.items():
            if not isinstance(value, _KINDS.get(name, ())):
                raise ValueError(f"{name!r}: {value!r:.120} is no part of the configuration of a step.")  # noqa: TRY004  # as above
        return cls(**read)

    @classmethod
    def shown(cls, stored: Mapping[str, Any] | None) -> dict[str, Any]:
        """The resolved configuration that the journal holds; what cannot be understood is shown as it is."""
        try:
            return cls.load(stored or {}).as_dict()
        except ValueError:
            return {"unreadable": stored, **({"sensitive": "output"} if hides_output(stored) else {})}

    def reviving(self, current: StepConfig | None) -> StepConfig:
        """This configuration, out of the journal, with the delay function of what the code says today."""
        if not self.dynamic or current is None or current.delay_function is None:
            return self
        return replace(self, delay_function=current.delay_function)

    def retries_error(self, error: BaseException) -> bool:
        """Whether an attempt that failed with `error` is worth another one."""
        names = {name for cls in type(error).__mro__ for name in (cls.__name__, f"{cls.__module__}:{cls.__qualname__}")}
        if isinstance(error, NonRetryableError | RuleError) or names & set(self.no_retry_on):
            return False
        return not self.retry_on or bool(names & set(self.retry_on))

    def delay_after(self, attempt: int, luck: float = 0.5, base: float | None = None) -> float:
        """Seconds to wait after failed attempt number `attempt`.

        Args:
            attempt: Number of the attempt that failed, from 1, lost attempts not counted.
            luck: A number in 0 to 1 that places the delay within the jitter.
            base: Seconds that the delay function gave; `delay` if it is None.
        """
        delay = self.delay if base is None else base
        if self.backoff == "linear":
            delay *= attempt
        elif self.backoff == "exponential":
            delay *= 2.0 ** min(attempt - 1, 60)
        return min(delay * (1 + self.jitter * (2 * luck - 1)), self.max_delay, DELAY_MAX)


def hides_output(stored: object) -> bool:
    """Whether a configuration in the journal, readable or not, keeps the step's output out of sight."""
    return isinstance(stored, dict) and stored.get("sensitive") == "output"


DEFAULT = StepConfig()

_NUMBER = (int, float)
_KINDS: dict[str, Any] = {
    "limit": int, "delay": _NUMBER, "backoff": str, "max_delay": _NUMBER, "jitter": _NUMBER, "timeout": _NUMBER,
    "retry_on": tuple, "no_retry_on": tuple, "at_most_once": bool, "sensitive": str, "rollback": bool, "dynamic": bool,
}  # fmt: skip
"""What each part of a stored configuration is."""

_STORED = tuple(each.name for each in fields(StepConfig) if each.name not in ("dynamic", "delay_function"))


def _mapping(whose: str, key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{whose}: {key} must be a dict, not {value!r}.")  # noqa: TRY004  # one class for bad config
    return value


def _known(whose: str, what: str, given: dict[str, Any], allowed: tuple[str, ...]) -> None:
    for key in given:
        if key not in allowed:
            raise ValueError(f"{whose}: unknown key {key!r} in {what}; known are {', '.join(allowed)}.")


def _limit(whose: str, value: Any, most: int) -> int:
    if isinstance(value, float) and value == math.inf:
        return most
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(
            f"{whose}: retries.limit must be a whole number from 0 to {most:,} (WF_MAX_RETRIES), not {value!r}."
        )
    return value


def _duration(whose: str, key: str, value: Any) -> float:
    return seconds(value, what=f"{whose}: {key}")


def _timeout(whose: str, key: str, value: Any) -> float:
    if not (duration := _duration(whose, key, value)):
        raise ValueError(f"{whose}: {key} must be longer than 0.")
    return duration


def _jitter(whose: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{whose}: {key} must be a number from 0 to 1, not {value!r}.")
    return float(value)


def _backoff(whose: str, key: str, value: Any) -> Backoff:
    for known in get_args(Backoff):
        if value == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"{whose}: {key} must be one of {', '.join(get_args(Backoff))}, not {value!r}.")


def _flag(whose: str, key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{whose}: {key} must be True or False, not {value!r}.")  # noqa: TRY004  # as above
    return value


def _sensitive(whose: str, key: str, value: Any) -> str:
    if value not in (None, "", "output"):
        raise ValueError(f'{whose}: {key} must be "output", not {value!r}.')
    return value or ""


def _classes(whose: str, key: str, value: Any) -> tuple[str, ...]:
    classes = value if isinstance(value, list | tuple | set | frozenset) else (value,)
    for cls in classes:
        if not (isinstance(cls, str) or (isinstance(cls, type) and issubclass(cls, BaseException))):
            raise ValueError(f"{whose}: {key} must hold exception classes, not {cls!r}.")  # noqa: TRY004  # as above
    return tuple(cls if isinstance(cls, str) else f"{cls.__module__}:{cls.__qualname__}" for cls in classes)


_READ: dict[str, Any] = {
    "max_delay": _duration,
    "jitter": _jitter,
    "backoff": _backoff,
    "retry_on": _classes,
    "no_retry_on": _classes,
    "timeout": _timeout,
    "at_most_once": _flag,
    "sensitive": _sensitive,
}
