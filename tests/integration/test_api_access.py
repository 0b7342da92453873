"""Who may use the API, and how much of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.requests import Request

from tests.support.access import make_token, router
from wf.tokens import Tokens
from wf_api.door import TRUST
from wf_api.origins import is_local, is_loopback

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

UNAUTHENTICATED = (401, 10000, "workflows.api.error.auth.unauthenticated")
FORBIDDEN = (403, 10003, "workflows.api.error.auth.forbidden")
READ, WRITE, ADMIN = ("GET", "/api/trial/read"), ("POST", "/api/trial/write"), ("POST", "/api/trial/admin")


@pytest.fixture
def api(api: Api) -> Api:
    api.app.include_router(router)
    return api


def detail(answer: httpx.Response) -> str:
    return str(answer.json()["errors"][0]["detail"])


@pytest.mark.parametrize(
    ("scope", "may"), [("read", [True, False, False]), ("write", [True, True, False]), ("admin", [True, True, True])]
)
def test_each_scope_holds_those_before_it(rig: Rig, api: Api, scope: str, may: list[bool]) -> None:
    """What is beyond it is refused, and the answer says what would be needed."""
    token = make_token(rig, "ci", scope)
    for allowed, (method, path), needed in zip(may, (READ, WRITE, ADMIN), ("read", "write", "admin"), strict=True):
        if allowed:
            assert api.ok(method, path, headers=token) == "api:ci"
        else:
            assert api.refusal(method, path, headers=token) == FORBIDDEN
            said = detail(api(method, path, headers=token))
            assert said == f"This needs a token of scope {needed}; yours has {scope}."


def test_a_restricted_token_is_for_its_workflows(rig: Rig, api: Api) -> None:
    """Others are refused by name, whether they exist or not; and lists leave them out."""
    token = make_token(rig, "ci", "read", workflows=["report", "mail"])
    assert api.ok("GET", "/api/trial/of/report", headers=token) == {"name": "report", "sees": False}
    assert api.refusal("GET", "/api/trial/of/other", headers=token) == FORBIDDEN
    said = detail(api("GET", "/api/trial/of/other", headers=token))
    assert said == "This token is not for workflow 'other', but for mail, report only."
    whole = make_token(rig, "me", "read")
    assert api.ok("GET", "/api/trial/of/other", headers=whole) == {"name": "other", "sees": True}


UNKNOWN = ["Bearer wf_" + "x" * 43, "Bearer", "Bearer x y", "Basic bWU6c2VjcmV0", "", "wf_" + "x" * 43]


def test_who_is_unknown_is_refused(rig: Rig, api: Api) -> None:
    """Also where nobody needs a token yet: who shows one means it."""
    for header in UNKNOWN:
        assert api.refusal(*READ, headers={"Authorization": header}) == UNAUTHENTICATED, header
    make_token(rig, "ci", "read")
    for header in UNKNOWN:
        assert api.refusal(*READ, headers={"Authorization": header}) == UNAUTHENTICATED, header


def test_every_dead_token_is_refused_alike(rig: Rig, api: Api) -> None:
    """Nobody learns whether a token has ever been one."""
    expired, revoked = make_token(rig, "a", "admin", expires_in=10), make_token(rig, "b", "admin")
    never = {"Authorization": "Bearer wf_" + "x" * 43}
    Tokens(rig.client.database, rig.clock).revoke("b", revoked_by="test")
    rig.clock.advance(10)
    make_token(rig, "c", "admin")
    answers = [api(*READ, headers=header) for header in (expired, revoked, never)]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert [answer.headers["WWW-Authenticate"] for answer in answers] == ["Bearer"] * 3
    assert len({answer.text for answer in answers}) == 1


def test_as_soon_as_there_is_a_token_all_need_one(rig: Rig, api: Api) -> None:
    """What was found out before is believed for two seconds at most."""
    assert api.ok(*ADMIN) == "api:local"
    make_token(rig, "ci", "read")
    rig.clock.advance(TRUST)
    assert api.refusal(*READ) == UNAUTHENTICATED
    answer = api(*READ)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert detail(answer) == "Send a token: `Authorization: Bearer wf_...`, or log in at /login."


@pytest.mark.parametrize("revoked", [False, True])
def test_when_the_last_token_ends_nobody_is_let_in(rig: Rig, api: Api, revoked: bool) -> None:
    """Whether it expired or was revoked; a new one is made in the journal."""
    make_token(rig, "ci", "read", expires_in=10)
    assert api.refusal(*READ) == UNAUTHENTICATED
    if revoked:
        Tokens(rig.client.database, rig.clock).revoke("ci", revoked_by="test")
    rig.clock.advance(10)
    assert api.refusal(*READ) == UNAUTHENTICATED
    assert api.ok(*READ, headers=make_token(rig, "new", "read")) == "api:new"


def test_a_revoked_token_works_two_seconds_longer_at_most(rig: Rig, api: Api) -> None:
    """That is the price of a request without a round trip."""
    token = make_token(rig, "ci", "read")
    make_token(rig, "me", "read")
    assert api.ok(*READ, headers=token) == "api:ci"
    Tokens(rig.client.database, rig.clock).revoke("ci", revoked_by="test")
    assert api(*READ, headers=token).status_code == 200
    rig.clock.advance(TRUST)
    assert api.refusal(*READ, headers=token) == UNAUTHENTICATED


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "127.0.0.1", "127.8.9.1:80", "[::1]:8000", "LOCALHOST"]
)
def test_without_a_token_loopback_is_let_in(api: Api, host: str) -> None:
    """Under each of its names."""
    assert api.ok(*READ, headers={"Host": host}) == "api:local"


ELSEWHERE = [
    {"Host": "evil.example"},
    {"Host": "evil.example:8000"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "localhost.evil.example"},
    {"Host": "localhost@evil.example"},
    {"Host": "10.0.0.7"},
    {"Host": "[::1"},
    {"Host": ""},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-For": "203.0.113.9"},
    {"Forwarded": "for=127.0.0.1"},
    {"X-Real-IP": "127.0.0.1"},
    {"Via": "1.1 proxy"},
]


def test_without_a_token_nobody_else_is_let_in(api: Api) -> None:
    """Not under another name, which a page may have made to point here, and not through a proxy."""
    for headers in ELSEWHERE:
        assert api.refusal(*READ, headers=headers) == UNAUTHENTICATED
        assert "Create a token: wf tokens create NAME --scope admin" in detail(api(*READ, headers=headers))


def test_without_a_token_other_machines_are_not_let_in(api: Api) -> None:
    """Whatever they say to whom they talk."""

    async def ask(address: str) -> int:
        transport = httpx.ASGITransport(api.app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return (await client.get("/api/trial/read")).status_code

    assert [asyncio.run(ask(address)) for address in ("10.0.0.7", "::2", "127.0.0.1", "::ffff:127.0.0.1")] == [
        401, 401, 200, 200,
    ]  # fmt: skip


def test_a_peer_without_an_address_is_not_local() -> None:
    """Such as that of a Unix socket, behind which a proxy stands."""
    assert not is_local(Request({"type": "http", "client": None, "headers": [(b"host", b"localhost")]}))


@pytest.mark.parametrize(("host", "is_it"), [("0.0.0.0", False), ("", False), ("::", False), ("::1", True)])
def test_loopback_is_loopback(host: str, is_it: bool) -> None:
    """All addresses of a machine are not its loopback."""
    assert is_loopback(host) is is_it


OTHER_SITES = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


def test_without_a_token_pages_of_other_sites_change_nothing(api: Api) -> None:
    """A browser on this machine is on loopback, too, whatever page it shows."""
    for headers in OTHER_SITES:
        assert api.refusal(*WRITE, headers=headers) == FORBIDDEN
        assert api.refusal("DELETE", "/api/tokens/ci", headers=headers) == FORBIDDEN


def test_without_a_token_our_own_pages_and_programs_change_things(api: Api) -> None:
    """A browser says that the page is ours; a program says nothing."""
    assert api.ok(*WRITE, headers={"Origin": api.url, "Sec-Fetch-Site": "same-origin"}) == "api:local"
    assert api.ok(*WRITE, headers={"Sec-Fetch-Site": "none"}) == "api:local"
    assert api.ok(*WRITE) == "api:local"


def test_a_token_in_a_header_needs_no_origin(rig: Rig, api: Api) -> None:
    """No page of another site can know it."""
    token = make_token(rig, "ci", "write")
    assert api.ok(*WRITE, headers={**token, "Origin": "https://app.example", "Host": "wf.example"}) == "api:ci"


def test_tokens_are_made_listed_and_revoked_over_http(rig: Rig, api: Api) -> None:
    """The first one over loopback; from then on with it."""
    first = api.ok("POST", "/api/tokens", json={"name": "me", "scope": "admin"})
    assert api.refusal("GET", "/api/tokens") == UNAUTHENTICATED
    me = {"Authorization": f"Bearer {first['token']}"}
    wish: dict[str, Any] = {"name": "ci", "scope": "write", "workflows": ["report"], "expires_in": "1 day"}
    made = api("POST", "/api/tokens", json=wish, headers=me)
    assert made.status_code == 201
    assert made.json()["result"].items() >= {
        "name": "ci", "scope": "write", "workflows": ["report"], "created_by": "api:me",
        "created_on": "2027-01-15T08:00:00Z", "expires_on": "2027-01-16T08:00:00Z", "used_on": None,
    }.items()  # fmt: skip
    listed = api("GET", "/api/tokens", headers=me)
    assert [token["name"] for token in listed.json()["result"]] == ["ci", "me"]
    assert first["token"] not in listed.text
    ci = {"Authorization": f"Bearer {made.json()['result']['token']}"}
    assert api.ok(*WRITE, headers=ci) == "api:ci"
    assert api.ok("DELETE", "/api/tokens/ci", headers=me) == {"name": "ci"}
    assert api.refusal(*WRITE, headers=ci) == UNAUTHENTICATED
    assert rig.sql("select actor, action, instance from wf.audit order by id") == [
        ("api:local", "token_create", "me"), ("api:me", "token_create", "ci"), ("api:me", "token_revoke", "ci"),
    ]  # fmt: skip


def test_tokens_are_for_administrators_of_everything(rig: Rig, api: Api) -> None:
    """Who may touch some workflows only could else make a token for all."""
    writer, some = make_token(rig, "a", "write"), make_token(rig, "b", "admin", workflows=["report"])
    for token in (writer, some):
        assert api.refusal("GET", "/api/tokens", headers=token) == FORBIDDEN
        assert api.refusal("POST", "/api/tokens", json={"name": "x", "scope": "read"}, headers=token) == FORBIDDEN
        assert api.refusal("DELETE", "/api/tokens/a", headers=token) == FORBIDDEN
    said = detail(api("GET", "/api/tokens", headers=some))
    assert said == "This needs a token for all workflows; yours is for report only."


NO_TOKENS: list[tuple[dict[str, Any], int]] = [
    ({"name": "a b", "scope": "read"}, 10422),
    ({"name": "x", "scope": "root"}, 10002),
    ({"name": "x", "scope": "read", "workflows": []}, 10422),
    ({"name": "x", "scope": "read", "expires_in": "soon"}, 10422),
    ({"name": "x"}, 10002),
    ({"name": "x", "scope": "read", "expires": 5}, 10002),
]


def test_wishes_for_tokens_that_make_no_sense_are_refused(api: Api) -> None:
    """As invalid tokens, or as requests of the wrong form."""
    for body, code in NO_TOKENS:
        assert api.refusal("POST", "/api/tokens", json=body)[:2] == (400, code)


def test_a_name_that_is_taken_or_not_there(api: Api) -> None:
    """409 and 404."""
    made = api.ok("POST", "/api/tokens", json={"name": "me", "scope": "admin"})
    me = {"Authorization": f"Bearer {made['token']}"}
    assert api.refusal("POST", "/api/tokens", json={"name": "me", "scope": "read"}, headers=me)[:2] == (409, 10421)
    assert api.refusal("DELETE", "/api/tokens/nobody", headers=me)[:2] == (404, 10420)


def test_openapi_tells_how_to_show_a_token(api: Api) -> None:
    """So that generated clients can."""
    found = api("GET", "/api/openapi.json").json()
    assert found["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert found["paths"]["/api/tokens"]["get"]["security"] == [{"token": []}]
