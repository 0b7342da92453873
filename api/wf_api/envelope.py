"""The envelope around every answer: `{success, errors, messages, result, result_info}`, and how values become JSON."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fastapi import Response

from wf.wire import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wf.http import Problem


def answered(result: Any, *, status: int = 200, info: Mapping[str, Any] | None = None) -> Response:
    """A good answer.

    Args:
        result: Anything made of mappings, lists, times and what JSON knows.
        status: The HTTP status.
        info: What `result_info` tells of the page.
    """
    found = {"success": True, "errors": [], "messages": [], "result": result}
    return Response(to_json(found if info is None else found | {"result_info": info}), status, media_type=_JSON)


def refused(*problems: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A bad answer, with the status of the first problem, and what headers that needs."""
    first = problems[0]
    errors = [{"code": problem.code, "message": problem.name, "detail": problem.detail} for problem in problems]
    body = to_json({"success": False, "errors": errors, "messages": [], "result": None})
    more = {"WWW-Authenticate": "Bearer"} if first.status == 401 else {}
    return Response(body, first.status, {**first.headers, **more, **(headers or {})}, media_type=_JSON)


def to_json(value: Any, *, only_ascii: bool = False) -> bytes:
    """JSON in UTF-8; times in ISO 8601, UTC.

    Args:
        value: Anything made of mappings, lists, times and what JSON knows.
        only_ascii: Escape all else, for readers who take U+2028 and the like for the end of a line.
    """
    text = json.dumps(value, default=_beyond_json, ensure_ascii=only_ascii, separators=(",", ":"))
    return text.encode(errors="backslashreplace")


_JSON = "application/json"


def _beyond_json(value: object) -> str:
    if isinstance(value, datetime):
        return moment(value)
    raise TypeError(f"{type(value).__name__} is not for JSON: {value!r:.120}")
