"""Templates, filled in. Everything that is filled in is escaped, and looks the same on every page."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from wf.durations import about
from wf_api import scales
from wf_api.assets import asset
from wf_api.pages.said import SAID

if TYPE_CHECKING:
    from wf_api.access import Caller

_HERE = Path(__file__).parent.parent


def page(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page for anybody."""
    return HTMLResponse(_templates().get_template(template).render(values), status)


def view(
    request: Request, caller: Caller, template: str, *, here: str, status: int = 200, **values: Any
) -> HTMLResponse:
    """A page of the dashboard.

    Args:
        request: Which page was asked for.
        caller: Who asks.
        template: Its template.
        here: The entry of the navigation under which it stands.
        status: The HTTP status.
        **values: What the template names.
    """
    said = SAID.get(template, {}).get(request.query_params.get("said", ""))
    return page(template, status=status, who=caller.principal, here=here, said=said, **values)


def wants_page(request: Request) -> bool:
    """Whether somebody looks at this with a browser: they can be asked who they are, and told of errors in words."""
    is_data = request.url.path.startswith("/api/")
    return not is_data and "text/html" in request.headers.get("accept", "")


def path(*parts: object, **query: object) -> str:
    """A path of ours; what is None is left out of the query."""
    given = {name: value for name, value in query.items() if value is not None}
    return "/" + "/".join(quote(str(part), safe="") for part in parts) + (f"?{urlencode(given)}" if given else "")


def _number(value: float | None, cap: int | None = None) -> str:
    """A number with its thousands apart; one that has reached the cap means "or more"."""
    if value is None:
        return "-"
    shown = f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
    return f"{shown}+" if cap is not None and value >= cap else shown


def _clock(at: datetime) -> Markup:
    """The time of a line among others, to the millisecond: how long ago it was would be the same for all of them."""
    iso = at.astimezone(UTC).isoformat(timespec="milliseconds")
    day, time = iso[:10], iso[11:19]
    return Markup(  # noqa: S704  # digits
        f'<time datetime="{iso}" title="{day} {time} UTC" class="mono" data-plain>{iso[11:23]}</time>'
    )


def _duration(seconds: float | None) -> str:
    return "-" if seconds is None else about(seconds)


def _moment(at: datetime | None, *, exact: bool = False) -> Markup:
    """A time, in UTC. A script says how long ago it is instead, or beside it if it shall stay exact."""
    if at is None:
        return Markup('<span class="none">-</span>')
    iso = at.astimezone(UTC).isoformat(timespec="milliseconds")[:23]
    text, more = f"{iso[:10]} {iso[11:19]}", " data-exact" if exact else ""
    return Markup(f'<time datetime="{iso}Z" title="{text} UTC"{more}>{text}</time>')  # noqa: S704  # digits


def _pretty(value: Any) -> str:
    """JSON for the eyes."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=_beyond_json)


def _beyond_json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {
        "clock": _clock, "duration": _duration, "number": _number, "moment": _moment, "pretty": _pretty,
        "rate": scales.number,
    }  # fmt: skip
    made.globals |= {"path": path, "asset": asset}
    return made
