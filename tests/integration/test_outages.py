"""Postgres or Redis away, mute or not migrated: what callers see, and how soon."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support import Rig, wait_until
from tests.support.errands import Errand
from wf import Client, JournalUnavailable
from wf.errors import SchemaMismatch
from wf.migrations import head
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wf.dev.servers import Valkey
    from wf.settings import Settings


@contextmanager
def refusing_port() -> Iterator[int]:
    """A port of this machine on which nobody listens, and nobody else will meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextmanager
def mute_port() -> Iterator[int]:
    """A port that takes connections and never says a word, like a server that hangs."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield server.getsockname()[1]


def seconds_of(call: Callable[[], Any]) -> float:
    """How long a call takes."""
    start = time.monotonic()
    call()
    return time.monotonic() - start


calls = pytest.mark.parametrize(
    "call",
    [
        lambda client: client.workflow(Errand).create("r-17"),
        lambda client: client.workflow("errand").create("r-17"),
        lambda client: client.workflow(Errand).get("r-17"),
        lambda client: client.workflow(Errand).list(),
    ],
    ids=["create", "create by name", "get", "list"],
)


@calls
def test_without_postgres_every_call_fails_fast(settings: Settings, call: Callable[[Client], Any]) -> None:
    """JournalUnavailable, at once, with the reason and the variable to look at."""
    with refusing_port() as port, Client(f"postgresql://u:hunter2@127.0.0.1:{port}/x", settings.redis_url) as client:
        start = time.monotonic()
        with pytest.raises(JournalUnavailable, match=r"Postgres does not answer .*Check WF_DATABASE_URL") as caught:
            call(client)
        assert time.monotonic() - start < 1
    assert (caught.value.code, "hunter2" in str(caught.value)) == ("journal.unavailable", False)


def test_an_instance_that_exists_fails_fast_without_postgres(rig: Rig) -> None:
    """status, send_event and terminate of an instance say the same when Postgres goes away."""
    instance = rig.create(Errand)
    with refusing_port() as port:
        gone = rig.settings.model_copy(update={"database_url": f"postgresql://127.0.0.1:{port}/x"})
        with Client(settings=gone) as client:
            for method, arguments in (("status", ()), ("send_event", ("go",)), ("terminate", ()), ("describe", ())):
                lost = type(instance)(client, "errand", instance.id)
                with pytest.raises(JournalUnavailable):
                    getattr(lost, method)(*arguments)


def test_a_client_goes_on_after_postgres_was_restarted(rig: Rig) -> None:
    """Connections that the server has closed are replaced before a statement is sent, so that no call fails."""
    workflow = rig.client.workflow(Errand)
    workflow.create("before")
    with psycopg.connect(rig.settings.database_url, autocommit=True) as admin:
        others = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        admin.execute(f"select pg_terminate_backend(pid) {others}")
        wait_until(lambda: admin.execute(f"select count(*) {others}").fetchone() == (0,))
    workflow.create("after")
    assert [entry.id for entry in workflow.list()] == ["after", "before"]


@pytest.mark.parametrize("port", [refusing_port, mute_port], ids=["refuses", "hangs"])
def test_without_redis_create_and_send_event_succeed_within_a_second(rig: Rig, port: Any) -> None:
    """The rows are there, the caller hears of no error, and the alarm finds them."""
    with port() as number:
        down = rig.settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{number}/0"})
        with Client(settings=down, clock=rig.clock) as client:
            workflow = client.workflow(Errand)
            assert seconds_of(lambda: workflow.create("r-17", {"do": "wait"})) < 1
            instance = workflow.get("r-17")
            assert seconds_of(lambda: instance.send_event("go", "yes")) < 1
    assert rig.sql("select id, inbox from wf.instance") == [("r-17", 1)]
    assert rig.sql("select type from wf.event") == [("go",)]
    assert rig.queued() == 0
    rig.pass_time(rig.settings.alarm_tick)
    assert rig.client.workflow(Errand).get("r-17").result(timeout=1) == "yes"


def test_an_instance_created_without_redis_waits_for_the_alarm_only(rig: Rig) -> None:
    """Its nudge is lost; it is due when the nudge would be repeated, and not before."""
    with refusing_port() as port:
        down = rig.settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{port}/0"})
        with Client(settings=down, clock=rig.clock) as client:
            instance = client.workflow(Errand).create("r-17")
    rig.pass_time(rig.settings.renudge)
    assert instance.id == "r-17"
    assert rig.client.workflow(Errand).get("r-17").status().status == "complete"


def test_a_client_uses_redis_again_when_it_is_back(own_redis_settings: Settings, own_redis: Valkey) -> None:
    """An outage of Redis needs no restart of those that use it."""
    with Rig(own_redis_settings) as rig:
        rig.create(Errand, "before")
        own_redis.stop()
        rig.create(Errand, "meanwhile")
        own_redis.start()
        rig.lose_messages()
        rig.create(Errand, "after")
        assert rig.queued() == 1
        rig.pass_time(rig.settings.renudge)
        assert {entry.status for entry in rig.client.workflow(Errand).list()} == {"complete"}


def test_a_missing_schema_is_named_with_its_remedy(empty_database_url: str, redis_url: str) -> None:
    """A client on a database that was never migrated says: run `wf migrate`."""
    with Client(empty_database_url, redis_url) as client:
        for call in (lambda: client.workflow(Errand).create("r-17"), lambda: client.workflow("errand").list()):
            with pytest.raises(SchemaMismatch, match=r"schema is missing\. Run `wf migrate` once") as caught:
                call()
            assert (caught.value.found, caught.value.needed) == (None, head())


def test_a_client_on_an_older_schema_says_so_when_it_matters(rig: Rig) -> None:
    """What the older schema lacks is not called a missing column, but an older schema."""
    rig.sql("update wf.alembic_version set version_num = '0000'")
    rig.sql("alter table wf.instance drop column trigger")
    with pytest.raises(SchemaMismatch, match="is at '0000'"):
        rig.client.workflow(Errand).create("r-17")


@pytest.mark.parametrize(
    ("found", "remedy"),
    [("0000", "Run `wf migrate`."), ("9999", "Install the release that fits.")],
    ids=["older", "newer"],
)
def test_a_worker_refuses_a_schema_that_does_not_fit(rig: Rig, found: str, remedy: str) -> None:
    """An older or newer schema is named with the one that is needed, and with what to do about it, and no more."""
    rig.sql("update wf.alembic_version set version_num = %s", found)
    with pytest.raises(SchemaMismatch, match=f"is at '{found}', this release needs '{head()}'\\. {remedy}$") as e:
        rig.workers[0].prepare()
    assert (e.value.found, e.value.needed, e.value.code) == (found, head(), "journal.schema_mismatch")
    assert rig.sql("select count(*) from wf.workflow") == [(0,)]


def test_a_worker_without_schema_or_postgres_says_so(empty_database_url: str, settings: Settings) -> None:
    """prepare() refuses both before any task is taken."""
    with refusing_port() as port:
        for url, error in (
            (empty_database_url, SchemaMismatch),
            (f"postgresql://127.0.0.1:{port}/x", JournalUnavailable),
        ):
            worker = Runtime(settings.model_copy(update={"database_url": url}))
            with pytest.raises(error):
                worker.prepare()
            worker.close()
