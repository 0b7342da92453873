"""Feeds over REST, as Server-Sent Events: history, then live, to the end; over losses and outages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.access import make_token
from tests.support.api import Api
from tests.support.errands import Errand
from tests.support.feeds import told
from tests.support.sse import ENDED, FEED, WAITING, finish, follow, take
from tests.support.waiting import wait_until
from wf import WorkflowEntrypoint
from wf_api.door import TRUST
from wf_api.routes import feed

if TYPE_CHECKING:
    from tests.support import Rig

PREFIX = "workflows.api.error."


@pytest.fixture
def waiting(rig: Rig) -> None:
    """An instance `r-17` that waits for `go`."""
    rig.create(Errand, "r-17", {"do": "wait"})
    rig.settle()


@pytest.fixture
def short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silence is broken after a moment."""
    monkeypatch.setattr(feed, "SILENCE", 0.1)


@pytest.mark.usefixtures("waiting")
def test_a_feed_tells_history_then_what_happens_to_the_end(rig: Rig, api: Api) -> None:
    """The same events as those of the clients; then the stream ends by itself."""
    with follow(api) as stream:
        assert take(stream, 5) == WAITING
        finish(rig)
        live = list(stream)
    assert [event.type for event in live] == ENDED
    assert live[-1].data["output"] == "done"
    assert stream.retry == ["1000"]
    assert (stream.headers["x-accel-buffering"], "cache-control" in stream.headers) == ("no", True)
    expected = told(rig.client.workflow(Errand).get("r-17"))
    with follow(api) as stream:
        assert [event.data for event in stream] == json.loads(json.dumps(expected))


def test_an_event_is_told_with_its_id_its_type_and_its_fields(rig: Rig, api: Api) -> None:
    """Values beyond JSON are shown as JSON, and text never breaks a line."""

    class Odd(WorkflowEntrypoint, name="odd"):
        async def run(self, event: Any, step: Any) -> Any:
            await step.do("set", lambda: {1})
            await step.do("secret", lambda: "t-1", config={"sensitive": "output"})
            return await step.do("text", lambda: "a\nb\r\nc\u2028d\0\ud800\n\nevent: x")

    rig.create(Odd, "r-17")
    rig.settle()
    with follow(api, "/api/workflows/odd/instances/r-17/subscribe", filter="step_completed") as stream:
        of_set, of_secret, of_text = list(stream)
    assert of_set.data == {
        "instanceId": "r-17", "eventId": of_set.id, "timestamp": 1_800_000_000_000, "type": "step_completed",
        "stepName": "set-1", "output": [1],
    }  # fmt: skip
    assert (of_secret.data["output"], of_secret.type) == ("[REDACTED]", "step_completed")
    assert of_text.data["output"] == "a\nb\r\nc\u2028d\0\\ud800\n\nevent: x"


@pytest.mark.usefixtures("waiting")
def test_a_subscriber_that_comes_back_misses_nothing_and_gets_nothing_twice(rig: Rig, api: Api) -> None:
    """From every event on, by Last-Event-ID or by cursor; the header goes before the cursor."""
    finish(rig)
    with follow(api) as stream:
        events = list(stream)
    for number, event in enumerate(events[:-1]):
        ways: list[dict[str, Any]] = [{"after": event.id}, {"cursor": event.id}, {"after": event.id, "cursor": 0}]
        for how in ways:
            with follow(api, **how) as stream:
                assert list(stream) == events[number + 1 :]


@pytest.mark.usefixtures("waiting")
def test_a_lost_connection_goes_on_live(rig: Rig, api: Api) -> None:
    """What happened in between is told first."""
    with follow(api) as stream:
        last = [next(stream) for _ in range(3)][-1]
    with follow(api, after=last.id) as stream:
        assert take(stream, 2) == WAITING[3:]
        finish(rig)
        assert [event.type for event in stream] == ENDED


@pytest.mark.usefixtures("waiting")
def test_after_the_end_there_is_nothing_to_connect_to(rig: Rig, api: Api) -> None:
    """204 ends the attempts of a browser; also where the filter leaves nothing."""
    finish(rig)
    with follow(api) as stream:
        last = list(stream)[-1]
    for how in (
        {"headers": {"Last-Event-ID": str(last.id)}}, {"params": {"cursor": last.id}}, {"params": {"cursor": 2**80}},
        {"headers": {"Last-Event-ID": "9" * 30}}, {"params": {"filter": "step_errored"}},
    ):  # fmt: skip
        answer = api("GET", FEED, **how)
        assert (answer.status_code, answer.content) == (204, b""), how


@pytest.mark.usefixtures("waiting")
def test_a_filter_chooses_types_and_the_feed_ends_nevertheless(rig: Rig, api: Api) -> None:
    """It may be repeated."""
    with follow(api, filter=["wait_started", "wait_completed"]) as stream:
        assert take(stream, 1) == ["wait_started"]
        finish(rig)
        assert [event.type for event in stream] == ["wait_completed"]


@pytest.mark.parametrize(
    ("how", "number"),
    [
        ({"params": {"filter": "nothing"}}, 10411),
        ({"params": {"filter": ["step_completed", ""]}}, 10411),
        ({"params": {"cursor": "-1"}}, 10002),
        ({"params": {"cursor": "x"}}, 10002),
        ({"headers": {"Last-Event-ID": "x"}}, 10002),
        ({"headers": {"Last-Event-ID": "9" * 31}}, 10002),
    ],
)
@pytest.mark.usefixtures("waiting")
def test_a_subscription_that_makes_no_sense_is_refused(api: Api, how: dict[str, Any], number: int) -> None:
    """In the envelope, before any stream."""
    assert api.refusal("GET", FEED, **how)[:2] == (400, number)


def test_an_instance_that_is_not_there_has_no_feed(rig: Rig, api: Api) -> None:
    """Nor has one of a workflow that is not there."""
    rig.workers[0].catalog.register(Errand)
    assert api.refusal("GET", FEED) == (404, 10400, PREFIX + "instance.not_found")
    found = api.refusal("GET", FEED.replace("errand", "nope"))
    assert found == (404, 10200, PREFIX + "workflow.not_found")


@pytest.mark.usefixtures("waiting", "short_silence")
def test_a_silence_is_broken_by_comments(rig: Rig, api: Api) -> None:
    """So that no proxy takes the connection for dead; events come after them as ever."""
    with follow(api) as stream:
        take(stream, 5)
        for _ in range(3):
            assert stream.block() == {"": "ping"}
        finish(rig)
        assert [event.type for event in stream] == ENDED


@pytest.mark.parametrize("end", ["revoked", "expired", "logged out"])
@pytest.mark.usefixtures("waiting", "short_silence")
def test_a_feed_ends_with_the_right_to_it(rig: Rig, api: Api, end: str) -> None:
    """Within two seconds after the next event or silence; who connects again is refused."""
    token, parts = make_token(rig, "ci", "read", expires_in=60), api.app.state.parts
    cookie = parts.sessions.create(parts.tokens.list()[0])
    api.http.headers.update({"Cookie": f"wf_session={cookie}"} if end == "logged out" else token)
    with follow(api) as stream:
        take(stream, 5)
        if end == "revoked":
            parts.tokens.revoke("ci", revoked_by="test")
        elif end == "logged out":
            parts.sessions.delete(cookie)
        assert stream.block() == {"": "ping"}
        rig.clock.advance(TRUST if end != "expired" else 60)
        assert list(stream) == []
    assert api.refusal("GET", FEED)[:2] == (401, 10000)


@pytest.mark.usefixtures("waiting")
def test_nobody_hears_a_long_history_to_its_end_without_the_right_to_it(rig: Rig, api: Api) -> None:
    """It is asked for before each event, not only when there is silence."""
    door = api.app.state.parts.door
    asked, known = [], door.known

    async def listen(request: Any) -> Any:
        asked.append(request)
        return await known(request)

    door.known = listen
    with follow(api) as stream:
        take(stream, 5)
    assert len(asked) > 5


def test_one_caller_follows_so_many_feeds(rig: Rig, waiting: None) -> None:
    """WF_API_MAX_FEEDS; others follow theirs, and one that has ended counts no more."""
    one, other = make_token(rig, "a", "read"), make_token(rig, "b", "read")
    with Api(rig.settings.model_copy(update={"api_max_feeds": 2}), rig.clock) as api:
        api.http.headers.update(one)
        with follow(api) as first, follow(api):
            take(first, 5)
            answer = api("GET", FEED)
            assert (answer.status_code, answer.headers["Retry-After"]) == (429, "10")
            assert answer.json()["errors"][0]["detail"] == (
                "a follows 2 feeds already (WF_API_MAX_FEEDS). End one first."
            )
            with api.http.stream("GET", FEED, headers=other) as taken:
                assert taken.status_code == 200
        wait_until(lambda: not api.app.state.parts.feeds._open, what="their places are free")
        with follow(api) as stream:
            take(stream, 5)


@pytest.mark.usefixtures("waiting")
def test_the_feed_of_a_deleted_instance_ends(rig: Rig, api: Api) -> None:
    """Whoever connects again is told that it is gone."""
    with follow(api) as stream:
        take(stream, 5)
        rig.client.workflow(Errand).get("r-17").delete()
        assert list(stream) == []
    assert api.refusal("GET", FEED)[:2] == (404, 10400)
    assert api.app.state.parts.watch.watchers == 0


@pytest.mark.usefixtures("waiting")
def test_a_feed_goes_on_over_a_restart(rig: Rig, api: Api) -> None:
    """The end of one life is the end of a stream, but not of the feed."""
    instance = rig.client.workflow(Errand).get("r-17")
    with follow(api) as stream:
        take(stream, 5)
        instance.restart()
        rig.settle()
        assert take(stream, 5) == WAITING
        instance.terminate()
        rest = list(stream)
    assert [event.type for event in rest] == ["workflow_terminated"]
    instance.restart()
    with follow(api, after=rest[-1].id) as stream:
        assert next(stream).type == "workflow_queued"
