"""create_batch and delete_batch: all forms, all or nothing, and what is told of each entry."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from tests.support import RowLock
from tests.support.errands import Errand, by_name
from wf import AsyncClient, Client
from wf.async_client import AsyncInstance
from wf.dispatch import Dispatcher
from wf.sql import statements
from wf.urls import database_url

if TYPE_CHECKING:
    from tests.support import Rig


def ids(rig: Rig) -> list[str]:
    """The ids of all instances in the order of their creation."""
    return [row[0] for row in rig.sql("select id from wf.instance order by key")]


def pushes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many nudges each push into Redis has, from now on."""
    sizes: list[int] = []
    publish = Dispatcher.publish

    def listen(self: Dispatcher, nudges: Any) -> bool:
        sizes.append(len(nudges))
        return publish(self, nudges)

    monkeypatch.setattr(Dispatcher, "publish", listen)
    return sizes


@pytest.mark.parametrize("named", ["class", "name"])
def test_a_list_gives_the_instances_that_were_created(rig: Rig, named: str) -> None:
    """They come in the order of the list with params of their own; existing and repeated ids are left out silently."""
    workflow = rig.client.workflow(Errand) if named == "class" else by_name(rig, Errand)
    workflow.create("old", {"n": 0})
    entries: list[dict[str, Any]] = [
        {"id": "z", "params": {"n": 1}},
        {"id": "old", "params": {"n": 2}},
        {"id": "a"},
        {"id": "z"},
    ]
    made = workflow.create_batch(entries)
    assert [instance.id for instance in made] == ["z", "a"]
    assert ids(rig) == ["old", "z", "a"]
    rig.settle()
    assert [instance.result(timeout=1) for instance in made] == [{"got": {"n": 1}}, {"got": {}}]
    assert workflow.get("old").result(timeout=1) == {"got": {"n": 0}}


def test_a_batch_sends_its_nudges_at_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many instances, there is one push into Redis."""
    sizes = pushes(monkeypatch)
    rig.client.workflow(Errand).create_batch(count=7)
    assert (sizes, rig.queued()) == ([7], 7)


@pytest.mark.parametrize("named", ["class", "name"])
def test_count_makes_so_many_alike(rig: Rig, named: str) -> None:
    """Ids are random, params and retention are the same for all, and nothing fails."""
    workflow = rig.client.workflow(Errand) if named == "class" else by_name(rig, Errand)
    answer = workflow.create_batch(count=3, params={"n": 1}, retention={"error_retention": "1 hour"})
    assert answer.errors == []
    assert len({instance.id for instance in answer.created}) == 3
    rig.settle()
    assert [instance.result(timeout=1) for instance in answer.created] == [{"got": {"n": 1}}] * 3
    assert rig.sql("select distinct keep_success, keep_error from wf.instance") == [(None, 3_600.0)]


def test_instances_tell_what_became_of_each_entry(rig: Rig) -> None:
    """The first of a repeated id is created, an existing one is not, and each refusal has index, id, code and text."""
    workflow = rig.client.workflow(Errand)
    workflow.create("old")
    entries: list[dict[str, Any]] = [{"id": "a"}, {"id": "old"}, {"id": "a"}, {"params": {"n": 1}}, {"id": "old"}]
    answer = workflow.create_batch(instances=entries)
    assert [instance.id for instance in answer.created] == ["a", answer.created[1].id]
    assert [(error.index, error["id"], error.code) for error in answer.errors] == [
        (1, "old", "instance.already_exists"),
        (2, "a", "instance.duplicate_in_batch"),
        (4, "old", "instance.duplicate_in_batch"),
    ]
    assert all(f'"{error.id}"' in error.message for error in answer.errors)


@pytest.mark.parametrize("given", [{"count": 2}, {"instances": [{"id": "a"}, {"id": "b"}], "locationHint": "weur"}])
def test_one_mapping_is_the_object_form(rig: Rig, given: dict[str, Any]) -> None:
    """create_batch({...}) is create_batch(...) with these keywords."""
    answer = rig.client.workflow(Errand).create_batch(given)
    assert (len(answer.created), answer["errors"]) == (2, [])
    assert len(ids(rig)) == 2


def test_each_entry_has_a_retention_of_its_own(rig: Rig) -> None:
    """What an entry says is stored with its instance only."""
    entries: list[dict[str, Any]] = [{"id": "a", "retention": {"successRetention": 9}}, {"id": "b"}]
    rig.client.workflow(Errand).create_batch(entries)
    assert rig.sql("select id, keep_success from wf.instance order by id") == [("a", 9.0), ("b", None)]


def test_a_batch_comes_with_the_callers_commit(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither instances nor nudges before it, both after it; the nudges in one push."""
    sizes = pushes(monkeypatch)
    engine = create_engine(database_url(rig.settings.database_url))
    with Session(engine) as session:
        made = rig.client.workflow(Errand).create_batch([{"id": "a"}, {"id": "b"}], session=session)
        assert (len(made), ids(rig), sizes) == (2, [], [])
        session.commit()
        assert (ids(rig), sizes, rig.queued()) == (["a", "b"], [2], 2)
        rig.client.workflow(Errand).create_batch(count=2, session=session)
        session.rollback()
    with psycopg.connect(rig.settings.database_url) as connection:
        rig.client.workflow(Errand).create_batch(count=2, params=1, connection=connection)
        connection.rollback()
    engine.dispose()
    assert ids(rig) == ["a", "b"]


def test_batches_that_share_ids_do_not_lock_each_other_out(rig: Rig) -> None:
    """Two batches with the same ids in opposite order both end; each id is created once."""
    workflow = rig.client.workflow(Errand)
    names = [f"i-{n:02}" for n in range(100)]
    for round_number in range(5):
        entries = [{"id": f"{name}-{round_number}"} for name in names]
        one = rig.in_thread(workflow.create_batch, entries)
        other = rig.in_thread(workflow.create_batch, entries[::-1])
        made = [instance.id for instance in [*one.result(timeout=20), *other.result(timeout=20)]]
        assert sorted(made) == sorted(entry["id"] for entry in entries)


def test_encrypted_batches_are_read_again(rig: Rig) -> None:
    """With keys, params of a list and shared ones are sealed in the journal and arrive as they were."""
    from cryptography.fernet import Fernet  # noqa: PLC0415  (one test needs it)

    sealed = rig.settings.model_copy(update={"encryption_keys": Fernet.generate_key().decode()})
    with Client(settings=sealed, clock=rig.clock) as client:
        workflow = client.workflow(Errand)
        made = [
            *workflow.create_batch([{"params": "secret"}]),
            *workflow.create_batch(count=1, params="secret").created,
        ]
        assert [instance.describe().params for instance in made] == ["secret", "secret"]
    assert all(b"secret" not in bytes(row[0]) for row in rig.sql("select params from wf.payload"))


def test_delete_batch_tells_of_each_place(rig: Rig) -> None:
    """Deleted ones are named, missing and repeated ones are errors, and their ids are free again."""
    workflow = rig.client.workflow(Errand)
    workflow.create_batch([{"id": id} for id in ("a", "b", "c")])
    rig.settle()
    answer = workflow.delete_batch(["a", "x", "b", "a"])
    assert answer.deleted == [{"id": "a"}, {"id": "b"}]
    assert [(error.id, error.code) for error in answer.errors] == [
        ("x", "instance.not_found"),
        ("a", "instance.not_found"),
    ]
    assert ids(rig) == ["c"]
    assert workflow.create("a").status().status == "queued"


def test_an_instance_that_is_locked_is_an_error_of_its_own(rig: Rig) -> None:
    """A row that somebody holds for too long is told of in its place; nothing waits for ever."""
    workflow = rig.client.workflow(Errand)
    workflow.create("a")
    with RowLock(rig.settings.database_url):
        answer = workflow.delete_batch(["x", "a"])
    assert [(error.id, error.code) for error in answer.errors] == [("x", "instance.not_found"), ("a", "journal.busy")]
    assert ids(rig) == ["a"]


def test_scheduled_instances_can_be_deleted(rig: Rig) -> None:
    """delete_batch takes the ids that schedules make."""
    workflow = rig.client.workflow(Errand)
    workflow.create("a")
    rig.sql("update wf.instance set id = '0 * * * *-1786001400000'")
    assert workflow.delete_batch(["0 * * * *-1786001400000"]).deleted == [{"id": "0 * * * *-1786001400000"}]


def test_async_batches_do_the_same(rig: Rig) -> None:
    """The async client gives async instances, in every form."""

    async def main() -> None:
        async with AsyncClient(settings=rig.settings, clock=rig.clock) as client:
            workflow = client.workflow(Errand)
            made = await workflow.create_batch([{"id": "a"}, {"id": "a"}])
            answer = await workflow.create_batch(instances=[{"id": "a"}, {"id": "b"}])
            assert [instance.id for instance in (*made, *answer.created)] == ["a", "b"]
            assert all(isinstance(instance, AsyncInstance) for instance in (*made, *answer.created))
            assert [error.code for error in answer.errors] == ["instance.already_exists"]
            assert len((await workflow.create_batch({"count": 2})).created) == 2
            assert (await workflow.delete_batch(["a"])).deleted == [{"id": "a"}]

    asyncio.run(main())
    assert len(ids(rig)) == 3


def test_async_batches_come_with_the_callers_commit(rig: Rig) -> None:
    """Inside an async session nothing is visible before its commit, and all of it after."""

    async def main() -> None:
        engine = create_async_engine(database_url(rig.settings.database_url))
        async with AsyncClient(settings=rig.settings, clock=rig.clock) as client, AsyncSession(engine) as session:
            answer = await client.workflow(Errand).create_batch(count=2, session=session)
            assert (len(answer.created), ids(rig)) == (2, [])
            await session.commit()
        await engine.dispose()

    asyncio.run(main())
    assert (len(ids(rig)), rig.queued()) == (2, 2)


def test_the_statement_of_batches_reads_no_table_from_end_to_end(rig: Rig) -> None:
    """Its generic plan looks up existing ids in the index, and only the small table of workflows otherwise."""
    rig.sql(
        "insert into wf.instance (workflow, id, version, due_at)"
        " select 'errand', 'i-' || n, '1', now() from generate_series(1, 3000) n"
    )
    rig.sql("analyze wf.instance")
    text: str = statements()["instance_create_batch"]
    for number, name in enumerate(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)), 1):
        text = text.replace(f"%({name})s", f"${number}")
    plan = str(rig.sql("explain (generic_plan) " + text))
    assert "Insert on instance" in plan
    assert set(re.findall(r"Seq Scan on (\w+)", plan)) <= {"workflow"}
