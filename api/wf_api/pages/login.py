"""Browsers: log in with a token, see who one is, log out.

The login form is protected like every other: a page of another site could log its reader in as somebody else, and look
on. There is no session yet to bind the form to, so a cookie of its own must say the same as the form (double submit).
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from wf_api.access import Reader
from wf_api.addresses import LOGIN, page_at
from wf_api.door import same
from wf_api.origins import from_other_site
from wf_api.pages.render import page
from wf_api.problems import TooManyRequests, Unauthenticated
from wf_api.sessions import COOKIE

if TYPE_CHECKING:
    from fastapi import Response

    from wf_api.parts import Parts

router = APIRouter(include_in_schema=False)

FORM_COOKIE = "wf_login"

_SEE_OTHER = 303


@router.get(LOGIN)
async def login_form(request: Request, next: Annotated[str, Query()] = "") -> Any:
    """Ask for a token; then `next`, a page of ours, is shown."""
    parts: Parts = request.app.state.parts
    parts.door.count(request)
    return await _form(request, leads_to=next)


@router.post(LOGIN)
async def login(
    request: Request, token: Annotated[str, Form()] = "", csrf: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",
) -> Any:  # fmt: skip
    """Begin a session, always a new one: a cookie that somebody has planted here before becomes nobody's session."""
    parts: Parts = request.app.state.parts
    parts.door.count(request)
    wanted = request.cookies.get(FORM_COOKIE, "")
    if not wanted or not same(csrf, wanted) or from_other_site(request):
        return await _form(request, 403, "This form is too old, or not ours. Try again.", leads_to=next)
    try:
        found = await parts.door.find_token(token.strip(), request)
    except (Unauthenticated, TooManyRequests) as error:
        answer = await _form(request, error.row.status, str(error), leads_to=next)
        if error.retry_after is not None:
            answer.headers["Retry-After"] = str(error.retry_after)
        return answer
    await _end_session(request)
    cookie = await run_in_threadpool(parts.sessions.create, found)
    address = page_at(request, next)
    answer = RedirectResponse("/" if address is None else address.target, _SEE_OTHER)
    _set(answer, request, COOKIE, cookie, int(parts.sessions.ttl))
    answer.delete_cookie(FORM_COOKIE, path=LOGIN)
    return answer


@router.post("/logout")
async def logout(request: Request, _: Reader) -> Any:
    """End the session, here and in the journal."""
    await _end_session(request)
    answer = RedirectResponse(LOGIN, _SEE_OTHER)
    answer.delete_cookie(COOKIE)
    return answer


async def _form(request: Request, status: int = 200, fault: str = "", *, leads_to: str) -> Response:
    parts: Parts = request.app.state.parts
    csrf = secrets.token_urlsafe(32)
    opened = await parts.door.is_open()
    answer = page("login.html", status=status, csrf=csrf, fault=fault, open=opened, next=leads_to)
    _set(answer, request, FORM_COOKIE, csrf, 3600, path=LOGIN)
    return answer


async def _end_session(request: Request) -> None:
    parts: Parts = request.app.state.parts
    if cookie := request.cookies.get(COOKIE):
        await run_in_threadpool(parts.sessions.delete, cookie)
        parts.door.forget()


def _set(answer: Response, request: Request, name: str, value: str, age: int, *, path: str = "/") -> None:
    """Set a cookie that no script reads. Lax, so that links from elsewhere work: what changes something needs more."""
    answer.set_cookie(
        name, value, max_age=age, path=path, httponly=True, samesite="lax", secure=request.url.scheme == "https"
    )
