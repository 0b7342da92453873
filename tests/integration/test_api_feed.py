"""Feeds over REST, as Server-Sent Events: history, then live, to the end; over losses and outages."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.support import Rig, wait_until
from tests.support.api import Api
from tests.support.errands import Errand
from tests.support.feeds import told
from wf import WorkflowEntrypoint
from wf.database import Database
from wf.dev.servers import Postgres
from wf.migrations import migrate
from wf.sql import statements
from wf_api.routes import feed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wf.settings import Settings

FEED = "/api/workflows/errand/instances/r-17/subscribe"
PREFIX = "workflows.api.error."
WAITING = ["workflow_queued", "workflow_started", "workflow_running", "wait_started", "workflow_waiting"]
ENDED = ["wait_completed", "workflow_completed"]


class Told(NamedTuple):
    """An event as a browser gets it."""

    id: int
    type: str
    data: dict[str, Any]


class Stream:
    """A subscriber; it iterates over the events, and notes all else."""

    def __init__(self, lines: Iterator[str], headers: Any) -> None:
        self._lines, self.headers = lines, headers
        self.retry: list[str] = []
        self.comments: list[str] = []

    def block(self) -> dict[str, str] | None:
        """What stands before the next empty line; None at the end."""
        found: dict[str, str] = {}
        for line in self._lines:
            if not line:
                return found
            name, _, value = line.partition(":")
            found[name] = value.removeprefix(" ")
        assert not found, f"the stream was cut off in the middle of {found}"
        return None

    def __iter__(self) -> Iterator[Told]:
        return self

    def __next__(self) -> Told:
        while (block := self.block()) is not None:
            if "data" in block:
                return Told(int(block["id"]), block["event"], json.loads(block["data"]))
            if "" in block:
                self.comments.append(block[""])
            if "retry" in block:
                self.retry.append(block["retry"])
        raise StopIteration


@contextmanager
def follow(api: Api, path: str = FEED, after: int | None = None, **query: Any) -> Iterator[Stream]:
    """A subscription that was accepted."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    with api.http.stream("GET", path, params=query, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        yield Stream(answer.iter_lines(), answer.headers)


def take(stream: Iterator[Told], number: int) -> list[str]:
    return [next(stream).type for _ in range(number)]


def finish(rig: Rig, id: str = "r-17") -> None:
    rig.client.workflow(Errand).get(id).send_event("go", "done")
    rig.settle()


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


@pytest.mark.usefixtures("waiting")
def test_nobody_is_watched_for_who_has_gone(rig: Rig, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the last subscriber has gone, Postgres is not asked any more."""
    watch = api.app.state.parts.watch
    with follow(api) as one:
        with follow(api) as other:
            take(one, 5)
            take(other, 5)
            wait_until(lambda: watch.watchers == 2)
        wait_until(lambda: watch.watchers == 1)
        finish(rig)
        assert [event.type for event in one] == ENDED
    wait_until(lambda: watch.watchers == 0)
    asked = counted(monkeypatch)
    with follow(api) as stream:
        list(stream)
    wait_until(lambda: watch.watchers == 0)
    assert statements()["feed_watch"] not in asked


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


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement from now on."""
    asked: list[str] = []
    rows = Database.rows

    def listen(self: Database, sql: Any, params: Any = None) -> Any:
        asked.append(sql)
        return rows(self, sql, params)

    monkeypatch.setattr(Database, "rows", listen)
    return asked


def test_many_subscribers_cost_one_look(rig: Rig, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing happens, one statement a tick asks for all of them, whichever instances they follow."""
    for id in ("r-17", "r-18", "r-19"):
        rig.create(Errand, id, {"do": "wait"})
    rig.settle()
    watch = api.app.state.parts.watch
    with ExitStack() as stack:
        streams = [
            stack.enter_context(follow(api, FEED.replace("r-17", id)))
            for id in ("r-17", "r-18", "r-19")
            for _ in range(20)
        ]
        for stream in streams:
            take(stream, 5)
        wait_until(lambda: watch.watchers == 60)
        asked = counted(monkeypatch)
        wait_until(lambda: len(asked) >= 6)
        assert set(asked) == {statements()["feed_watch"]}
        asked.clear()
        finish(rig, "r-18")
        for stream in streams[20:40]:
            assert [event.type for event in stream] == ENDED
        wait_until(lambda: watch.watchers == 40)
        assert asked.count(statements()["feed_page"]) <= 20 * 3


def test_a_feed_that_begins_while_things_happen_has_no_gap(rig: Rig, api: Api) -> None:
    """Between the reading of its past and the beginning of the watch nothing is lost: it always comes to its end."""
    for number in range(12):
        id = f"i-{number}"
        rig.create(Errand, id, {"do": "wait"})
        rig.settle()
        ending = rig.in_thread(finish, rig, id)
        with follow(api, FEED.replace("r-17", id)) as stream:
            assert [event.type for event in stream] == WAITING + ENDED
        ending.result(10)


# Outages.


@pytest.fixture
def own_postgres(servers_folder: Path) -> Iterator[Postgres]:
    """A running Postgres of this test's own, migrated, to stop and start again."""
    server = Postgres(servers_folder / "own", {"fsync": "off", "synchronous_commit": "off"})
    server.folder.mkdir(exist_ok=True)
    try:
        server.start()
        migrate(server.url)
        yield server
    finally:
        server.stop()


def test_feeds_and_calls_come_back_with_postgres(own_postgres: Postgres, settings: Settings) -> None:
    """An outage is told with 503 and when to come again; a subscriber goes on where it was; nothing is restarted."""
    there = settings.model_copy(update={"database_url": own_postgres.url})
    with Rig(there) as rig, Api(there, rig.clock) as api:
        rig.create(Errand, "r-17", {"do": "wait"})
        rig.settle()
        with follow(api) as stream:
            events = [next(stream) for _ in range(5)]
            own_postgres.stop()
            for method, path, how in (
                ("GET", FEED, {}), ("GET", "/api/workflows", {}), ("GET", FEED.removesuffix("/subscribe"), {}),
                ("POST", "/api/workflows/errand/instances", {"json": {}}),
                ("POST", FEED.replace("subscribe", "events/go"), {"json": 1}),
            ):  # fmt: skip
                answer = api(method, path, **how)
                (problem,) = answer.json()["errors"]
                assert (answer.status_code, problem["code"], answer.headers["Retry-After"]) == (503, 10503, "2"), path
                assert problem["message"] == PREFIX + "journal.unavailable"
                assert "socket" not in problem["detail"]
            assert api("GET", "/healthz").status_code == 200
            own_postgres.start()
            assert own_postgres.url == there.database_url
            assert [entry["id"] for entry in api.ok("GET", "/api/workflows/errand/instances")] == ["r-17"]
            finish(rig)
            events += list(stream)  # it may have ended with the outage, or have outlived it
        if len(events) < len(WAITING + ENDED):
            with follow(api, after=events[-1].id) as stream:
                events += list(stream)
        assert [event.type for event in events] == WAITING + ENDED
        wait_until(lambda: api.app.state.parts.watch.watchers == 0)


def test_a_feed_whose_postgres_is_lost_while_there_are_news_ends(rig: Rig, api: Api) -> None:
    """Its connections are cut again and again; each time the subscriber comes back, and misses nothing."""
    instance = rig.create(Errand, "r-17", {"do": "wait"})
    seen: list[Told] = []
    others = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    for _ in range(4):
        with follow(api, after=seen[-1].id if seen else 0) as stream:
            rig.settle()
            seen += [next(stream)]
            rig.sql(f"select pg_terminate_backend(pid) {others}")
    rig.settle()
    instance.send_event("go", "done")
    rig.settle()
    with follow(api, after=seen[-1].id) as stream:
        seen += list(stream)
    assert [event.type for event in seen] == WAITING + ENDED
    assert [event.id for event in seen] == sorted({event.id for event in seen})
