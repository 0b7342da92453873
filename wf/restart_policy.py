"""Restart policies: which errored instances the reaper starts again, when, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wf.durations import seconds

BACKOFFS = ("constant", "linear", "exponential")
BEGINNINGS = ("failed", "start")
PARTS = ("limit", "delay", "backoff", "on", "from")

DELAY_MAX = 365 * 86_400.0
"""Seconds that no restart is delayed beyond."""

RESTARTS_MAX = 1_000_000
"""Restarts that no policy allows more of."""


class RestartPolicy:
    """Which errored instances the reaper starts again, when, and how often.

    `restart={"limit": 3, "delay": "5 minutes", "backoff": "exponential", "on": [ConnectionError], "from": "failed"}`

    Attributes:
        limit: Restarts at most; 0 for none at all.
        delay: Seconds before the first one; grows by `backoff` (constant, linear, exponential).
        on: Class names of errors that are worth it; empty means all.
        from_start: Whether to begin anew instead of at the step that failed.
    """

    def __init__(self, limit: int, delay: float, backoff: str, on: tuple[str, ...], *, from_start: bool) -> None:
        self.limit, self.delay, self.backoff, self.on, self.from_start = limit, delay, backoff, on, from_start

    @classmethod
    def parse(cls, workflow: str, given: Any) -> RestartPolicy:
        """Read what an author or an operator wrote, or what `stored` has made of that.

        Raises:
            ValueError: An unknown key or a bad value.
        """
        if not isinstance(given, Mapping):
            raise ValueError(f"Workflow {workflow!r}: restart must be a dict, not {given!r:.120}.")  # noqa: TRY004  # one class for bad keywords
        for key in given:
            if key not in PARTS:
                raise ValueError(
                    f"Workflow {workflow!r}: unknown key {key!r:.120} in restart; known are {', '.join(PARTS)}."
                )
        limit, backoff = given.get("limit", 3), given.get("backoff", "exponential")
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
            raise ValueError(f"Workflow {workflow!r}: restart limit must be a whole number from 0, not {limit!r:.120}.")
        if backoff not in BACKOFFS:
            raise ValueError(
                f"Workflow {workflow!r}: restart backoff {backoff!r:.120} is not constant, linear or exponential."
            )
        if (start := given.get("from", "failed")) not in BEGINNINGS:
            raise ValueError(f'Workflow {workflow!r}: restart from must be "failed" or "start", not {start!r:.120}.')
        on = given.get("on", ())
        names = [_error_name(workflow, error) for error in (on if isinstance(on, list | tuple) else (on,))]
        delay = min(seconds(given.get("delay", 60), what=f"Workflow {workflow!r}: restart delay"), DELAY_MAX)
        return cls(min(limit, RESTARTS_MAX), delay, backoff, tuple(dict.fromkeys(names)), from_start=start == "start")

    def stored(self) -> dict[str, Any]:
        """As JSON, with every part; `parse` reads it."""
        start = "start" if self.from_start else "failed"
        return {
            "limit": self.limit, "delay": self.delay, "backoff": self.backoff, "on": list(self.on), "from": start,
        }  # fmt: skip

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


def _error_name(workflow: str, given: object) -> str:
    name = given.__name__ if isinstance(given, type) and issubclass(given, BaseException) else given
    if not isinstance(name, str):
        raise ValueError(f"Workflow {workflow!r}: restart on must hold exception classes, not {given!r:.120}.")  # noqa: TRY004  # one class for bad keywords
    if not name or not name.isprintable() or name != name.strip():  # it stands on a line of its own in a form
        raise ValueError(f"Workflow {workflow!r}: restart on: {name!r:.120} cannot be the name of an exception class.")
    return name
