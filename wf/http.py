"""Which HTTP answer belongs to which error: one table, for the REST API and for web apps. It serves nothing itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from wf.breakers import NoBreaker
from wf.deployments import TooManySchedules
from wf.errors import (
    BrokerUnavailable,
    InstanceAlreadyExists,
    InstanceFinished,
    InstanceNotFound,
    InstanceTerminated,
    InvalidBatch,
    InvalidEventType,
    InvalidInstanceId,
    InvalidPayload,
    InvalidSubscription,
    InvalidToken,
    InvalidTransition,
    JobActive,
    JobNotFound,
    JournalUnavailable,
    PayloadTooLarge,
    RateLimited,
    SchemaMismatch,
    SerializationError,
    StepNotFound,
    StepOutputNotFound,
    TokenExists,
    TokenNotFound,
    WfError,
    WorkflowNotFound,
)
from wf.listing import InvalidQuery

PREFIX = "workflows.api.error."
"""What stands before the text of an error's code in the baseline's API."""


class Row(NamedTuple):
    """How an error is told over HTTP.

    Attributes:
        status: The HTTP status.
        code: The baseline's number, or ours where it has none.
    """

    status: int
    code: int


ROWS: dict[type[WfError], Row] = {
    WorkflowNotFound: Row(404, 10200),
    InstanceNotFound: Row(404, 10400),
    InvalidInstanceId: Row(400, 10401),
    InvalidEventType: Row(400, 10402),
    InstanceFinished: Row(409, 10403),
    InstanceTerminated: Row(409, 10403),
    InvalidTransition: Row(409, 10404),
    InstanceAlreadyExists: Row(409, 10405),
    StepNotFound: Row(409, 10406),
    StepOutputNotFound: Row(404, 10418),
    InvalidPayload: Row(400, 10407),
    SerializationError: Row(400, 10408),
    InvalidBatch: Row(400, 10409),
    InvalidQuery: Row(400, 10410),
    InvalidSubscription: Row(400, 10411),
    PayloadTooLarge: Row(413, 10413),
    JobActive: Row(409, 10416),
    JobNotFound: Row(404, 10417),
    TokenNotFound: Row(404, 10420),
    TokenExists: Row(409, 10421),
    InvalidToken: Row(400, 10422),
    TooManySchedules: Row(409, 10419),
    NoBreaker: Row(409, 10423),
    RateLimited: Row(429, 10429),
    JournalUnavailable: Row(503, 10503),
    BrokerUnavailable: Row(503, 10503),
    SchemaMismatch: Row(503, 10503),
}
"""A subclass has the row of its parent. Errors without a row are nobody's fault but the server's."""

INTERNAL = Row(500, 10001)

_NUMBERS = {error.code: row.code for error, row in ROWS.items() if error is not InvalidTransition} | {
    "instance.duplicate_in_batch": 10415,
    "journal.busy": 10503,
    "journal.refused": 10503,
}
_AWAY = "The workflows cannot be reached at the moment. Try again soon."
_BROKEN = "Something went wrong in the server; its log tells what."
_RETRY_AFTER = 2  # seconds


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as HTTP tells it.

    Attributes:
        status: The HTTP status.
        code: The number of its kind.
        name: The text of its kind, as `"workflows.api.error.instance.not_found"`.
        detail: What happened. Of the server's own troubles a fixed sentence: their texts may name hosts.
        retry_after: Seconds until the same request can succeed; None if it never will.
    """

    status: int
    code: int
    name: str
    detail: str
    retry_after: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """`Retry-After`, if there is a point in it."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    @property
    def body(self) -> dict[str, str]:
        """What a web app answers as JSON: `detail`, and the error's own `code`, without number and prefix."""
        return {"detail": self.detail, "code": self.name.removeprefix(PREFIX)}


def answer_for(error: Exception) -> Problem:
    """The answer for an error; any error that is not in the table is an internal one."""
    row = next((ROWS[kind] for kind in type(error).__mro__ if kind in ROWS), None)
    if row is None or not isinstance(error, WfError):
        return Problem(*INTERNAL, PREFIX + "internal_server", _BROKEN)
    name = PREFIX + error.code
    if row.status == 503:
        return Problem(*row, name, _AWAY, _RETRY_AFTER)
    retry_after = math.ceil(error.retry_after) if isinstance(error, RateLimited) else None
    return Problem(*row, name, str(error), retry_after)


def number_of(code: str) -> int:
    """The number for the text of a code, such as the entries of a batch have; 10001 for one that has none."""
    return _NUMBERS.get(code, INTERNAL.code)
