"""What the doctor finds wrong with servers and settings, each thing provoked for real; and that it always ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import Rig
from tests.support.doctor import Examined, staff
from tests.support.errands import Errand
from wf.clock import ManualClock
from wf.doctor import Check, Level, Subject, examine, rounds, variables
from wf.errors import JournalUnavailable
from wf.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.dev.servers import Valkey
    from wf.doctor import Finding


EVERYTHING = {
    "alarm", "clock", "connections", "events", "instances", "jobs", "limits", "locks", "nudged", "pooler", "postgres",
    "queues", "redis", "redis keys", "redis memory", "redis writes", "replay", "restarts", "retention", "rights",
    "schedules", "schema", "settings", "size", "transactions", "variables", "versions", "workers", "writes",
}  # fmt: skip
"""Checks that say that all is well."""


@pytest.fixture
def examined(rig: Rig) -> Iterator[Examined]:
    """All is well, until the test comes."""
    rig.workers[0].catalog.register(Errand)
    staff(rig)
    made = Examined(rig)
    yield made
    made.close()


@pytest.fixture
def own(own_redis_settings: Settings) -> Iterator[Rig]:
    """The same, with a Redis of its own."""
    with Rig(own_redis_settings) as rig:
        rig.workers[0].catalog.register(Errand)
        staff(rig)
        yield rig


def test_when_all_is_well_nothing_is_wrong(rig: Rig, examined: Examined) -> None:
    """Neither before anything has run nor with instances that run as they should; every check says something."""
    assert examined.wrong() == {}
    for id, doing in (("done", ""), ("sleeps", "sleep"), ("waits", "wait")):
        rig.create(Errand, id, {"do": doing})
    rig.settle()
    found = examined.findings()
    assert {finding.check for finding in found if finding.level != Level.OK} == {"settings of postgres"}  # fsync is off
    assert {finding.check for finding in found} >= EVERYTHING
    assert len(examined.findings(quick=True)) < len(found)


def test_without_redis_the_rest_is_looked_at(own: Rig, own_redis: Valkey) -> None:
    """It is said once that Redis is away, what could not be asked, and what is so all the same."""
    examined = Examined(own)
    assert examined.wrong() == {}
    own_redis.stop()
    assert examined.wrong().keys() == {"redis"}
    assert "redis memory" in examined.notes()["left out"].what
    assert {"schema", "workers", "alarm"} <= {finding.check for finding in examined.findings(Level.OK)}
    examined.close()


@pytest.mark.parametrize(
    "url", ["postgresql://127.0.0.1:1/x", "postgresql://no.such.host.invalid/x", "", "mysql://x/y"]
)
def test_without_postgres_the_rest_is_looked_at(rig: Rig, url: str) -> None:
    """It is said once that Postgres is away, within seconds."""
    examined, began = Examined(rig, settings=rig.settings.model_copy(update={"database_url": url})), time.monotonic()
    assert examined.wrong().keys() == {"postgres"}
    assert "schema" in examined.notes()["left out"].what
    assert "redis memory" in {finding.check for finding in examined.findings(Level.OK)}
    assert time.monotonic() - began < 9


@pytest.mark.parametrize(("ahead", "word"), [(5, "ahead of"), (-5, "behind")])
def test_a_clock_that_is_wrong_is_told_of(rig: Rig, ahead: float, word: str) -> None:
    """This machine differs from both servers."""
    staff(rig)
    examined = Examined(rig, wall=ManualClock(time.time() + ahead).now)
    skewed = [finding for finding in examined.findings(Level.WRONG) if finding.check == "clock"]
    assert [finding.facts["server"] for finding in skewed] == ["Postgres", "Redis"]
    assert all(word in finding.what for finding in skewed)
    examined.close()


@pytest.mark.parametrize(
    ("version", "remedy"), [("'0001'", "Run `wf migrate`."), ("'9999'", "Install the release that fits.")]
)
def test_a_schema_that_does_not_fit_is_told_with_what_mends_it(
    rig: Rig, examined: Examined, version: str, remedy: str
) -> None:
    """And the journal is not looked into."""
    rig.sql(f"update wf.alembic_version set version_num = {version}")
    assert examined.wrong().keys() == {"schema"}
    assert examined.wrong()["schema"].remedy == remedy
    assert "instances" in examined.notes()["left out"].what


def test_an_empty_database_lacks_the_schema(empty_database_url: str, redis_url: str) -> None:
    """It says which command makes it."""
    subject = Subject(Settings(database_url=empty_database_url, redis_url=redis_url))
    found = [finding for finding in report(subject) if finding.level == Level.WRONG]
    assert [(finding.check, finding.remedy) for finding in found] == [("schema", "Run `wf migrate` once.")]
    subject.close()


def report(subject: Subject) -> list[Finding]:
    from wf.doctor import lanes  # noqa: PLC0415  (the others use `Examined`)

    return list(examine(subject, lanes()).findings)


def test_variables_that_nobody_reads_are_told_of(rig: Rig) -> None:
    """With the one that was meant, if it is near; others are a note."""
    staff(rig)
    environ = {"WF_LAESE": "3", "WF_LEASE": "30", "WF_COLOUR_OF_THE_SHOP": "red", "PATH": "/", "WF_API_PORT": "1"}
    examined = Examined(rig, environ=environ)
    assert examined.wrong().keys() == {"variables"}
    assert examined.wrong()["variables"].remedy == "Did you mean WF_LEASE?"
    assert examined.notes()["variables"].facts == {"name": "WF_COLOUR_OF_THE_SHOP"}
    examined.close()


@pytest.mark.parametrize(
    "given",
    [
        {"lease": 1, "stop_tick": 0.5}, {"lease": 0.5, "stop_tick": 0.1, "alarm_tick": 0.1}, {"renudge": 0.5},
        {"alarm_tick": 40, "renudge": 50}, {"max_payload": 10, "max_state": 9},
        {"workflow_creation_rate": 2, "creation_rate": 1}, {"api_url": "http://h/", "api_token": "t"},
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other_are_wrong(given: dict[str, Any]) -> None:
    """Each pair is told once, with what to set."""
    found = list(variables.settings(Subject(Settings(**given))))
    assert [finding.level for finding in found] == [Level.WRONG]
    assert found[0].remedy


def test_settings_that_fit_are_well() -> None:
    """The defaults do, and tokens may go to this machine, or by https, without another word."""
    for given in (
        {},
        {"api_url": "http://127.0.0.1:8000", "api_token": "t"},
        {"api_url": "https://h", "api_token": "t"},
    ):
        assert [finding.level for finding in variables.settings(Subject(Settings(**given)))] == [Level.OK]


def test_a_check_that_fails_or_hangs_is_a_finding(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are made; a gate that finds something wrong ends its own lane alone."""
    monkeypatch.setattr(rounds, "EACH", 0.2)

    def breaks(_: Subject) -> Iterator[Finding]:
        raise RuntimeError("a fault of ours")

    def refuses(_: Subject) -> Iterator[Finding]:
        raise JournalUnavailable("gone")

    def hangs(_: Subject) -> Iterator[Finding]:
        time.sleep(2)
        yield from ()

    def works(_: Subject) -> Iterator[Finding]:
        yield from variables.settings(Subject(Settings()))

    checks = [Check("breaks", breaks), Check("refuses", refuses), Check("hangs", hangs), Check("works", works)]
    gated = [Check("shut", refuses, gate=True), Check("behind", works)]
    found = {finding.check: finding for finding in examine(Subject(rig.settings), [checks, gated]).findings}
    assert found.keys() == {"breaks", "refuses", "hangs", "settings", "shut", "left out"}
    assert "report" in found["breaks"].remedy
    assert "gone" in found["refuses"].what
    assert "within 0.2 s" in found["hangs"].what or "within 200 ms" in found["hangs"].what
    assert found["left out"].facts == {"checks": ["behind"]}
    monkeypatch.setattr(rounds, "LANE", -1.0)
    assert [finding.check for finding in examine(Subject(rig.settings), [checks]).findings] == ["left out"]
