"""Forms that are shown again, with what was wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf_api.pages.render import view
from wf_api.problems import problem_of

if TYPE_CHECKING:
    from fastapi import Request
    from fastapi.responses import HTMLResponse

    from wf.errors import WfError
    from wf_api.access import Caller

BESIDE = "Nothing was done: what is wrong stands beside it below."


def form(
    request: Request, caller: Caller, template: str, error: WfError | None = None, *, beside: bool = False,
    fault: str = "", status: int = 200, **values: Any,
) -> HTMLResponse:  # fmt: skip
    """The page of a form: as it is at first, or again with what was wrong.

    Args:
        request: Which page was asked for.
        caller: Who asks.
        template: Its template, which shows `fault`.
        error: Why what was wished was refused; it says the fault and the status.
        beside: Whether the template says beside its fields what is wrong.
        fault: Why it was refused, without an error.
        status: The HTTP status, without an error.
        **values: What the template names.

    Raises:
        WfError: The error itself, if no form can help: what it is about is gone, or a server is away.
    """
    headers: dict[str, str] = {}
    if error is not None:
        problem = problem_of(error)
        if problem.status == 404 or problem.status >= 500:
            raise error
        status, fault, headers = problem.status, BESIDE if beside else problem.detail, problem.headers
    answer = view(request, caller, template, here="workflows", status=status, fault=fault, **values)
    answer.headers.update(headers)
    return answer
