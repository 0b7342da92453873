"""Pages: our templates, filled in. Everything that is filled in is escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = Path(__file__).parent
STATIC_FOLDER = _HERE / "static"


def page(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page."""
    return HTMLResponse(_templates().get_template(template).render(values), status)


def wants_page(request: Request) -> bool:
    """Whether somebody looks at this with a browser: they can be asked who they are."""
    is_data = request.url.path.startswith("/api/")
    return request.method == "GET" and not is_data and "text/html" in request.headers.get("accept", "")


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined)
