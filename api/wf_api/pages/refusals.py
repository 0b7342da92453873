"""Forms that are shown again, with what was wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf_api.problems import problem_of

if TYPE_CHECKING:
    from wf.errors import WfError
    from wf.http import Problem


def told(error: WfError) -> Problem:
    """How a form tells of an error.

    Raises:
        WfError: The error itself, if no form can help: what it is about is gone, or a server is away.
    """
    problem = problem_of(error)
    if problem.status == 404 or problem.status >= 500:
        raise error
    return problem
