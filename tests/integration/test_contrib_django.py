"""wf.contrib.django in one process: whose transaction an instance is written in, and what the settings come to."""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import ProgrammingError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.test import Client as Browser
from django.test import TestCase, override_settings
from django.test.utils import CaptureQueriesContext

from tests.support.django_site import Note, connected, set_database, site_of
from tests.support.errands import Errand
from wf import InstanceAlreadyExists
from wf.contrib.django import CannotJoin, client, conf, workflow
from wf.contrib.django import settings as wf_settings
from wf.contrib.django.admin import BoundedPaginator
from wf.contrib.django.clients import forget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Rig


@pytest.fixture
def site(rig: Rig) -> Iterator[Rig]:
    """A Django project whose default database holds the journal, and a rig that works for it."""
    rig.workers[0].catalog.register(Errand)
    with site_of(rig):
        yield rig


@pytest.fixture
def other_database(site: Rig, empty_database_url: str) -> Iterator[None]:
    """Another database of the project."""
    with connected(other=empty_database_url):
        yield


def instances(rig: Rig) -> list[str]:
    """The ids of what is in the journal for everybody to see."""
    return [id for (id,) in rig.sql("select id from wf.instance order by key")]


def notes(rig: Rig) -> list[str]:
    """What is in the app's table for everybody to see."""
    return [text for (text,) in rig.sql("select text from public.note order by id")]


class Undo(Exception):
    """Rolls a block back."""


@contextmanager
def undone(using: str = "default") -> Iterator[None]:
    """A transaction, or a savepoint, that is rolled back at its end."""
    with suppress(Undo), transaction.atomic(using=using):
        yield
        raise Undo


# Transactions.


def test_outside_of_a_transaction_everything_commits_at_once(site: Rig) -> None:
    """Without atomic() an instance is there, with its nudge, when create() returns."""
    workflow(Errand).create("i-1", {"n": 1})
    assert (instances(site), site.queued()) == (["i-1"], 1)
    site.settle()
    assert workflow("errand").get("i-1").result(timeout=1) == {"got": {"n": 1}}


def test_in_atomic_nothing_exists_before_the_commit(site: Rig) -> None:
    """Rows of the ORM and the instance appear together, and only then the workers are nudged."""
    with transaction.atomic():
        Note.objects.create(text="n")
        workflow("errand").create("i-1")
        assert (instances(site), notes(site), site.queued()) == ([], [], 0)
    assert (instances(site), notes(site), site.queued()) == (["i-1"], ["n"], 1)
    assert site.settle() == 1


def test_a_rollback_leaves_neither_rows_nor_instance_nor_nudge(site: Rig) -> None:
    """An error out of atomic() takes back the instance, too, and its id is free."""
    with undone():
        Note.objects.create(text="n")
        workflow("errand").create("i-1")
    assert (instances(site), notes(site), site.queued()) == ([], [], 0)
    workflow("errand").create("i-1")


def test_a_savepoint_takes_back_what_was_created_in_it_and_no_more(site: Rig) -> None:
    """Of nested blocks, that which fails leaves nothing, and no nudge; what is around it goes on."""
    with transaction.atomic():
        workflow("errand").create("outer")
        with undone():
            workflow("errand").create("inner")
        with transaction.atomic():
            workflow("errand").create("second")
    assert (instances(site), site.queued()) == (["outer", "second"], 2)


@pytest.mark.parametrize("commits", [True, False])
def test_events_and_batches_join_too(site: Rig, commits: bool) -> None:
    """send_event and create_batch share the fate of the transaction, also for an instance that was created in it."""
    waiting = workflow("errand").create("waits", {"do": "wait"})
    site.settle()
    with transaction.atomic() if commits else undone():
        waiting.send_event("go", "now")
        workflow("errand").create("new", {"do": "wait"}).send_event("go", "early")
        workflow("errand").create_batch([{"id": "b-1"}, {"id": "b-2"}])
        site.settle()
        assert (instances(site), waiting.status().status) == (["waits"], "waiting")
    assert (site.queued() > 0) == commits
    site.settle()
    assert waiting.status().output == ("now" if commits else None)
    assert instances(site) == (["waits", "new", "b-1", "b-2"] if commits else ["waits"])
    if commits:
        assert workflow("errand").get("new").status().output == "early"


@pytest.mark.parametrize("outcome", ["works", "fails"])
def test_atomic_requests_hold_the_instance_too(site: Rig, outcome: str) -> None:
    """With ATOMIC_REQUESTS the request is the transaction: a view that fails leaves nothing."""
    set_database("default", ATOMIC_REQUESTS=True)
    try:
        answer = Browser(raise_request_exception=False).get(f"/write/{outcome}")
    finally:
        set_database("default", ATOMIC_REQUESTS=False)
    there = ["works"] if outcome == "works" else []
    assert answer.status_code == (200 if there else 500)
    assert (instances(site), notes(site), site.queued()) == (there, there, len(there))


def test_a_test_case_can_capture_the_nudge(site: Rig) -> None:
    """In Django's TestCase, whose transaction never commits, captureOnCommitCallbacks sees and runs the nudge."""
    with undone():
        with TestCase.captureOnCommitCallbacks(execute=True) as callbacks:
            workflow("errand").create("i-1")
        assert (len(callbacks), site.queued()) == (1, 1)


def test_without_autocommit_the_alarm_nudges(site: Rig) -> None:
    """In a transaction that Django does not manage there is no on_commit: the instance waits for the next alarm."""
    connection.ensure_connection()
    transaction.set_autocommit(False)
    try:
        workflow("errand").create("i-1")
        assert instances(site) == []
        transaction.commit()
    finally:
        transaction.set_autocommit(True)
    assert (instances(site), site.queued()) == (["i-1"], 0)
    site.pass_time(0)
    assert workflow("errand").get("i-1").status().status == "complete"


def test_a_taken_id_is_refused_in_a_transaction_and_does_not_break_it(site: Rig) -> None:
    """InstanceAlreadyExists is no error of the database: the transaction goes on."""
    with transaction.atomic():
        workflow("errand").create("i-1")
        with pytest.raises(InstanceAlreadyExists):
            workflow("errand").create("i-1")
        Note.objects.create(text="n")
    assert (instances(site), notes(site)) == (["i-1"], ["n"])


def test_a_broken_transaction_refuses_as_for_the_orm(site: Rig) -> None:
    """After an error that must roll back, Django's own error says so."""
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            workflow("errand").create("i-1")
    assert instances(site) == []


def test_errors_of_the_database_are_djangos(site: Rig) -> None:
    """What Postgres says in Django's transaction is raised as for the ORM."""
    site.sql("alter table wf.payload rename to gone")
    with pytest.raises(ProgrammingError, match="payload"), transaction.atomic():
        workflow("errand").create("i-1")


def test_a_connection_that_is_named_comes_first(site: Rig) -> None:
    """connection= counts, whatever Django has open."""
    with psycopg.connect(site.settings.database_url) as mine, transaction.atomic():
        workflow("errand").create("i-1", connection=mine)
        mine.commit()
        assert instances(site) == ["i-1"]


# Another database.


@pytest.mark.usefixtures("other_database")
def test_a_transaction_of_another_database_cannot_hold_an_instance(site: Rig) -> None:
    """Inside it an error says why and what to do; after its commit the instance is created."""
    told = r"DATABASES\['other'\].*atomic\(using='default'\)"
    with pytest.raises(CannotJoin, match=told), transaction.atomic(using="other"):
        workflow("errand").create("i-1")
    assert instances(site) == []
    with transaction.atomic(using="other"):
        transaction.on_commit(lambda: workflow("errand").create("i-1"), using="other")
    assert (instances(site), site.queued()) == (["i-1"], 1)


@pytest.mark.usefixtures("other_database")
def test_with_both_open_the_journals_own_is_joined(site: Rig) -> None:
    """The instance shares the fate of the database where the journal is."""
    with transaction.atomic(using="other"), transaction.atomic():
        workflow("errand").create("i-1")
        assert instances(site) == []
    assert instances(site) == ["i-1"]


def test_a_journal_outside_of_djangos_databases_joins_nothing(site: Rig, empty_database_url: str) -> None:
    """In a transaction there is an error; outside of any, and after a commit, everything commits at once."""
    elsewhere = {"DATABASE_URL": site.settings.database_url, "REDIS_URL": site.settings.redis_url}
    with connected(default=empty_database_url), override_settings(WF=elsewhere):
        assert client().alias is None
        workflow("errand").create("i-1")
        with pytest.raises(CannotJoin, match="is not in DATABASES"), transaction.atomic():
            workflow("errand").create("i-2")
        with transaction.atomic():
            transaction.on_commit(lambda: workflow("errand").create("i-3"))
    assert instances(site) == ["i-1", "i-3"]


def test_the_journal_may_be_named_by_its_url_and_still_be_djangos(site: Rig) -> None:
    """A URL that means the default database, whoever logs in, is joined: no instance escapes a rollback."""
    given = {"DATABASE_URL": site.settings.database_url, "REDIS_URL": site.settings.redis_url}
    with override_settings(WF=given), undone():
        workflow("errand").create("i-1")
    assert instances(site) == []


def test_the_journal_may_be_in_another_database_of_djangos(site: Rig, empty_database_url: str) -> None:
    """WF["DATABASE"] names it, and its transactions are those that count."""
    url, given = site.settings.database_url, {"DATABASE": "other", "REDIS_URL": site.settings.redis_url}
    with connected(default=empty_database_url, other=url), override_settings(WF=given):
        assert (wf_settings().database_url, client().alias) == (conf.url_of("other"), "other")
        with undone("other"):
            workflow("errand").create("i-1")
        workflow("errand").create("i-2")
    assert instances(site) == ["i-2"]


def test_both_may_be_named_if_they_are_the_same(site: Rig, empty_database_url: str) -> None:
    """WF["DATABASE"] with a URL that leads there, perhaps for another user, is joined by that name."""
    url = site.settings.database_url
    given = {"DATABASE": "other", "DATABASE_URL": url, "REDIS_URL": site.settings.redis_url}
    with connected(default=empty_database_url, other=url), override_settings(WF=given):
        assert client().alias == "other"
        with undone("other"):
            workflow("errand").create("i-1")
    assert instances(site) == []


def test_an_async_view_goes_through_sync_to_async(site: Rig) -> None:
    """On an event loop, where Django has no transactions either, that is the way, as for the ORM."""

    async def view() -> None:
        await sync_to_async(workflow("errand").create)("i-1")

    asyncio.run(view())
    assert instances(site) == ["i-1"]


def test_the_admin_counts_no_further_than_it_shows(site: Rig) -> None:
    """A list of many has ten pages, and the query that counts has a limit."""
    site.sql("insert into public.note (text) select generate_series(1, 50)::text")
    with CaptureQueriesContext(connection) as seen:
        assert BoundedPaginator(Note.objects.order_by("-pk"), per_page=3).count == 30
    assert "LIMIT 30" in seen.captured_queries[0]["sql"]
    assert BoundedPaginator(Note.objects.filter(text="7").order_by("pk"), per_page=3).count == 1


def test_each_process_has_a_client_of_its_own(site: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same one twice in a process; another one after a fork."""
    mine = client()
    assert client() is mine
    monkeypatch.setattr(os, "getpid", lambda: -1)
    try:
        assert client() is not mine
    finally:
        forget(setting="WF")
