"""Payloads at rest: with keys nobody can read them in Postgres or Redis, and everything works as before."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from pydantic import BaseModel
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from tests.support import Rig
from tests.support.cli import Shell
from tests.support.errands import Errand
from wf import WorkflowEntrypoint
from wf.codec import CodecError
from wf.commits import FEW
from wf.urls import database_url
from wf_reaper.restarts import Restarts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.settings import Settings

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
MARK = "iban-DE02-1203"
"""What must not be found."""
LACKS = "WF_ENCRYPTION_KEYS of this process lacks the key"


class MarkedError(Exception):
    """An author's error whose text holds a payload."""


class Marked(WorkflowEntrypoint, name="encryption-marked", restart={"delay": 10, "limit": 1}):
    """Has the mark wherever a payload can be; fails once before it completes."""

    runs = 0

    async def run(self, event: Any, step: Any) -> Any:
        def flaky(ctx: Any) -> Any:
            if ctx.attempt == 1:
                ctx.heartbeat([MARK])
                raise MarkedError(MARK)
            return ctx.details[0]

        def broken() -> None:
            raise MarkedError(MARK)

        def last() -> str:
            type(self).runs += 1
            if type(self).runs == 1:
                raise MarkedError(MARK)
            return MARK

        parts = await asyncio.gather(*[step.do(f"part {n}", lambda: [event.payload]) for n in range(FEW + 1)])
        flakes = await step.do("flaky", flaky, config={"retries": {"limit": 1, "delay": 1}})
        try:
            await step.do("broken", broken, config={"retries": {"limit": 0}})
        except MarkedError as error:
            parts.append(str(error))
        waits = [step.wait_for_event(f"wait {n}", "go") for n in range(FEW + 1)]
        parts += [took.payload for took in await asyncio.gather(*waits)]
        await step.sleep("nap", 5)
        parts.append((await step.wait_for_event("late", "come")).payload)
        parts.append(await step.do("last", last, config={"retries": {"limit": 0}}))
        parts.append(await step.transaction("together", lambda _connection: MARK))
        return {"parts": parts, "flakes": flakes}


def with_keys(settings: Settings, *keys: str) -> Rig:
    return Rig(settings.model_copy(update={"encryption_keys": ",".join(keys)}))


@pytest.fixture
def sealed(settings: Settings) -> Iterator[Rig]:
    """A rig that seals."""
    with with_keys(settings, NEW) as rig:
        yield rig


def shows(data: Any) -> bool:
    """Whether the mark can be read in something, as it is or in base64."""
    if data is None:
        return False
    raw = data if isinstance(data, bytes) else json.dumps(data, default=str).encode()
    texts = re.findall(rb"[A-Za-z0-9+/]{12,}", raw)
    return any(MARK.encode() in text for text in [raw, *(b64decode(text[: len(text) // 4 * 4]) for text in texts)])


def found_in(rig: Rig) -> set[str]:
    """The columns of Postgres and the kinds of keys of Redis in which the mark can be read now."""
    found = set()
    with psycopg.connect(rig.settings.database_url) as connection:
        tables = connection.execute("select table_name from information_schema.tables where table_schema = 'wf'")
        for (table,) in tables.fetchall():
            cursor = connection.execute(f"select * from wf.{table}")
            names = [column.name for column in cursor.description or ()]
            found |= {
                f"{table}.{name}" for row in cursor for name, value in zip(names, row, strict=True) if shows(value)
            }
    for key in rig.redis.scan_iter(f"{rig.settings.key_prefix}*"):
        kind: Any = rig.redis.type(key)
        held: Any = rig.redis.lrange(key, 0, -1) if kind == b"list" else [rig.redis.dump(key)]
        if any(map(shows, held)):
            found.add(key.removeprefix(rig.settings.key_prefix.encode()).split(b":")[0].decode())
    return found


def live_through(rig: Rig) -> tuple[set[str], Any]:
    """Run an instance of `Marked` to its end; where the mark was found on the way, and the output."""
    Marked.runs = 0
    instance = rig.create(Marked, params={"mark": MARK})
    for _ in range(FEW + 1):
        instance.send_event("go", MARK)  # before anybody waits
    found = found_in(rig)
    rig.settle()
    found |= found_in(rig)
    rig.pass_time(2)
    found |= found_in(rig)
    rig.pass_time(5)
    found |= found_in(rig)
    assert instance.status().status == "waiting"
    instance.send_event("come", {"live": MARK})
    found |= found_in(rig)
    rig.settle()
    assert instance.status().status == "errored"
    assert MARK in instance.status().error.traceback
    found |= found_in(rig)
    rig.clock.advance(11)
    assert Restarts(rig.workers[0]).run_once() == 1
    rig.settle()
    found |= found_in(rig)
    return found, instance.result(timeout=1)


def test_nothing_can_be_read_at_rest(sealed: Rig) -> None:
    """No column of any table and no key of Redis shows a payload, whatever it went through; the result is the same."""
    found, output = live_through(sealed)
    assert found == set()
    assert output["parts"][-3:] == [{"live": MARK}, MARK, MARK]
    stored = sealed.sql("select output from wf.step where output is not null union all select params from wf.payload")
    assert {data[:1] for (data,) in stored} == {b"\x02"}


def test_the_search_finds_what_is_not_sealed(rig: Rig) -> None:
    """Without keys the same run shows the mark in each place that keys seal: the test above looks where it should."""
    found, output = live_through(rig)
    everywhere = {"payload.params", "payload.output", "payload.error", "step.output", "step.error", "attempt.error"}
    assert found == everywhere | {"step.details", "event.payload", "mailbox"}
    assert output["flakes"] == MARK


class Part(BaseModel):
    """A model in another."""

    key: str = MARK


class Order(BaseModel):
    """Defaults that an author has from the environment, say."""

    key: str = MARK
    part: Part = Part(key=MARK)
    parts: list[Part] = [Part()]  # pydantic copies it
    number: int


class Modelled(WorkflowEntrypoint, name="encryption-modelled", params=Order, events={"paid": Part}):
    """Has models."""

    async def run(self, event: Any, step: Any) -> None: ...


def test_defaults_of_models_are_not_told_where_there_are_keys(rig: Rig, sealed: Rig) -> None:
    """Schemas are not sealed, and defaults may come from anywhere; what they say of fields is the same."""
    schemas = "select params_schema, event_schemas from wf.version where workflow = 'encryption-modelled'"
    rig.workers[0].catalog.register(Modelled)
    ((open_params, open_events),) = rig.sql(schemas)
    assert (MARK in json.dumps(open_params), MARK in json.dumps(open_events)) == (True, True)
    sealed.workers[0].catalog.register(Modelled)
    ((params, events),) = sealed.sql(schemas)
    assert MARK not in json.dumps([params, events])
    assert (params["required"], list(params["properties"])) == (["number"], ["key", "part", "parts", "number"])
    assert events["paid"]["properties"]["key"]["type"] == "string"


def test_what_clients_see_is_opened(sealed: Rig) -> None:
    """describe, status and result show values, as without keys."""
    live_through(sealed)
    shown = sealed.client.workflow(Marked).get("i-1").describe()
    assert shown.params == {"mark": MARK}
    assert shown.steps[0].output == [{"mark": MARK}]
    assert next(step for step in shown.steps if step.name == "broken-1").error.message == MARK


def test_a_consumed_event_leaves_the_sealed_mailbox(sealed: Rig) -> None:
    """Entries are taken out although sealing gives another text each time; a refilled mailbox is no different."""
    instance = sealed.create(Errand, params={"do": "wait"})
    sealed.settle()
    key = sealed.sql("select key from wf.instance")[0][0]
    instance.send_event("other", 1)
    mailbox = sealed.workers[0].mailbox
    for refilled in (False, True):
        mailbox.remove(key, mailbox.refill(key) if refilled else mailbox.read(key, 1))
        assert sealed.redis.exists(f"{sealed.settings.key_prefix}mailbox:{key}") == 0
    mailbox.refill(key)
    assert [event.payload for event in mailbox.read(key, 1)] == [b"\x011"]


@pytest.mark.parametrize("kind", ["connection", "session", "psycopg"])
def test_payloads_in_the_callers_own_transaction_are_sealed(sealed: Rig, kind: str) -> None:
    """An instance and an event are sealed with whatever connection is given."""
    url, workflow = sealed.settings.database_url, sealed.client.workflow(Errand)
    engine = create_engine(database_url(url))
    if kind == "psycopg":
        with psycopg.connect(url) as foreign:
            workflow.create("i-1", {"do": "wait", "mark": MARK}, connection=foreign).send_event(
                "go", MARK, connection=foreign
            )
    else:
        with engine.connect() as connection, Session(connection) as session:
            where: Any = {"connection": connection} if kind == "connection" else {"session": session}
            workflow.create("i-1", {"do": "wait", "mark": MARK}, **where).send_event("go", MARK, **where)
            (session if kind == "session" else connection).commit()
            connection.commit()
    engine.dispose()
    assert sealed.sql("select count(*) from wf.event") == [(1,)]
    assert found_in(sealed) == set()
    sealed.pass_time(1)
    assert workflow.get("i-1").result(timeout=1) == MARK


def test_params_of_a_batch_are_sealed(sealed: Rig) -> None:
    """Those that all entries share, and those of one entry."""
    workflow = sealed.client.workflow(Errand)
    workflow.create_batch([{"id": f"own-{n}", "params": {"mark": MARK}} for n in range(3)])
    workflow.create_batch(count=3, params={"mark": MARK})
    assert found_in(sealed) == set()
    sealed.settle()
    assert found_in(sealed) == set()
    outputs = [workflow.get(entry.id).result(timeout=1) for entry in workflow.list()]
    assert outputs == [{"got": {"mark": MARK}}] * 6


def test_a_rollback_leaves_nothing_to_read(sealed: Rig) -> None:
    """What rollbacks are told, fail with and come to shows no payload, in no column."""

    class Undone(WorkflowEntrypoint, name="encryption-undone"):
        async def run(self, event: Any, step: Any) -> None:
            def refuse(*_: Any, **__: Any) -> None:
                raise MarkedError(MARK)

            done = {"rollback": refuse, "rollback_config": {"retries": {"limit": 0}}}
            await step.do("booked", lambda: MARK, **done)
            raise MarkedError(MARK)

    instance = sealed.create(Undone)
    for _ in range(3):
        sealed.settle()
        assert found_in(sealed) == set()
    failed = {"outcome": "failed", "error": {"name": "MarkedError", "message": MARK}}
    assert instance.status().rollback == instance.describe().rollback == failed
    with Rig(sealed.settings.model_copy(update={"encryption_keys": ""})) as blind:
        shown = blind.client.workflow(Undone).get(instance.id).status().rollback
        assert (shown.outcome, LACKS in shown.error.message) == ("failed", True)


def test_running_instances_live_through_a_rotation(settings: Settings) -> None:
    """Old plain values, values of the old key and of the new one stand side by side in one instance."""
    with Rig(settings) as rig:
        instance = rig.create(Marked, params=MARK)
        nudges = rig.take()
        rig.advance(nudges[0])
    with with_keys(settings, OLD) as rig:
        rig.client.workflow(Marked).get(instance.id).send_event("go", 1)
        rig.settle()
    with with_keys(settings, NEW, OLD) as rig:
        instance = rig.client.workflow(Marked).get(instance.id)
        instance.send_event("go", 2)
        instance.send_event("go", 3)
        instance.send_event("come", 4)
        Marked.runs = 1
        rig.lose_messages()
        rig.pass_time(settings.renudge * 4)
        for _ in range(3):
            rig.pass_time(10)
        assert instance.result(timeout=1)["parts"][-6:] == [1, 2, 3, 4, MARK, MARK]
        kinds = {data[:1] for (data,) in rig.sql("select output from wf.step where output is not null")}
        assert kinds == {b"\x01", b"\x02"}
    with with_keys(settings, NEW) as rig:
        stored = [step.output for step in rig.client.workflow(Marked).get(instance.id).describe().steps]
        assert any(str(output).startswith("[UNREADABLE: Stored data is encrypted") for output in stored)


@pytest.mark.parametrize("keys", [(), (OLD,)], ids=["none", "another"])
def test_without_the_key_people_see_a_text_and_workers_wait(settings: Settings, keys: tuple[str, ...]) -> None:
    """What is sealed with a key that is not here: nothing crashes, nothing is lost, the variable is named."""
    with with_keys(settings, NEW) as rig:
        rig.create(Errand, params={"do": "wait", "mark": MARK})
        rig.settle()
    with with_keys(settings, *keys) as blind:
        instance = blind.client.workflow(Errand).get("i-1")
        assert LACKS in instance.describe().params
        instance.send_event("go", "from the blind")
        (nudge,) = blind.take()
        blind.advance(nudge)
        assert LACKS in instance.describe().warnings[0]
        assert LACKS in Shell(blind.settings).json("instances", "describe", "errand", "i-1")["params"]
    with with_keys(settings, NEW, *keys) as rig:
        rig.pass_time(settings.renudge)
        assert rig.client.workflow(Errand).get("i-1").result(timeout=1) == "from the blind"
    with with_keys(settings) as blind:
        instance = blind.client.workflow(Errand).get("i-1")
        assert str(instance.status().output).startswith("[UNREADABLE: ")
        with pytest.raises(CodecError, match=LACKS):
            instance.result(timeout=1)


def test_an_error_without_its_key_is_shown_as_such(settings: Settings) -> None:
    """An errored instance whose error cannot be opened says why, and `result()` does, too."""
    with with_keys(settings, NEW) as rig:
        rig.create(Errand, params={"do": "fail"})
        rig.settle()
    with Rig(settings) as blind:
        instance = blind.client.workflow(Errand).get("i-1")
        assert (instance.status().error.name, LACKS in instance.status().error.message) == ("CodecError", True)
        with pytest.raises(CodecError, match=LACKS):
            instance.result(timeout=1)
