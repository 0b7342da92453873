"""Pages that are followed: their news, their end, troubles meanwhile, and what they cost."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.access import make_token
from tests.support.api import Api
from tests.support.errands import Errand
from tests.support.news import following
from tests.support.pages import HTML
from tests.support.waiting import wait_until
from wf.errors import JournalUnavailable
from wf.tokens import Tokens
from wf_api import inside, live
from wf_api.door import TRUST

if TYPE_CHECKING:
    from tests.support import Rig

ONE = "/workflows/errand/instances/r-17"
LIST = "/workflows/errand/instances"


@pytest.fixture
def waiting(rig: Rig) -> Rig:
    """An instance `r-17` that waits for `go`."""
    rig.workers[0].catalog.register(Errand)
    rig.create(Errand, "r-17", {"do": "wait"})
    rig.settle()
    return rig


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages that were looked at for those who follow them."""
    found: list[str] = []
    ask = inside.ask

    async def listen(app: Any, target: str, sender: Any) -> Any:
        found.append(target)
        return await ask(app, target, sender)

    monkeypatch.setattr("wf_api.live.ask", listen)
    return found


def test_a_page_is_sent_again_when_it_has_changed(waiting: Rig, api: Api) -> None:
    """As whoever loads it gets it; who has it already gets only what is new."""
    with following(api, ONE) as told:
        first = next(told)
        assert (first.event, first.data) == ("page", main_of(api, ONE))
        waiting.client.workflow(Errand).get("r-17").terminate()
        second = next(told)
    assert "terminated" in second.data
    with following(api, ONE, first.id) as told:
        assert next(told) == second


@pytest.mark.parametrize(
    "page",
    [
        "/live?page=%2F", "/%6cive?page=%2F", "/./live?page=%2F", "/x/../live?page=%2F", "/login", "/%6Cogin",
        "/logout", "/metrics", "/api/workflows", "/%61pi/workflows", "/static/app.js", "/healthz", "/nowhere",
        "//evil.example/", "https://evil.example/", "/\\evil.example", "workflows", "", "//[", "/%0A", "/%01", "/\x01",
        "/workflows/x/instances/%00", "/workflows/x/remove/", ":80/", "/?search=" + "x" * 2000,
    ],
)  # fmt: skip
def test_only_pages_are_followed(api: Api, page: str) -> None:
    """Not the stream itself, by whatever name, nor what nobody looks at; it is refused before a stream begins."""
    assert api("GET", "/live", params={"page": page}).status_code == 400


@pytest.mark.parametrize(
    "page", ["/", "/?search=x&page=2", LIST + "?status=errored", ONE, "/workflows/a%20b", "/jobs/1"]
)
def test_every_page_is_followed(waiting: Rig, api: Api, page: str) -> None:
    """With its query, and also if it is not there."""
    with following(api, page) as told:
        assert next(told).event == ("gone" if page in {"/workflows/a%20b", "/jobs/1"} else "page")


def test_a_page_of_another_workflow_is_nobodys_to_follow(waiting: Rig, api: Api) -> None:
    """It is told as gone, and nothing of it."""
    other = make_token(waiting, "other", "read", workflows=["report"])
    with following(api, ONE, **other) as told:
        assert [(one.event, one.data) for one in told] == [("gone", {"why": "gone"})]


@pytest.mark.parametrize("end", ["revoked", "logged out"])
def test_a_stream_ends_with_the_right_to_it(waiting: Rig, api: Api, end: str) -> None:
    """And says that a login helps; so does one that begins too late."""
    tokens, parts = Tokens(waiting.client.database, waiting.clock), api.app.state.parts
    token = make_token(waiting, "ada", "read")
    cookie = parts.sessions.create(tokens.list()[0])
    headers = token if end == "revoked" else {"Cookie": f"wf_session={cookie}"}
    with following(api, ONE, **headers) as told:
        assert next(told).event == "page"
        if end == "revoked":
            tokens.revoke("ada", revoked_by="test")
        else:
            parts.sessions.delete(cookie)
        waiting.clock.advance(TRUST)
        assert [(one.event, one.data) for one in told][-1] == ("gone", {"why": "login"})
    with following(api, ONE, **headers) as told:
        assert [(one.event, one.data) for one in told] == [("gone", {"why": "login"})]


def test_trouble_is_told_and_the_page_comes_back(waiting: Rig, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is not sent as if it were the page: who reads it keeps it."""
    database = api.app.state.parts.client.database
    read = database.read
    with following(api, LIST) as told:
        first = next(told)

        def away(*_: Any) -> Any:
            raise JournalUnavailable("somewhere")

        monkeypatch.setattr(database, "read", away)
        trouble = next(told)
        assert (trouble.event, trouble.data, trouble.id) == ("trouble", {"why": "the journal does not answer"}, "")
        monkeypatch.setattr(database, "read", read)
        assert next(told) == first


def test_the_page_of_an_instance_that_is_removed_is_gone(waiting: Rig, api: Api) -> None:
    """Then the stream ends."""
    with following(api, ONE) as told:
        next(told)
        waiting.client.workflow(Errand).get("r-17").delete()
        assert [(one.event, one.data) for one in told][-1] == ("gone", {"why": "gone"})


def test_the_same_page_is_looked_at_once_for_all_of_the_same_login(waiting: Rig, api: Api) -> None:
    """Another login's forms are others, so it gets a look of its own."""
    parts = api.app.state.parts
    ada, bob = (make_token(waiting, name, "read") for name in ("ada", "bob"))
    with ExitStack() as stack:
        streams = [stack.enter_context(following(api, "/", **headers)) for headers in (ada, ada, ada, bob)]
        assert [next(told).event for told in streams] == ["page"] * 4
        assert sorted(page.readers for page in parts.live._followed.values()) == [1, 3]
        assert parts.pages._open == {"ada": 3, "bob": 1}
    wait_until(lambda: not parts.live._followed and not parts.pages._open, what="nobody follows anything")


def test_what_a_reader_has_left_is_looked_at_no_more(waiting: Rig, api: Api, looks: list[str]) -> None:
    """Neither the page nor the feed of its instance; another page goes on."""
    parts = api.app.state.parts
    with following(api, LIST) as other:
        next(other)
        with following(api, ONE) as told:
            next(told)
            wait_until(lambda: parts.watch.watchers == 1, what="the feed is watched")
        wait_until(lambda: parts.watch.watchers == 0, what="the feed is left")
        looks.clear()
        wait_until(lambda: len(looks) > 2, what="some looks")
        assert set(looks) == {LIST}


def test_few_looks_go_on_at_a_time(waiting: Rig, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pages are followed."""
    now: list[int] = [0]
    most: list[int] = []
    look = live.look

    async def count(*args: Any) -> Any:
        now[0] += 1
        most.append(now[0])
        try:
            return await look(*args)
        finally:
            now[0] -= 1

    monkeypatch.setattr(live, "look", count)
    with ExitStack() as stack:
        streams = [stack.enter_context(following(api, f"/?search={n}")) for n in range(8)]
        for told in streams:
            next(told)
    assert max(most) == live.AT_ONCE


def test_looks_count_for_nobody(waiting: Rig) -> None:
    """Neither against the rate of the reader nor as requests; and no header passes for one."""
    ada = make_token(waiting, "ada", "read")
    with Api(waiting.settings.model_copy(update={"api_rate": 0.02}), waiting.clock) as api:
        metrics = api.app.state.parts.metrics.registry
        with following(api, ONE, **ada) as told:
            assert next(told).event == "page"
            waiting.client.workflow(Errand).get("r-17").terminate()
            assert next(told).event == "page"
        routes = ("/live", "/workflows/{name}/instances/{id}")
        counted = [
            metrics.get_sample_value("wf_api_requests_total", {"method": "GET", "route": route, "status": "200"})
            for route in routes
        ]
        assert counted == [1, None]
        pretended = {inside._MARK: "yes", "X-Wf-Inside": "yes"}
        assert api("GET", ONE, headers=ada | HTML | pretended).status_code == 429


def test_one_caller_follows_so_many_pages(waiting: Rig) -> None:
    """WF_API_MAX_PAGES, which are counted apart from feeds."""
    few = waiting.settings.model_copy(update={"api_max_pages": 1, "api_max_feeds": 1})
    with Api(few, waiting.clock) as api, following(api, "/") as told:
        next(told)
        answer = api("GET", "/live", params={"page": ONE})
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "10")
        assert "local follows 1 pages already (WF_API_MAX_PAGES)" in answer.text
        with api.http.stream("GET", f"/api{ONE}/subscribe") as feed:
            assert feed.status_code == 200


def main_of(api: Api, path: str) -> str:
    """What may change of a page."""
    found = re.search(r"<main\b.*</main>", api("GET", path, headers=HTML).text, re.DOTALL)
    assert found is not None
    return found[0]


def test_a_look_that_fails_ends_its_streams(waiting: Rig, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that browsers connect again, and a new one begins."""

    async def fail(*_: Any) -> Any:
        raise KeyError("unforeseen")

    with monkeypatch.context() as patched:
        patched.setattr(live, "look", fail)
        with following(api, ONE) as told:
            assert list(told) == []
    with following(api, ONE) as told:
        assert next(told).event == "page"
