"""What the API itself refuses, beside what the clients refuse; and how every error becomes an answer."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import structlog

from wf.errors import WfError
from wf.http import PREFIX, Problem, Row, answer_for

if TYPE_CHECKING:
    from collections.abc import Iterator


log = structlog.get_logger("wf")


class Refusal(WfError):
    """A request that the API refuses.

    Attributes:
        row: How it is told.
        retry_after: Seconds until the same request can succeed; None if it never will.
    """

    row: ClassVar[Row] = Row(400, 10002)
    retry_after: int | None = None


class InvalidRequest(Refusal):
    """The request has not the form that the route asks for."""

    code = "request.invalid"


class Unauthenticated(Refusal):
    """Nobody knows who calls."""

    code, row = "auth.unauthenticated", Row(401, 10000)


class BadSignature(Refusal):
    """A webhook is not signed as it should be."""

    code, row = "hook.bad_signature", Row(401, 10000)


class Forbidden(Refusal):
    """The caller is known, and may not do this."""

    code, row = "auth.forbidden", Row(403, 10003)


class NoRoute(Refusal):
    """There is no such route."""

    code, row = "request.no_route", Row(404, 7003)


class NoHook(NoRoute):
    """There is no rule for such a webhook."""

    code = "hook.not_found"


class UnusableDelivery(InvalidRequest):
    """A webhook has not what its rule asks for."""

    code = "hook.unusable"


class UnknownVersion(Refusal):
    """The workflow has no such version."""

    code, row = "version.not_found", Row(404, 10201)


class WrongMethod(Refusal):
    """The route has no such method."""

    code, row = "request.wrong_method", Row(405, 7001)


class BodyTooLarge(Refusal):
    """The request is bigger than WF_API_MAX_BODY."""

    code, row = "request.too_large", Row(413, 10414)


class TooManyRequests(Refusal):
    """The caller asks more often than WF_API_RATE allows."""

    code, row = "request.too_many", Row(429, 10430)

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def problem_of(error: Exception) -> Problem:
    """The answer for any error."""
    if isinstance(error, Refusal):
        return Problem(*error.row, PREFIX + error.code, str(error), error.retry_after)
    found = answer_for(error)
    if found.status == 500 and isinstance(error, WfError):  # any other error is logged by the server
        log.error("an error that no answer is known for", exc_info=error)
    if found.status < 500 and (notes := getattr(error, "__notes__", None)):  # which entry of a batch it is about
        return replace(found, detail=" ".join([found.detail, *notes]))
    return found


@contextmanager
def as_given() -> Iterator[None]:
    """Around calls of clients with what a request has brought: what they find unusable is the caller's fault.

    Raises:
        InvalidRequest: A value cannot be used.
    """
    try:
        yield
    except WfError:
        raise
    except ValueError as error:  # a TypeError is a fault of ours: values come here in the types of their models
        raise InvalidRequest(" ".join([str(error), *getattr(error, "__notes__", ())])) from error
