"""The envelope around every answer: `{success, errors, messages, result, result_info}`, and how values become JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fastapi import Response

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


def refused(*problems: Problem) -> Response:
    """A bad answer, with the status of the first problem."""
    first = problems[0]
    errors = [{"code": problem.code, "message": problem.name, "detail": problem.detail} for problem in problems]
    body = to_json({"success": False, "errors": errors, "messages": [], "result": None})
    headers = first.headers | ({"WWW-Authenticate": "Bearer"} if first.status == 401 else {})
    return Response(body, first.status, headers, media_type=_JSON)


def to_json(value: Any) -> bytes:
    """JSON in UTF-8; times in ISO 8601, UTC."""
    return json.dumps(value, default=_beyond_json, ensure_ascii=False, separators=(",", ":")).encode()


def moment(at: datetime | None) -> str | None:
    """A time as the API writes it."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


_JSON = "application/json"


def _beyond_json(value: object) -> str | None:
    if isinstance(value, datetime):
        return moment(value)
    raise TypeError(f"{type(value).__name__} is not for JSON: {value!r:.120}")
