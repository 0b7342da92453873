"""What wants a human, in one look: right, bounded, and only of what the asker may see."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support import wait_until
from tests.support.cli import Shell
from tests.support.errands import Errand, moment
from tests.support.plans import plan_of, scans
from tests.support.poison import Poison
from wf import WorkflowEntrypoint
from wf.attention import BYTES, DAY, EACH, EXAMPLES, LATE, LISTED, Attention
from wf.cli.attentionview import CALM
from wf.client import Client
from wf.clock import DatabaseClock
from wf.codec import encode
from wf.faults import encode_error
from wf.listing import Listing
from wf.overview import CAP, GONE, Overview
from wf.sql import statements
from wf.tokens import Tokens
from wf_tasks.presence import Presence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support import Processes, Rig
    from tests.support.api import Api
    from wf.settings import Settings


class Trouble(WorkflowEntrypoint, name="attention-trouble", restart={"delay": 60}):
    """Fails as its params say, and is restarted."""

    async def run(self, event: Any, step: Any) -> None:
        raise ValueError(event.payload)


class Deadly(WorkflowEntrypoint, name="attention-deadly"):
    """Its step is never done."""

    async def run(self, event: Any, step: Any) -> None:
        await step.do("kill", lambda: None)


@pytest.fixture(autouse=True)
def known(rig: Rig) -> None:
    """A worker has told of the workflows."""
    for cls in (Errand, Trouble, Deadly):
        rig.workers[0].catalog.register(cls)


@pytest.fixture
def attention(rig: Rig) -> Iterator[Attention]:
    overview = Overview(rig.client.database, rig.clock, rig.settings)
    yield Attention(rig.client.database, rig.clock, rig.settings, overview)
    overview.close()


def served(rig: Rig) -> None:
    """A living worker that knows everything, and an alarm that has just run."""
    Presence(rig.workers[0], "threads", 10).tell()
    rig.workers[0].alarm.run_once()


def test_when_all_is_well_there_is_nothing(rig: Rig, attention: Attention) -> None:
    """Neither instances that run as they should nor those that have ended well want anybody."""
    rig.create(Errand, "done")
    rig.settle()
    rig.create(Errand, "sleeps", {"do": "sleep"})
    rig.settle()
    served(rig)
    seen = attention.look()
    assert seen.errors == {"groups": [], "looked": 0, "capped": False}
    assert seen.lost == {"total": 0, "attempts": [], "capped": False}
    assert seen.poison == {"total": 0, "steps": []}
    assert seen.waits == {"total": 0, "soonest": [], "capped": False}
    assert seen.late == {"total": 0, "oldest": [], "capped": False}
    assert (seen.workers.gone, seen.queues, seen.unserved, seen.paused, seen.breakers) == ([], [], {}, {}, [])
    assert seen.halted == {"total": 0, "instances": []}
    assert (seen.at, seen.alarm.late) == (moment(0), False)


def test_errors_are_grouped_by_kind(rig: Rig, attention: Attention) -> None:
    """The biggest group first, with how many will be restarted; a list finds them again by the text of the group."""
    for n, message in enumerate(["no 'a' in 1", "no 'b' in 22", "away", "no 'c' in 3", "no 'd' in 4"]):
        rig.create(Trouble, f"t-{n}", message)
        rig.settle()
        rig.clock.advance(1)
    rig.create(Errand, "e", {"do": "fail"})
    rig.settle()
    first, *others = attention.look().errors.groups
    assert [(group.workflow, group["count"]) for group in others] == [("errand", 1), ("attention-trouble", 1)]
    assert (first.name, first.message, first["count"], first.restarting) == ("ValueError", "no 'd' in 4", 4, 4)
    assert (first.oldest_at, first.newest_at) == (moment(0), moment(4))
    assert first.examples == ["t-4", "t-3", "t-1"]
    assert len(first.examples) == EXAMPLES
    assert (others[0].restarting, others[0].message, others[0].text) == (0, "order 7 refused", "refused")
    assert len({group.fingerprint for group in (first, *others)}) == 3
    (found,) = (group for group in others if group.workflow == "errand")
    listed = rig.client.catalog.list("errand", Listing(error=found.text))
    assert [entry.id for entry in listed] == found.examples


def errored(rig: Rig, workflow: str, number: int, error: bytes) -> None:
    """So many instances that have ended with an error."""
    rig.sql("insert into wf.workflow (name, version) values (%s, '1')", workflow)
    rig.sql(
        "with made as (insert into wf.instance (workflow, id, version, status, ended_at) select %s, 'i-' || n, '1',"
        " 'errored', to_timestamp(%s) from generate_series(1, %s) n returning key)"
        " insert into wf.payload (instance, params, error) select key, %s, %s from made",
        workflow, rig.clock.now(), number, encode(None), error,
    )  # fmt: skip


def test_the_newest_errors_are_looked_at_and_no_more(rig: Rig, attention: Attention) -> None:
    """So many of a workflow, so many in all; it is said that there may be more."""
    errored(rig, "w-0", EACH - 1, encode_error(ValueError(1)))
    assert not attention.look().errors.capped
    errored(rig, "w-1", EACH + 5, encode_error(ValueError(1)))
    seen = attention.look().errors
    assert (seen.looked, seen.capped) == (2 * EACH - 1, True)
    for n in range(2, 8):
        errored(rig, f"w-{n}", EACH, encode_error(ValueError(1)))
    seen = attention.look().errors
    assert (seen.looked, sum(group["count"] for group in seen.groups)) == (CAP, CAP)
    assert {group.workflow for group in seen.groups} == {"w-3", "w-4", "w-5", "w-6", "w-7"}


@pytest.mark.parametrize("error", [b"\x02sealed", b"\x01{}", b"\x01" + b"x" * BYTES])
def test_an_error_that_cannot_be_read_is_an_error_too(rig: Rig, attention: Attention, error: bytes) -> None:
    """Damaged, encrypted or too big: it is told of, and that it could not be read."""
    errored(rig, "w", 2, error)
    (group,) = attention.look().errors.groups
    assert (group.name, group["count"], "cannot be read" in group.message.replace("to be", "cannot be")) == (
        "Error", 2, True,
    )  # fmt: skip


def lose(rig: Rig, id: str, times: int) -> None:
    """A step whose worker is lost again and again."""
    journal = rig.workers[0].journal
    rig.create(Deadly, id)
    rig.workers[0].engine.advance(rig.take()[0])
    rig.sql(
        "update wf.step set lost = %s, status = 'retrying' where instance ="
        " (select key from wf.instance where id = %s)",
        times, id,
    )  # fmt: skip
    rig.sql(
        "insert into wf.attempt (instance, generation, seq, attempt, outcome, worker, rev, ended_at)"
        " select i.key, 1, s.seq, n, 'lost', %s, n, to_timestamp(%s + n) from wf.instance i"
        " join wf.step s on s.instance = i.key, generate_series(1, %s) n where i.id = %s"
        " on conflict do nothing",
        journal.worker, rig.clock.now(), times, id,
    )  # fmt: skip


def test_lost_attempts_and_poisonous_steps_are_told(rig: Rig, attention: Attention) -> None:
    """Those of the last day, the newest first; a step that was lost more than once is suspected, the worst first."""
    lose(rig, "once", 1)
    rig.clock.advance(10)
    lose(rig, "twice", 2)
    lose(rig, "often", 3)
    seen = attention.look()
    assert (seen.lost.total, [lost.instance for lost in seen.lost.attempts][-1]) == (6, "once")
    newest = seen.lost.attempts[0]
    assert newest == {
        "workflow": "attention-deadly", "instance": "often", "step": "kill-1", "attempt": 3,
        "worker": rig.workers[0].journal.worker, "at": moment(13), "lost": 3,
    }  # fmt: skip
    assert [(step.instance, step.lost, step.at) for step in seen.poison.steps] == [
        ("often", 3, moment(13)), ("twice", 2, moment(12)),
    ]  # fmt: skip
    rig.clock.advance(DAY - 5)
    assert attention.look().lost.total == 5
    rig.clock.advance(DAY)
    assert (attention.look().lost.total, attention.look().poison.total) == (0, 0)


def test_a_step_that_kills_its_workers_is_found(settings: Settings, processes: Processes, tmp_path: Path) -> None:
    """Real workers, one after the other: their lost attempts are told of, and the step is suspected."""
    quick, sign = settings.model_copy(update={"lease": 1.0, "renudge": 1.0, "alarm_tick": 0.2}), tmp_path / "die"
    with Client(settings=quick) as client:
        clock = DatabaseClock()
        overview = Overview(client.database, clock, quick)
        attention = Attention(client.database, clock, quick, overview)
        client.workflow(Poison).create("p-1", str(sign))

        def has_lost(number: int) -> bool:
            return bool(attention.look().lost.total == number)

        for lost in (0, 1, 2):
            worker = processes.worker("tests.support.poison", settings=quick)
            wait_until(partial(has_lost, lost), 60, f"{lost} attempts are lost")
            sign.touch()
            wait_until(lambda: not sign.exists(), 60, "the step is there again")
            worker.kill()
        seen = attention.look()
        overview.close()
    assert [(lost.instance, lost.step, lost.attempt) for lost in seen.lost.attempts] == [
        ("p-1", "die-1", 2), ("p-1", "die-1", 1),
    ]  # fmt: skip
    assert [(step.step, step.lost, step.status) for step in seen.poison.steps] == [("die-1", 2, "running")]


def test_workers_gone_are_told_and_the_messages_they_left(rig: Rig, attention: Attention) -> None:
    """A queue that only they have taken from holds what nobody will do."""
    presence = Presence(rig.workers[0], "threads", 10)
    queue = f"{rig.settings.queue}-elsewhere"
    presence._told |= {"name": "elsewhere:1", "queue": queue}
    presence.tell()
    rig.redis.lpush(rig.settings.broker_prefix + queue, "a message")
    assert (attention.look().workers.gone, attention.look().queues) == ([], [])
    rig.clock.advance(GONE + 1)
    seen = attention.look()
    assert [(worker.name, worker.seen_at) for worker in seen.workers.gone] == [("elsewhere:1", moment(0))]
    assert seen.queues == [{"name": queue, "length": 1}]


def test_waits_for_events_are_told_by_their_deadlines(rig: Rig, attention: Attention) -> None:
    """The soonest first, with the type that somebody must send; sleeps are no such waits."""
    rig.create(Errand, "first", {"do": "wait"})
    rig.settle()
    rig.clock.advance(60)
    for id, doing in (("second", "wait"), ("sleeps", "sleep")):
        rig.create(Errand, id, {"do": doing})
    rig.settle()
    waits = attention.look().waits
    assert (waits.total, waits.capped, [wait.instance for wait in waits.soonest]) == (2, False, ["first", "second"])
    assert waits.soonest[0] == {
        "workflow": "errand", "instance": "first", "step": "permit-1", "eventType": "go", "since": moment(0),
        "deadline": moment(3600),
    }  # fmt: skip
    rig.client.workflow(Errand).get("first").send_event("go")
    rig.settle()
    assert [wait.instance for wait in attention.look().waits.soonest] == ["second"]


def test_what_is_late_unserved_or_paused_is_told(rig: Rig, attention: Attention) -> None:
    """Late is what was due some ticks ago; unserved what no living worker knows; people forget what is paused."""
    for n in range(3):
        rig.create(Errand, f"i-{n}", {"do": "sleep"})
    rig.settle()
    rig.client.workflow(Errand).get("i-2").pause()
    rig.settle()
    served(rig)
    assert (attention.look().paused, attention.look().unserved) == ({"errand": 1}, {})
    rig.clock.advance(600 + 9)
    assert attention.look().late.total == 0
    rig.clock.advance(2)
    seen = attention.look()
    assert (seen.late.total, [late.instance for late in seen.late.oldest]) == (2, ["i-0", "i-1"])
    assert (seen.late.oldest[0].late, seen.late.oldest[0].due_at, seen.late.oldest[0].nudges) == (11, moment(600), 0)
    assert (seen.unserved, seen.alarm.late) == ({"errand": 2}, True)
    assert [worker.name for worker in seen.workers.gone] == [rig.workers[0].journal.worker]


def test_messages_that_no_worker_takes_are_told(rig: Rig, attention: Attention) -> None:
    """As long as no living worker takes from their queue."""
    rig.create(Errand)
    assert attention.look().queues == [{"name": rig.settings.queue, "length": 1}]
    served(rig)
    assert attention.look().queues == []


def test_what_somebody_may_not_see_is_left_out(rig: Rig, attention: Attention) -> None:
    """Nothing of other workflows is told, nor of workers that know only these."""
    lose(rig, "lost", 2)
    for id, doing in (("fails", "fail"), ("waits", "wait"), ("pauses", "sleep")):
        rig.create(Errand, id, {"do": doing})
    rig.settle()
    rig.client.workflow(Errand).get("pauses").pause()
    rig.settle()
    Presence(rig.workers[0], "threads", 10).tell()
    rig.clock.advance(7200)
    everything, hidden = attention.look(), attention.look(["another"])
    for part, number in (("lost", 2), ("poison", 1), ("waits", 1)):
        assert (everything[part].total, hidden[part].total) == (number, 0), part
    assert everything.late.total
    assert (hidden.late.total, hidden.errors.looked, hidden.workers.gone) == (0, 0, [])
    assert (hidden.paused, hidden.unserved) == ({}, {})
    assert attention.look(["errand"]).errors == everything.errors
    assert attention.look(["errand"]).paused == {"errand": 1}


INDEXES = {
    "errors": "instance_status", "lost": "attempt_lost", "waits": "instance_status", "late": "instance_due",
    "paused": "instance_status", "halted": "instance_status",
}  # fmt: skip


def test_a_look_reads_no_big_table(rig: Rig, attention: Attention) -> None:
    """With thousands of everything, numbers stop at the cap, and the plans find all rows by indexes."""
    rig.sql("insert into wf.workflow (name, version) select 'w-' || n, '1' from generate_series(0, 4) n")
    rig.sql(
        "insert into wf.instance (workflow, id, version, status, due_at, ended_at) select 'w-' || mod(n, 5), 'i-' || n,"
        " '1', status, case when status = 'waiting' then to_timestamp(%s - 100 - n) end,"
        " case when status = 'errored' then to_timestamp(%s) end"
        " from generate_series(1, 20000) n, lateral (select case when mod(n, 3) = 0 then 'errored'"
        " when mod(n, 7) = 0 then 'paused' else 'waiting' end as status) as made",
        rig.clock.now(), rig.clock.now(),
    )  # fmt: skip
    rig.sql(
        "insert into wf.payload (instance, params, error) select key, %s, %s from wf.instance", b"\x01{}", b"\x01{}"
    )
    rig.sql(
        "insert into wf.step (instance, generation, seq, kind, name, count, status, attempt, lost, started_rev, rev,"
        " config, wake_at) select key, 1, 1, 'waitForEvent', 's', 1, 'waiting', 1, 2, 1, 1, '{\"type\": \"go\"}', now()"
        " from wf.instance"
    )
    rig.sql(
        "insert into wf.attempt (instance, generation, seq, attempt, outcome, rev, ended_at)"
        " select key, 1, 1, 1, 'lost', 1, to_timestamp(%s) from wf.instance",
        rig.clock.now(),
    )
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        for _ in range(2):
            plans = {name: plan_of(connection, statements()[f"attention_{name}"]) for name in INDEXES}
            assert {table for plan in plans.values() for table in scans(plan)} <= {"workflow"}
            for name, index in INDEXES.items():
                assert f"'Index Name': '{index}'" in str(plans[name]), name
            for table in ("instance", "payload", "step", "attempt"):
                rig.sql(f"vacuum analyze wf.{table}")
    seen = attention.look()
    assert (seen.errors.looked, seen.lost.total, seen.poison.total, seen.waits.total, seen.late.total) == (CAP,) * 5
    assert (seen.halted.total, len(seen.halted.instances)) == (CAP, LISTED)
    assert (len(seen.lost.attempts), len(seen.poison.steps), len(seen.waits.soonest)) == (LISTED,) * 3
    assert len(seen.late.oldest) == LATE
    assert (seen.lost.capped, seen.late.capped, seen.waits.capped, seen.errors.capped) == (True,) * 4
    assert set(seen.unserved.values()) == {CAP}
    hidden = attention.look(["another"])  # the first ones that were looked at are all of others
    assert (hidden.lost, hidden.late) == (
        {"total": 0, "attempts": [], "capped": True}, {"total": 0, "oldest": [], "capped": True},
    )  # fmt: skip


def test_the_command_shows_it(rig: Rig, settings: Settings) -> None:
    """`wf attention` has a table for each thing that wants a human, or says that nothing does; with --json, JSON."""
    shell = Shell(settings)
    Presence(rig.workers[0], "threads", 10).tell()
    rig.workers[0].alarm.run_once()
    rig.sql("update wf.worker set seen_at = now(); update wf.tick set ticked_at = now() + interval '1 hour'")
    assert shell.text("attention") == f"{CALM}\n"
    for id, doing in (("fails", "fail"), ("waits", "wait")):
        rig.create(Errand, id, {"do": doing})
    rig.settle()
    rig.sql("update wf.worker set seen_at = now() - interval '1 minute'")
    text = shell.text("attention")
    for part in (
        "Errored:", "RefusedError: order 7 refused", "errand/waits", "permit-1", "Worker gone", "Unserved:", "errand: 1"
    ):  # fmt: skip
        assert part in text
    assert shell.json("attention")["errors"]["groups"][0]["examples"] == ["fails"]


def test_the_api_shows_it(rig: Rig, api: Api) -> None:
    """GET /api/attention gives the same, also to the command line; the documented example has the form of an answer."""
    for id, doing in (("fails", "fail"), ("waits", "wait")):
        rig.create(Errand, id, {"do": doing})
    rig.settle()
    lose(rig, "lost", 2)
    Presence(rig.workers[0], "threads", 10).tell()
    rig.clock.advance(4000)
    found = api.ok("GET", "/api/attention")
    example = api("GET", "/api/openapi.json").json()["components"]["schemas"]["Noticed"]["example"]

    def form(value: Any) -> Any:
        """Names of everything in it, but for those of workflows."""
        if isinstance(value, list):
            return [form(item) for item in value[:1]]
        if isinstance(value, dict) and not all(isinstance(item, int | list) for item in value.values()):
            return {name: form(item) for name, item in value.items()}
        return None

    found["queues"], found["breakers"] = example["queues"], example["breakers"]
    assert form(found) == form(example)
    assert found["waits"]["soonest"][0]["event_type"] == "go"
    shell = Shell(rig.settings)
    nowhere = {"WF_DATABASE_URL": "", "WF_REDIS_URL": "", "WF_API_URL": api.url}
    remote = shell("attention", "--json", **nowhere)
    here = shell.json("attention")
    assert remote.exit_code == 0, remote.output
    assert '"eventType": "go"' in remote.stdout
    assert here["errors"] == json.loads(remote.stdout)["errors"]


def test_a_token_of_some_workflows_sees_theirs(rig: Rig, api: Api) -> None:
    """And nothing of others."""
    rig.create(Errand, "fails", {"do": "fail"})
    rig.settle()
    tokens = Tokens(rig.client.database, rig.clock)
    for name, workflows, groups in (("mine", ["errand"], 1), ("other", ["another"], 0)):
        token = tokens.create(name, "read", workflows=workflows, created_by="test")
        headers = {"Authorization": f"Bearer {token}"}
        found = api.ok("GET", "/api/attention", headers=headers)
        assert len(found["errors"]["groups"]) == groups, name
