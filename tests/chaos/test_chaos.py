"""A short run in the suite; and whether the checker can see anything. `python -m tests.chaos` takes ten minutes."""

from __future__ import annotations

import json
import random
import tempfile
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.chaos.checker import check
from tests.chaos.deployment import WORKERS, Deployment, UnaskedDeath
from tests.chaos.evidence import Evidence, gather
from tests.chaos.monkey import Monkey
from tests.chaos.plan import STORM, Deed, plan
from tests.chaos.run import run, wait_for_all
from tests.chaos.users import Users
from wf.settings import Settings
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 60
"""Of chaos in each run of the suite."""

QUICK = {"lease": 2.0, "renudge": 2.0, "alarm_tick": 0.5}

JOURNALS = {
    "an instance is lost": (
        "delete from wf.instance where key = (select min(key) from wf.instance)", "was acknowledged and is nowhere",
    ),
    "an event is lost": (
        "delete from wf.event where id = (select min(id) from wf.event)", "-0 was acknowledged and is nowhere",
    ),
    "an event was never taken": (
        """update wf.event set consumed_by = null
        where instance in (select key from wf.instance where status = 'complete')""",
        "has not got an event that it waits for",
    ),
    "an event was taken twice": (
        "update wf.event set consumed_by = 1 where instance = (select min(instance) from wf.event)", "took 3 events",
    ),
    "run got an event twice": (
        """update public.receipt set body = jsonb_set(body, '{events}', (body -> 'events') || (body -> 'events' -> 0))
        where body ? 'events'""", "got the events",
    ),
    "a transaction is doubled": (
        "insert into public.receipt select * from public.receipt limit 1", "is complete and has 2 rows",
    ),
    "a transaction is lost": (
        "delete from public.receipt where ctid = (select min(ctid) from public.receipt)", "is complete and has 0 rows",
    ),
    "a result has changed": (
        "update wf.step set output = 'x' where kind = 'do' and status = 'complete'", "changed: step changed",
    ),
    "a result is gone": ("delete from wf.step where seq = 2", "changed: step gone"),
    "a step ended twice": (
        """insert into public.told (what, instance, generation, seq) select what, instance, generation, seq
        from public.told where what = 'step ended' limit 1""", "ended 2 times",
    ),
    "a step is journaled twice": (
        """insert into wf.step (instance, generation, seq, kind, name, count, status, attempt, lost, started_rev, rev,
        started_at) select instance, generation, seq + 100, kind, name, count, 'complete', 1, 0, 1, 1, started_at
        from wf.step where seq = 1""", "has 2 rows of",
    ),
    "run got another result": (
        "update public.receipt set body = body || '{\"reserve\": \"other\"}' where body ? 'reserve'",
        "saw another result of 'reserve'",
    ),
    "an instance did not end": (
        "update wf.instance set status = 'running', due_at = now() where workflow = 'chaos-nap'",
        "should be complete and is running",
    ),
    "a step did not end": (
        "update wf.step set status = 'running', ended_at = null where kind = 'sleep'", "is over, and its step",
    ),
    "an instance turned back": ("update wf.instance set rev = rev - 1", "instance turned back"),
    "half of a transaction of a user": ("delete from public.basket", "was committed without its basket"),
    "the other half": (
        "insert into public.basket (instance) values ('nobody')", "basket nobody was committed without its instance",
    ),
    "an attempt without an effect": (
        "update wf.step set attempt = attempt + 1 where kind = 'do'", "has had no effect in its last attempt",
    ),
}  # fmt: skip
"""How the journal may have been spoiled, and what the checker says of it."""


def doubled(found: Evidence) -> None:
    found.effects.append(next(effect for effect in found.effects if effect["what"] == "do"))


def unjustified(found: Evidence) -> None:
    effect = next(effect for effect in found.effects if effect["what"] == "do" and effect["attempt"] == 1)
    found.effects.append(effect | {"attempt": 2})


def missing(found: Evidence) -> None:
    found.effects.remove(next(effect for effect in found.effects if effect["what"] == "do"))


def unknown(found: Evidence) -> None:
    found.effects.append(found.effects[0] | {"step": "steal"})


def not_undone(found: Evidence) -> None:
    found.effects.remove(next(effect for effect in found.effects if effect["what"] == "undo"))


def undone_in_disorder(found: Evidence) -> None:
    first = next(effect for effect in found.effects if effect["what"] == "undo")
    first["at"] += 1_000


LOGS: dict[Callable[[Evidence], None], str] = {
    doubled: "ran 2 times as attempt 1", unjustified: "ran as attempt 2, and the journal has counted 1",
    missing: "has had no effect in its last attempt", unknown: "had an effect and is not in the journal",
    not_undone: "was not undone", undone_in_disorder: "was undone in the order",
}  # fmt: skip
"""The same with the log of effects."""


@pytest.fixture(scope="module")
def calm() -> Iterator[Deployment]:
    """Some users have come, nothing was broken, and all is done."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="wf-chaos-"))
        deployment = stack.enter_context(Deployment(Path(folder), workers=1, **QUICK))
        users = stack.enter_context(closing(Users(deployment, seed=9, rate=8)))
        users.come(16)
        users.start(0)
        users.wait()
        assert wait_for_all(deployment)
        yield deployment


def evidence(deployment: Deployment, connection: psycopg.Connection[Any]) -> Evidence:
    return gather(connection, deployment.acks, deployment.ledger)


@pytest.mark.timeout(300)
def test_nothing_is_lost_in_a_minute_of_chaos() -> None:
    """Whatever was acknowledged is there, once, and has ended as it should; figures and picture tell of the rest."""
    with tempfile.TemporaryDirectory(prefix="wf-chaos-", ignore_cleanup_errors=True) as folder:
        report = run(Path(folder), seconds=SECONDS, seed=7, rate=1.5, **QUICK)
        assert report["wrong"] == []
        assert report["instances"] > 40
        assert len(report["deeds"]) > 5
        assert report["steps"]["do"] > 100
        assert report["effects_of_the_skewed"]
        assert (Path(folder) / "chaos.svg").read_text().startswith("<svg")
        assert json.loads((Path(folder) / "chaos.json").read_text())["instances"] == report["instances"]


@pytest.mark.timeout(240)
def test_the_checker_sees_what_is_wrong_and_nothing_else(calm: Deployment, subtests: pytest.Subtests) -> None:
    """Users of every kind came, and there is nothing to say; but there is of each journal and log that is spoiled.

    One test, because each process that runs a part of it would need a calm deployment of its own.
    """
    with psycopg.connect(calm.url) as connection:
        found = evidence(calm, connection)
        assert check(found) == []
        assert {row["workflow"] for row in found.instances.values()} == {"chaos-order", "chaos-nap", "chaos-basket"}
        assert {row["status"] for row in found.instances.values()} == {"complete", "errored", "terminated"}
        for name, (statement, said) in JOURNALS.items():
            with subtests.test(name):
                connection.execute(statement)
                wrong = check(evidence(calm, connection))
                connection.rollback()
                assert any(said in sentence for sentence in wrong), wrong
        for spoil, said in LOGS.items():
            with subtests.test(spoil.__name__):
                found = evidence(calm, connection)
                spoil(found)
                wrong = check(found)
                assert any(said in sentence for sentence in wrong), wrong


def test_a_seed_says_what_is_broken() -> None:
    """The same seed gives the same deeds, another one others; each is known to the monkey, and none is left out."""
    first, again, other = (list(islice(plan(random.Random(n), WORKERS, Settings()), 30)) for n in (1, 1, 2))
    assert first == again != other
    names = {deed.what for deed in first}
    assert names == {*STORM, "stop_worker", "stop_beat"}
    assert all(hasattr(Monkey, name) for name in names)


@pytest.mark.timeout(240)
def test_an_error_ends_the_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the monkey does not know what to do, nobody goes on for an hour."""
    monkeypatch.setattr("tests.chaos.run.plan", lambda *_: iter([Deed("dance", 0.1)]))
    with tempfile.TemporaryDirectory(prefix="wf-chaos-") as folder, pytest.raises(AttributeError, match="dance"):
        run(Path(folder), seconds=3_600, seed=1, rate=1, **QUICK)


@pytest.mark.timeout(240)
def test_errors_of_users_and_deaths_of_workers_are_seen() -> None:
    """A user who gets another answer than an outage tells of it; so does the deployment of a worker that has ended."""
    with tempfile.TemporaryDirectory(prefix="wf-chaos-") as folder, Deployment(Path(folder), 1, **QUICK) as deployment:
        with psycopg.connect(deployment.url) as connection:
            connection.execute("drop table public.basket")
        with closing(Users(deployment, seed=1, rate=1)) as users:
            users.burst()
            users.start(0)
            wait_until(lambda: users.error, 10)
            with pytest.raises(psycopg.errors.UndefinedTable):
                users.check()
        deployment.supervise()
        deployment.workers[0].kill()
        with pytest.raises(UnaskedDeath, match="has ended by itself"):
            deployment.supervise()
