"""The table of HTTP answers: complete, and silent about what is nobody's business."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wf import errors
from wf.breakers import NoBreaker
from wf.codec import CodecError
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
    JournalBusy,
    JournalRefused,
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
from wf.http import PREFIX, ROWS, answer_for, number_of
from wf.listing import InvalidQuery

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES: list[tuple[WfError, int, int, str]] = [
    (WorkflowNotFound("report", []), 404, 10200, "workflow.not_found"),
    (InstanceNotFound("report", "r-17"), 404, 10400, "instance.not_found"),
    (InvalidInstanceId("-"), 400, 10401, "instance.invalid_id"),
    (InvalidEventType("a.b"), 400, 10402, "workflow.invalid_event_type"),
    (InstanceFinished("report", "r-17", "complete"), 409, 10403, "instance.finished"),
    (InstanceTerminated("report", "r-17"), 409, 10403, "instance.terminated"),
    (InvalidTransition("report", "r-17", "complete", "terminate"), 409, 10404, "instance.cannot_terminate"),
    (InstanceAlreadyExists("report", "r-17"), 409, 10405, "instance.already_exists"),
    (StepNotFound("upload", 1, "do"), 409, 10406, "instance.cannot_restart"),
    (StepOutputNotFound("report", "r-17", "upload-1", "step", None), 404, 10418, "step.not_found"),
    (InvalidPayload("report", "Report", []), 400, 10407, "payload.invalid"),
    (SerializationError("$.handle", "it is a file."), 400, 10408, "payload.not_serialisable"),
    (InvalidBatch("It is empty"), 400, 10409, "batch.invalid"),
    (InvalidQuery("limit is 0"), 400, 10410, "list.invalid"),
    (InvalidSubscription("cursor is -1"), 400, 10411, "subscription.invalid"),
    (PayloadTooLarge("The payload", 2, 1), 413, 10413, "payload.too_large"),
    (JobActive("report", "terminate", 7), 409, 10416, "job.already_running"),
    (JobNotFound(7), 404, 10417, "job.not_found"),
    (TokenNotFound("ci"), 404, 10420, "token.not_found"),
    (TokenExists("ci"), 409, 10421, "token.already_exists"),
    (InvalidToken("The name '' is invalid"), 400, 10422, "token.invalid"),
    (NoBreaker("report"), 409, 10423, "workflow.no_breaker"),
    (TooManySchedules("report", 2, 99, 100), 409, 10419, "workflow.too_many_schedules"),
    (RateLimited("report", 5, 0.3, "WF_CREATION_RATE"), 429, 10429, "rate_limited"),
    (JournalUnavailable("db-7.internal"), 503, 10503, "journal.unavailable"),
    (JournalBusy("db-7.internal"), 503, 10503, "journal.busy"),
    (JournalRefused("db-7.internal"), 503, 10503, "journal.refused"),
    (BrokerUnavailable("db-7.internal"), 503, 10503, "broker.unavailable"),
    (SchemaMismatch("0001", "0002"), 503, 10503, "journal.schema_mismatch"),
]


@pytest.mark.parametrize(("error", "status", "code", "text"), EXAMPLES, ids=lambda value: type(value).__name__)
def test_each_error_has_its_status_and_number(error: WfError, status: int, code: int, text: str) -> None:
    """What scripts and browsers rely on, error by error."""
    problem = answer_for(error)
    assert (problem.status, problem.code, problem.name) == (status, code, PREFIX + text)


def test_every_error_for_callers_has_a_row() -> None:
    """A new class of error cannot be forgotten: it is in the examples above, by itself, or this fails."""
    kinds = {cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, WfError)} - {WfError}
    assert kinds | {InvalidQuery, TooManySchedules, NoBreaker} == {type(error) for error, *_ in EXAMPLES}
    assert set(ROWS) <= {type(error) for error, *_ in EXAMPLES}


@pytest.mark.parametrize("error", [error for error, status, *_ in EXAMPLES if status < 500], ids=type)
def test_callers_are_told_what_they_did(error: WfError) -> None:
    """An error of the caller's is told in its own words."""
    assert answer_for(error).detail == str(error)


@pytest.mark.parametrize("make", [JournalUnavailable, JournalBusy, JournalRefused, BrokerUnavailable])
def test_nobody_is_told_where_the_servers_are(make: Callable[[str], WfError]) -> None:
    """What a driver says may name hosts, roles and databases: the answer has a sentence of its own, and a time."""
    problem = answer_for(make('connection to server at "db-7.internal" (10.0.0.7) failed for user "shop"'))
    assert problem.detail == "The workflows cannot be reached at the moment. Try again soon."
    assert problem.headers == {"Retry-After": "2"}


@pytest.mark.parametrize("error", [KeyError("secret"), CodecError("secret"), WfError("secret"), ValueError("secret")])
def test_what_is_not_in_the_table_is_the_servers_fault(error: Exception) -> None:
    """An unknown error is a 500 that shows nothing of it."""
    problem = answer_for(error)
    assert (problem.status, problem.code, problem.headers) == (500, 10001, {})
    assert problem.name == "workflows.api.error.internal_server"
    assert "secret" not in problem.detail


@pytest.mark.parametrize(("seconds", "header"), [(0.01, "1"), (1.0, "1"), (2.3, "3")])
def test_a_rate_limit_tells_when_to_come_back(seconds: float, header: str) -> None:
    """In whole seconds, as HTTP wants it, and not too early."""
    assert answer_for(RateLimited("report", 5, seconds, "WF_CREATION_RATE")).headers == {"Retry-After": header}


def test_a_web_app_answers_with_detail_and_code() -> None:
    """The body has what callers of any web app look for, without the numbers of our own API."""
    assert answer_for(InstanceNotFound("report", "r-17")).body == {
        "detail": "Workflow 'report' has no instance 'r-17'. Was its transaction committed?",
        "code": "instance.not_found",
    }


def test_the_codes_of_batch_entries_have_numbers() -> None:
    """The text of a code leads to the number of its error; a repeated id has one that no error has."""
    codes = [(error.code, code) for error, _, code, _ in EXAMPLES if not isinstance(error, InvalidTransition)]
    assert [(text, number_of(text)) for text, _ in codes] == codes
    assert number_of("instance.duplicate_in_batch") == 10415
    assert number_of("something.new") == 10001
