"""What a worker does with a nudge, on an app that is not ours."""

from __future__ import annotations

from typing import Any

from celery.worker import request


class Request(request.Request):
    """A request that the worker's time limits do not end: how long an attempt may take is the step's own word.

    The prefork pool puts its own limits where a task has none, and limits of days would stay in the timer of the main
    loop for days. So they are taken off the result that the pool hands out, before the child can have begun.
    """

    @property
    def _apply_result(self) -> Any:
        return self.__dict__.get("_apply_result")

    @_apply_result.setter
    def _apply_result(self, reference: Any) -> None:
        self.__dict__["_apply_result"] = reference
        result: Any = reference and reference()
        if result is not None:
            result._soft_timeout = result._timeout = None  # noqa: SLF001  # it has no other way to be told
