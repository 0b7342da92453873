"""Lists of instances: which ones are wanted, and which page of them. How a page is found stands in `wf.pages`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time

from wf.errors import InvalidInstanceId, WfError
from wf.ids import ADDRESS, check_address
from wf.status import Status

PAGE = 20
PAGE_MAX = 100
OFFSET_MAX = 10_000
"""Instances that a page given by its number may skip; they are read and thrown away. A cursor skips any number."""

LOOK = 10_000
"""Instances among which a page of one version is looked for, or of ids that begin as more than `FEW` do."""

FEW = 5_000
"""Instances whose ids begin alike: so many are found by the index on ids, wherever they are."""

INSIDE = 1_000
"""Instances into whose errors, params or outputs one page looks."""

TEXT_MAX = 200
"""Characters of a text that is looked for."""

ID_BEGINS = f"^{ADDRESS.pattern}$"
"""How an id may begin."""

KEY_MAX = 2**63 - 1
_DIGITS = 100  # of a cursor; Python refuses to read thousands of them

ENTRY = ("id", "version", "status", "trigger", "createdOn", "modifiedOn", "startedOn", "endedOn", "dueAt")
"""What is told of each instance."""

_DATE = len("2026-01-31")


class InvalidQuery(WfError):
    """A list was asked for in a way that makes no sense."""

    code = "list.invalid"


def read_moment(what: str, text: str, day_part: time) -> datetime:
    """A bound of a list: ISO 8601, UTC unless it says otherwise; a date alone means this time of that day.

    Args:
        what: Which bound, for the message.
        text: What was given.
        day_part: The time of the day, for a date alone.

    Raises:
        InvalidQuery: It cannot be read.
    """
    try:
        if len(text) <= _DATE:
            return datetime.combine(date.fromisoformat(text), day_part, UTC)
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidQuery(f"{what} {text!r:.60} is not an ISO 8601 date or time, such as 2026-01-31T09:00.") from None


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Which instances of a workflow, and which page of them.

    Attributes:
        status: Only those in this status.
        version: Only those of this version.
        id: Only those whose id begins with this.
        error: Only errored ones whose error has this text in its name or message, in small or capital letters.
        search: Only those whose params or output have this text in them, which `wf.contents` explains.
        since: Only those created then or later.
        until: Only those created then or earlier.
        cursor: The `cursor` of the page before.
        page: The number of the page, from 1, in place of a cursor.
        limit: Instances on a page; 20 by default, 100 at most.
        oldest_first: Else the newest come first.

    Raises:
        InvalidQuery: A value cannot be used.
    """

    status: str | None = None
    version: str | None = None
    id: str | None = None
    error: str | None = None
    search: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    cursor: str | None = None
    page: int | None = None
    limit: int | None = None
    oldest_first: bool = False

    def __post_init__(self) -> None:
        _check_number("limit", self.limit, PAGE_MAX)
        _check_number("page", self.page, OFFSET_MAX // self.size + 1)
        if self.status is not None and self.status not in set(Status):
            raise InvalidQuery(f"There is no status {self.status!r}. Valid statuses are: {', '.join(Status)}.")
        if self.cursor is not None and not is_cursor(self.cursor):
            raise InvalidQuery(f"The cursor {self.cursor!r:.40} is not one that a list has given.")
        if self.cursor is not None and self.page is not None:
            raise InvalidQuery("Give a cursor or the number of a page, not both.")
        _check_beginning(self.id)
        _check_text("error", self.error)
        _check_text("search", self.search)
        _check_moment("since", self.since)
        _check_moment("until", self.until)

    @property
    def size(self) -> int:
        """Instances on a page."""
        return PAGE if self.limit is None else self.limit

    @property
    def skipped(self) -> int:
        """Instances before a page that is given by its number."""
        return 0 if self.page is None else (self.page - 1) * self.size

    def after(self, cursor: int) -> Listing:
        """The same list from a cursor on, in place of the number of a page."""
        return replace(self, page=None, cursor=str(cursor))

    @property
    def one_status(self) -> str | None:
        """The status that all have which are wanted; None if it does not matter."""
        return Status.ERRORED if self.error is not None else self.status

    @property
    def is_impossible(self) -> bool:
        """Whether no instance can be such: only errored ones have an error."""
        return self.error is not None and self.status not in (None, Status.ERRORED)

    @property
    def looks_inside(self) -> bool:
        """Whether only a look into stored values can tell."""
        return self.error is not None or self.search is not None


def is_cursor(value: object) -> bool:
    """Whether a list can have given this as a cursor."""
    return isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _DIGITS


def _check_number(name: str, value: object, most: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise InvalidQuery(f"{name} must be a whole number from 1 to {most}, not {value!r:.40}.")


def _check_moment(name: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, datetime):
        raise InvalidQuery(f"{name} must be a datetime, not {value!r:.120}.")
    try:
        value.astimezone(UTC)
    except (OverflowError, ValueError):
        raise InvalidQuery(f"{name} {value} is beyond the times that can be compared.") from None


def _check_text(name: str, value: object) -> None:
    if value is not None and not (isinstance(value, str) and 1 <= len(value) <= TEXT_MAX):
        raise InvalidQuery(f"{name} must be a text of 1 to {TEXT_MAX} characters, not {value!r:.40}.")


def _check_beginning(value: object) -> None:
    try:
        if value is not None:
            check_address(value)
    except InvalidInstanceId:
        raise InvalidQuery(f"id {value!r:.40} is not how an id of an instance can begin.") from None
