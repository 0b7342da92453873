"""How much and how often the API may be asked, and the headers on every answer."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.support.access import make_token, router
from tests.support.api import Api
from wf.settings import Settings
from wf_api.limits import Limits
from wf_api.problems import TooManyRequests

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.support import Rig

TOO_MANY = (429, 10430, "workflows.api.error.request.too_many")
TOO_LARGE = (413, 10414, "workflows.api.error.request.too_large")
READ = ("GET", "/api/trial/read")


def serving(rig: Rig, **settings: Any) -> Api:
    api = Api(rig.settings.model_copy(update=settings), rig.clock)
    api.app.include_router(router)
    return api


@pytest.fixture
def api(rig: Rig) -> Iterator[Api]:
    with serving(rig, api_max_body=1000) as made:
        yield made


def from_address(address: str) -> dict[str, str]:
    """What a proxy on this machine says of a caller elsewhere."""
    return {"X-Forwarded-For": address}


def test_a_caller_who_asks_too_often_waits(rig: Rig) -> None:
    """And is told for how long; other tokens, and other addresses, have a count of their own."""
    one, other = make_token(rig, "a", "read"), make_token(rig, "b", "read")
    with serving(rig, api_rate=0.01) as api:
        assert api(*READ, headers=one).status_code == 200
        answer = api(*READ, headers=one)
        assert api.refusal(*READ, headers=one) == TOO_MANY
        assert 1 <= int(answer.headers["Retry-After"]) <= 100
        assert "(WF_API_RATE)" in answer.json()["errors"][0]["detail"]
        assert api(*READ, headers=other).status_code == 200
        assert api(*READ, headers=from_address("203.0.113.1")).status_code == 401


def test_callers_without_a_token_are_counted_by_address(rig: Rig) -> None:
    """On this machine, and those who are refused."""
    with serving(rig, api_rate=0.01) as api:
        assert api(*READ).status_code == 200
        assert api.refusal(*READ) == TOO_MANY
        for path in ("/login", "/hooks/any"):
            here, there = from_address(f"203.0.113.{len(path)}"), from_address(f"198.51.100.{len(path)}")
            method = "GET" if path == "/login" else "POST"
            assert api(method, path, headers=here).status_code in {200, 404}
            assert api.refusal(method, path, headers=here) == TOO_MANY
            assert api(method, path, headers=there).status_code in {200, 404}


@pytest.mark.parametrize("rate", [3.0, 0.5, 1.9])
def test_no_more_get_through_than_the_rate_allows(rate: float) -> None:
    """Within the time of the limit, whatever fraction of a second it is."""
    limits = Limits(Settings(api_rate=rate))
    waits = []
    for _ in range(20):
        try:
            limits.take("caller")
        except TooManyRequests as error:
            waits.append(error.retry_after)
    assert len(waits) >= 20 - max(1, int(rate)) - 1  # the limit's second may have passed
    assert set(waits) <= {1, 2}


def test_without_a_rate_nothing_is_counted() -> None:
    """0 stands for any number."""
    limits = Limits(Settings(api_rate=0))
    for _ in range(3000):
        limits.take("caller")


def test_whoever_tries_tokens_is_stopped(rig: Rig, api: Api) -> None:
    """Twenty in a minute from one address; good tokens go on, also from there, and other addresses, too."""
    known = make_token(rig, "ci", "read")
    assert api(*READ, headers=known).status_code == 200
    for number in range(20):
        assert api(*READ, headers={"Authorization": f"Bearer wf_{number}"}).status_code == 401
    answer = api(*READ, headers={"Authorization": "Bearer wf_20"})
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert api(*READ, headers=make_token(rig, "new", "read")).status_code == 200
    rig.clock.advance(10)  # what is believed has to be looked up again
    assert api(*READ, headers=known).status_code == 200
    wrong = {"Authorization": "Bearer wf_21", **from_address("203.0.113.1")}
    assert api(*READ, headers=wrong).status_code == 401


def test_who_is_stopped_costs_no_lookup_beyond_the_rate(rig: Rig) -> None:
    """From there, a token that nobody here has seen is not even looked up; one that was seen before is."""
    with serving(rig, api_rate=0.01) as api:
        known = make_token(rig, "ci", "read")
        assert api(*READ, headers=known).status_code == 200
        limits = api.app.state.parts.door._limits
        for _ in range(20):
            limits.failed("127.0.0.1")
        new = make_token(rig, "new", "read")
        wrong = {"Authorization": "Bearer wf_1"}
        assert "unknown tokens" in api(*READ, headers=wrong).text
        assert "WF_API_RATE" in api(*READ, headers=wrong).text
        assert "WF_API_RATE" in api(*READ, headers=new).text
        rig.clock.advance(60)
        api.app.state.parts.door.forget()
        assert api.refusal(*READ, headers=known) == TOO_MANY  # after its lookup, by its own count
        used = rig.sql("select name, extract(epoch from used_at)::float8 from wf.token order by name")
        assert used == [("ci", rig.clock.now()), ("new", None)]


def test_the_login_form_stops_whoever_tries_tokens(rig: Rig, api: Api) -> None:
    """It is the same count."""
    make_token(rig, "ci", "read")
    for number in range(20):
        api(*READ, headers={"Authorization": f"Bearer wf_{number}"})
    csrf = re.search(r'name="csrf" value="([^"]+)"', api("GET", "/login").text)
    assert csrf is not None
    answer = api("POST", "/login", data={"token": "wf_x", "csrf": csrf[1]})
    assert answer.status_code == 429
    assert answer.headers["Retry-After"]
    assert "Too many unknown tokens" in answer.text


def test_a_body_that_is_too_big_is_refused(api: Api) -> None:
    """Whether its length is told or it comes in chunks."""
    big = b'{"a": "' + b"x" * 1000 + b'"}'
    for path in ("/api/trial/body", "/login", "/api/tokens"):
        kind = {"Content-Type": "application/x-www-form-urlencoded" if path == "/login" else "application/json"}
        assert api.refusal("POST", path, content=big, headers=kind) == TOO_LARGE, path
        assert api.refusal("POST", path, content=iter([big[:600], big[600:]]), headers=kind) == TOO_LARGE, path
    assert api.refusal("POST", "/hooks/any", content=big) == TOO_LARGE
    answer = api("POST", "/login", content=big)
    assert answer.json()["errors"][0]["detail"] == "The request has more than 1,000 bytes (WF_API_MAX_BODY)."


def test_a_body_of_the_limit_is_taken(api: Api) -> None:
    """Also in chunks."""
    body = b'{"a": "' + b"x" * (1000 - 9) + b'"}'
    assert len(body) == 1000
    kind = {"Content-Type": "application/json"}
    assert api.ok("POST", "/api/trial/body", content=body, headers=kind) == 1
    assert api.ok("POST", "/api/trial/body", content=iter([body[:500], body[500:]]), headers=kind) == 1


def test_a_chunked_body_without_end_is_cut_off(api: Api) -> None:
    """The answer comes while it is still being sent."""
    host, port = urlsplit(api.url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            b"POST /api/trial/body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/json\r\n\r\n" + b"400\r\n" + b"x" * 0x400 + b"\r\n"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def policy(answer: httpx.Response) -> dict[str, str]:
    """What the security headers of an answer say."""
    found = dict(answer.headers)
    assert found["x-content-type-options"] == "nosniff"
    assert found["referrer-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in found["content-security-policy"]
    assert "unsafe" not in found["content-security-policy"]
    assert "server" not in found or found["server"] == "uvicorn"
    return found


def test_every_answer_has_the_headers_of_its_kind(api: Api) -> None:
    """Data may load nothing, pages what is ours; neither is kept, and both may be in no frame."""
    data = [
        api(*READ), api("GET", "/healthz"), api("GET", "/api/nowhere"), api("GET", "/api/openapi.json"),
        api("PUT", "/healthz"), api("POST", "/api/tokens", json={}), api("POST", "/hooks/any"),
        api("POST", "/api/trial/body", content=b"x" * 2000),
    ]  # fmt: skip
    for answer in data:
        found = policy(answer)
        assert found["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert found["cache-control"] == "no-store"
        assert "strict-transport-security" not in found
    for path in ("/", "/login"):
        found = policy(api("GET", path))
        assert found["content-security-policy"].startswith("default-src 'self'; base-uri 'none'; form-action 'self';")
        assert found["cache-control"] == "no-store"


def test_what_is_ours_may_be_kept(api: Api) -> None:
    """A style sheet is no secret."""
    sheet = api("GET", "/static/wf.css")
    assert policy(sheet)["cache-control"] == "no-cache"  # kept, and asked for: a new release has new scripts
    assert api("GET", "/static/wf.css", headers={"If-None-Match": sheet.headers["etag"]}).status_code == 304


def test_what_pages_load_is_not_asked_for_again(api: Api) -> None:
    """Its address changes with it; that of another release is not kept, whichever server is asked."""
    page = api("GET", "/", headers={"Accept": "text/html"}).text
    found = set(re.findall(r'(?:src|href)="(/static/[^"]*)"', page))
    assert {address.partition("?")[0] for address in found} >= {"/static/wf.css", "/static/app.js", "/static/icon.svg"}
    for address in found:
        assert policy(api("GET", address))["cache-control"] == "public, max-age=31536000, immutable"
    for query in ("?v=", "?v=000000000000", "?x=1"):
        assert policy(api("GET", f"/static/wf.css{query}"))["cache-control"] == "no-cache"
    for nowhere in ("/static/?v=", "/static/none.css?v=000000000000", "/static/../app.py?v=0"):
        assert "immutable" not in policy(api("GET", nowhere))["cache-control"]


def test_an_error_of_the_server_is_in_the_envelope_and_has_the_headers(api: Api) -> None:
    """And shows nothing of what went wrong."""
    answer = api("GET", "/api/trial/broken")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (500, 10001)
    assert "secret" not in answer.text
    assert policy(answer)["cache-control"] == "no-store"


def test_over_https_browsers_are_told_to_stay_there(api: Api) -> None:
    """Only over https: else they could not come at all."""
    https = {"X-Forwarded-Proto": "https"}
    assert api("GET", "/healthz", headers=https).headers["Strict-Transport-Security"] == "max-age=31536000"
