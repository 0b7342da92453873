"""What many feeds over REST cost, and how they come through outages."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import Rig, wait_until
from tests.support.api import Api
from tests.support.errands import Errand
from tests.support.sse import ENDED, FEED, WAITING, Told, finish, follow, take
from wf.database import Database
from wf.dev.servers import Postgres
from wf.migrations import migrate
from wf.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wf.settings import Settings

PREFIX = "workflows.api.error."


@pytest.fixture
def waiting(rig: Rig) -> None:
    """An instance `r-17` that waits for `go`."""
    rig.create(Errand, "r-17", {"do": "wait"})
    rig.settle()


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement from now on."""
    asked: list[str] = []
    rows = Database.rows

    def listen(self: Database, sql: Any, params: Any = None) -> Any:
        asked.append(sql)
        return rows(self, sql, params)

    monkeypatch.setattr(Database, "rows", listen)
    return asked


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


def test_many_subscribers_cost_one_look(rig: Rig, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing happens, one statement a tick asks for all of them; what is new of one is read once for all."""
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
        assert asked.count(statements()["feed_page"]) <= 6  # of 20 followers, who are told of three facts


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
