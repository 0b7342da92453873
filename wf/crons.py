"""Cron expressions: which ones are taken, and when they fire. Always UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime

CRON_MAX = 256
"""Characters of a cron expression."""

# An expression becomes part of ids, so there is no `?`; and croniter's R and H mean another time for each caller.
_FIELD = re.compile(r"(?![rhRH])[0-9a-zA-Z*,/#-]+")


def is_cron(text: object) -> bool:
    """Whether a text has five fields, minute to weekday, and ever fires."""
    from croniter import CroniterBadDateError, croniter  # noqa: PLC0415  (slow, and most processes have no use for it)

    if not isinstance(text, str) or len(text) > CRON_MAX:
        return False
    fields = text.split(" ")
    if len(fields) != 5 or not all(map(_FIELD.fullmatch, fields)) or not croniter.is_valid(text):
        return False
    try:
        next_firing(text, 0.0)
    except CroniterBadDateError:  # the 31st of February
        return False
    return True


def next_firing(cron: str, after: float) -> float:
    """The first firing later than a moment, both in seconds since the epoch."""
    from croniter import croniter  # noqa: PLC0415

    moment = datetime.fromtimestamp(after, UTC)
    return float(croniter(cron, moment).get_next(datetime).timestamp())


def latest_firing(cron: str, now: float) -> float:
    """The last firing not later than a moment, both in seconds since the epoch."""
    from croniter import croniter  # noqa: PLC0415

    # Firings are at full minutes, and croniter looks before the moment that it is given.
    minute = datetime.fromtimestamp(now // 60 * 60 + 1, UTC)
    return float(croniter(cron, minute).get_prev(datetime).timestamp())
