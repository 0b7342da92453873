"""Browsers: logging in with a token, what a session may do, and how it ends."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.access import make_token, router
from tests.support.api import Api
from tests.support.sessions import Browser
from wf.tokens import Tokens
from wf_api.door import TRUST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Rig

TTL = 600.0
FORBIDDEN = (403, 10003, "workflows.api.error.auth.forbidden")
WRITE = ("POST", "/api/trial/write")


@pytest.fixture
def api(rig: Rig) -> Iterator[Api]:
    with Api(rig.settings.model_copy(update={"login_ttl": TTL}), rig.clock) as made:
        made.app.include_router(router)
        yield made


@pytest.fixture
def browser(api: Api) -> Iterator[Browser]:
    with Browser(api) as made:
        yield made


@pytest.fixture
def token(rig: Rig) -> str:
    return make_token(rig, "ada", "write", workflows=["report", "mail"])["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def ada(browser: Browser, token: str) -> Browser:
    """A browser that is logged in."""
    assert browser.log_in(token).status_code == 303
    return browser


def test_login_leads_to_a_page_that_tells_who_one_is(browser: Browser, token: str) -> None:
    """From the page that asks for a token, with a cookie that no script can read."""
    asked = browser.get("/")
    assert (asked.status_code, asked.headers["Location"]) == (303, "/login")
    assert browser.get("/api/trial/read").status_code == 401  # whoever asks for data gets an answer
    answer = browser.log_in(f" {token}\n")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    (cookie,) = [value for value in answer.headers.get_list("Set-Cookie") if value.startswith("wf_session=")]
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Max-Age=600"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    page = browser.get("/").text
    for shown in ("ada", "write", "mail, report", "/api/openapi.json", 'action="/logout"'):
        assert shown in page
    assert token not in page


def test_cookies_that_are_made_up_are_counted_before_they_are_looked_up(rig: Rig, token: str) -> None:
    """By address, and once; the journal is not asked for those that are too many. A login that is known goes on."""
    with Api(rig.settings.model_copy(update={"api_rate": 0.01}), rig.clock) as api:
        api.app.include_router(router)
        parts = api.app.state.parts
        ada = {"Cookie": f"wf_session={parts.sessions.create(parts.tokens.find(token))}"}
        assert api("GET", "/api/trial/read", headers={"Cookie": "wf_session=x"}).status_code == 401
        assert api("GET", "/api/trial/read", headers=ada).status_code == 429
        rig.clock.advance(60)
        used = "select extract(epoch from used_at)::float8 from wf.token"
        (before,) = rig.sql(used)
        assert api("GET", "/api/trial/read", headers=ada).status_code == 429
        assert rig.sql(used) == [before]
        asyncio.run(parts.door._sessions.find(ada["Cookie"].partition("=")[2]))
        assert api("GET", "/api/trial/read", headers=ada).json()["result"] == "api:ada"


def test_over_https_the_cookies_are_secure(api: Api, token: str) -> None:
    """Also behind a proxy on this machine that ends TLS, if it says so."""
    https = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9", "Host": "wf.example"}
    form = api("GET", "/login", headers=https)
    assert "; Secure" in form.headers["Set-Cookie"]
    assert form.headers["Strict-Transport-Security"] == "max-age=31536000"
    csrf = re.search(r'name="csrf" value="([^"]+)"', form.text)
    assert csrf is not None
    headers = {**https, "Origin": "https://wf.example", "Cookie": f"wf_login={csrf[1]}"}
    answer = api("POST", "/login", data={"token": token, "csrf": csrf[1]}, headers=headers)
    assert answer.status_code == 303
    assert "; Secure" in answer.headers["Set-Cookie"]
    headers["Origin"] = "http://wf.example"  # a page that anybody on the way may have changed
    assert api("POST", "/login", data={"token": token, "csrf": csrf[1]}, headers=headers).status_code == 403


def test_behind_a_proxy_elsewhere_login_works(api: Api, token: str) -> None:
    """It ends TLS and keeps `Host`; what else it says is not believed."""
    form = api("GET", "/login", headers={"Host": "wf.example"})
    csrf = re.search(r'name="csrf" value="([^"]+)"', form.text)
    assert csrf is not None
    headers = {"Host": "wf.example", "Origin": "https://wf.example", "Cookie": f"wf_login={csrf[1]}"}
    assert api("POST", "/login", data={"token": token, "csrf": csrf[1]}, headers=headers).status_code == 303


def test_the_journal_holds_no_cookie(rig: Rig, ada: Browser) -> None:
    """Only its hash; whoever reads the table cannot act as anybody."""
    ((row,),) = rig.sql("select session::text from wf.session")
    assert ada.http.cookies["wf_session"] not in row


@pytest.mark.parametrize("wrong", ["", "wf_" + "x" * 43, "secret"])
def test_a_wrong_token_is_told_in_the_form(rig: Rig, browser: Browser, token: str, wrong: str) -> None:
    """And no session begins."""
    answer = browser.log_in(wrong)
    assert answer.status_code == 401
    assert "Nobody knows this token" in answer.text
    assert "wf_session" not in browser.http.cookies
    assert rig.sql("select count(*) from wf.session") == [(0,)]


def test_the_login_form_is_ours(rig: Rig, browser: Browser, token: str) -> None:
    """Without its cookie, with another one, or from a page of another site, nobody is logged in."""
    csrf = browser.csrf("/login")
    refused = [
        browser.post("/login", token=token),
        browser.post("/login", token=token, csrf="other"),
        browser.post("/login", token=token, csrf=csrf),  # each form that is shown has a cookie of its own
        browser.post("/login", origin="https://evil.example", token=token, csrf=browser.csrf("/login")),
        browser.post("/login", origin="null", token=token, csrf=browser.csrf("/login")),
    ]
    assert [answer.status_code for answer in refused] == [403] * 5
    assert all("not ours" in answer.text for answer in refused)
    browser.http.cookies.clear()
    assert browser.post("/login", token=token, csrf=csrf).status_code == 403
    assert browser.post("/login", token=token, csrf="").status_code == 403
    assert rig.sql("select count(*) from wf.session") == [(0,)]


def test_a_session_has_the_rights_of_its_token(rig: Rig, api: Api, ada: Browser) -> None:
    """Scope and workflows."""
    csrf = {"X-CSRF-Token": ada.csrf("/")}
    assert ada.get("/api/trial/of/report").json()["result"]["name"] == "report"
    assert ada.get("/api/trial/of/other").status_code == 403
    assert ada.post("/api/trial/write", headers=csrf).json()["result"] == "api:ada"
    assert ada.post("/api/trial/admin", headers=csrf).status_code == 403


def test_what_changes_something_needs_the_token_of_the_form(ada: Browser) -> None:
    """In a header or in a form; a wrong one or none is refused, and so is that of another session."""
    csrf = ada.csrf("/")
    assert ada.post("/api/trial/write", headers={"X-CSRF-Token": csrf}).status_code == 200
    assert ada.post("/api/trial/write", csrf=csrf).status_code == 200
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": csrf[:-1]}, {"X-CSRF-Token": "x" * len(csrf)}):
        answer = ada.post("/api/trial/write", headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, 10003)
        assert "X-CSRF-Token" in answer.json()["errors"][0]["detail"]
    assert ada.post("/api/trial/write", csrf="x").status_code == 403
    assert ada.http.post("/api/trial/write", json={"csrf": csrf}, headers={"Origin": ada.url}).status_code == 403


def test_what_changes_something_comes_from_our_own_pages(api: Api, ada: Browser) -> None:
    """A browser says from which page a request comes; one that does not is refused as well."""
    csrf = ada.csrf("/")
    for origin in ("https://evil.example", "null", api.url.replace("127.0.0.1", "localhost"), f"{api.url}0"):
        assert ada.post("/api/trial/write", origin=origin, headers={"X-CSRF-Token": csrf}).status_code == 403
    assert ada.http.post("/api/trial/write", headers={"X-CSRF-Token": csrf}).status_code == 403


def test_a_planted_cookie_becomes_nobodys_session(rig: Rig, api: Api, browser: Browser, token: str) -> None:
    """Login begins a session of its own, and ends the one that the browser had."""
    browser.http.cookies.set("wf_session", "planted", domain="127.0.0.1")
    browser.log_in(token)
    first = browser.http.cookies.get("wf_session", domain="127.0.0.1", path="/")
    assert first != "planted"
    browser.log_in(token)
    assert rig.sql("select count(*) from wf.session") == [(1,)]
    for dead in ("planted", first):
        assert api("GET", "/api/trial/read", headers={"Cookie": f"wf_session={dead}"}).status_code == 401


def test_logout_ends_the_session_for_good(rig: Rig, api: Api, ada: Browser) -> None:
    """The cookie is gone, and would not count any more; and no page of another site can log anybody out."""
    cookie = ada.http.cookies["wf_session"]
    assert ada.post("/logout").status_code == 403
    answer = ada.post("/logout", csrf=ada.csrf("/"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert "wf_session" not in ada.http.cookies
    assert ada.get("/").status_code == 303
    assert api("GET", "/api/trial/read", headers={"Cookie": f"wf_session={cookie}"}).status_code == 401
    assert rig.sql("select count(*) from wf.session") == [(0,)]


def test_a_session_ends_with_its_time(rig: Rig, ada: Browser, token: str) -> None:
    """And its row is removed by the next login."""
    rig.clock.advance(TTL - 1)
    assert ada.get("/api/trial/read").status_code == 200
    rig.clock.advance(1 + TRUST)
    assert ada.get("/api/trial/read").status_code == 401
    assert rig.sql("select count(*) from wf.session") == [(1,)]
    ada.log_in(token)
    assert rig.sql("select count(*) from wf.session") == [(1,)]


def test_a_session_ends_with_its_token(rig: Rig, api: Api, ada: Browser) -> None:
    """Revoking the token logs its browsers out; another token of the same name does not bring them back."""
    assert ada.get("/api/trial/read").status_code == 200
    Tokens(rig.client.database, rig.clock).revoke("ada", revoked_by="test")
    make_token(rig, "ada", "admin")
    rig.clock.advance(TRUST)
    assert ada.get("/api/trial/read").status_code == 401
    assert rig.sql("select count(*) from wf.session") == [(0,)]


def test_a_session_ends_with_the_time_of_its_token(rig: Rig, browser: Browser) -> None:
    """However long a browser might stay logged in."""
    browser.log_in(make_token(rig, "bob", "read", expires_in=60)["Authorization"].removeprefix("Bearer "))
    assert browser.get("/api/trial/read").status_code == 200
    rig.clock.advance(60)
    make_token(rig, "ada", "read")
    assert browser.get("/api/trial/read").status_code == 401


def test_a_header_counts_more_than_a_cookie(rig: Rig, ada: Browser) -> None:
    """A request that shows a token is the token's, and needs no form."""
    other = make_token(rig, "ci", "write")
    assert ada.http.post("/api/trial/write", headers=other).json()["result"] == "api:ci"
    wrong = {"Authorization": "Bearer wf_wrong"}
    assert ada.http.get("/api/trial/read", headers=wrong).status_code == 401


def test_without_a_token_the_page_is_there_for_this_machine(api: Api, browser: Browser) -> None:
    """Nobody need log in; and who comes from elsewhere is told how to begin."""
    page = browser.get("/")
    assert page.status_code == 200
    assert "local" in page.text
    assert "/logout" not in page.text
    elsewhere = {"Host": "wf.example", "Accept": "text/html"}
    assert api("GET", "/", headers=elsewhere).headers["Location"] == "/login"
    assert "wf tokens create NAME --scope admin" in api("GET", "/login", headers=elsewhere).text


def test_pages_hold_nothing_inline_and_escape_what_they_show(api: Api, ada: Browser) -> None:
    """So the strict policy does not break them, and their style is where they say."""
    for path in ("/", "/login"):
        page = ada.get(path).text
        assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", page)
        assert '<link rel="stylesheet" href="/static/wf.css?v=' in page
    style = ada.get("/static/wf.css")
    assert style.status_code == 200
    assert style.headers["Content-Type"].startswith("text/css")
    assert ada.get("/static/../app.py").status_code == 404
    assert ada.get("/static/%2e%2e/app.py").status_code == 404
