"""Ways to the login and back: from a page, from a form that is too late, and for whoever only asks for the head."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.support.access import make_token
from tests.support.sessions import Browser
from wf_api.door import TRUST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Rig
    from tests.support.api import Api


@pytest.fixture
def browser(api: Api) -> Iterator[Browser]:
    with Browser(api) as made:
        yield made


@pytest.fixture
def token(rig: Rig) -> str:
    return make_token(rig, "ada", "write", workflows=["report"])["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def ada(browser: Browser, token: str) -> Browser:
    """A browser that is logged in."""
    assert browser.log_in(token).status_code == 303
    return browser


@pytest.mark.parametrize(
    "page", ["/jobs?workflow=report", "/workflows/report/instances/r-17/steps/1", "/workflows/report/create"]
)
def test_a_login_leads_back_to_where_one_wanted_to_go(browser: Browser, token: str, page: str) -> None:
    """Through the form, also after a token that was wrong."""
    login = browser.get(page).headers["Location"]
    assert login == f"/login?{urlencode({'next': page})}"
    wrong = browser.post("/login", token="wf_x", csrf=browser.csrf(login), next=page)
    assert f'name="next" value="{page}"' in wrong.text
    answer = browser.post("/login", token=token, csrf=browser.csrf(login), next=page)
    assert (answer.status_code, answer.headers["Location"]) == (303, page)


@pytest.mark.parametrize(
    "page",
    [
        "//evil.example/", "https://evil.example/", "/\\evil.example", "/x/..//evil.example", "/%2F/evil.example",
        "/live", "/login", "/logout", "/api/workflows", "evil.example", "@evil.example", "/%0d%0aX: y",
        "\t//evil.example", "/nowhere", "/?search=" + "x" * 3000,
    ],
)  # fmt: skip
def test_a_login_leads_to_our_own_pages_only(browser: Browser, token: str, page: str) -> None:
    """Whatever a link to it says."""
    csrf = browser.csrf(f"/login?{urlencode({'next': page})}")
    answer = browser.post("/login", token=token, csrf=csrf, next=page)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_a_form_that_is_sent_after_the_end_of_a_login_leads_to_a_new_one(rig: Rig, ada: Browser) -> None:
    """In words, with a link that leads back to the form; programs are told as ever."""
    csrf = ada.csrf("/")
    rig.clock.advance(rig.settings.login_ttl + TRUST)
    answer = ada.post("/workflows/report/create", csrf=csrf)
    assert answer.status_code == 401
    assert 'href="/login?next=%2Fworkflows%2Freport%2Fcreate"' in answer.text
    assert "you are not logged in any more" in answer.text
    assert ada.http.post("/workflows/report/create", headers={"Accept": "*/*"}).json()["errors"][0]["code"] == 10000


def test_pages_have_heads(browser: Browser, ada: Browser) -> None:
    """As whoever looks after links asks for them: the same headers, and no body."""
    for path in ("/", "/jobs", "/workflows/report/instances", "/login"):
        page, head = ada.get(path), ada.http.head(path)
        assert (head.status_code, head.content) == (page.status_code, b""), path
        assert head.headers["Content-Type"] == page.headers["Content-Type"]
    browser.http.cookies.clear()
    assert browser.http.head("/jobs").headers["Location"] == "/login?next=%2Fjobs"
    assert browser.http.head("/live").status_code == 405
