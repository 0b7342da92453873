"""Upgrades: journals of earlier releases, with instances in flight, under today's schema and today's code."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from alembic.script import ScriptDirectory

from tests.histories import workflows
from tests.histories.record import find, record, told
from tests.histories.recordings import FOLDER, REVISIONS, Recording
from tests.histories.stories import STORIES
from tests.histories.upgrading import finish, make_schema, rig_at
from tests.histories.values import RefusedError
from tests.support import Rig
from tests.support.cli import Shell
from wf.migrations import _config, head, migrate
from wf.replaying import replay_check
from wf.replayreport import ReplayCheckFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.settings import Settings

TODAY = "of today"

COLUMNS = """
select table_name, column_name, data_type, is_nullable = 'YES' or column_default is not null or is_identity = 'YES'
from information_schema.columns where table_schema = 'wf'
"""

RULES = """
select relname, pg_get_constraintdef(c.oid) from pg_constraint c join pg_class t on t.oid = c.conrelid
where connamespace = 'wf'::regnamespace and contype <> 'n'
union all
select tablename, indexdef from pg_indexes where schemaname = 'wf' and indexdef like 'CREATE UNIQUE%'
"""


@pytest.fixture(params=[*REVISIONS, TODAY])
def recording(request: pytest.FixtureRequest, settings: Settings) -> Recording:
    """That of each revision, and one that is made now."""
    if request.param != TODAY:
        return Recording.read(request.param)
    with Rig(settings) as rig:
        return Recording.parse(list(record(rig).lines()))


@pytest.fixture
def old(settings: Settings, empty_database_url: str) -> Settings:
    """Settings with a database that is still empty."""
    return settings.model_copy(update={"database_url": empty_database_url})


@pytest.fixture
def upgraded(old: Settings, recording: Recording) -> Iterator[Rig]:
    """Today's workers on the journal of the recording, whose schema has been brought up to date."""
    make_schema(old.database_url, recording.revision)
    recording.load(old.database_url)
    migrate(old.database_url)
    with rig_at(old, recording) as rig:
        yield rig


def test_each_revision_is_recorded() -> None:
    """Who adds a migration records the release before it first; how, tells the docstring of tests.histories."""
    revisions = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    assert set(REVISIONS) == revisions


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_recording_knows_no_machine(revision: str) -> None:
    """It is small, and tells no path, host or process of where it was made."""
    text = (FOLDER / f"{revision}.jsonl").read_text()
    assert len(text.encode()) < 200_000
    assert json.loads(text.splitlines()[0])["revision"] == revision
    assert set(re.findall(r'File \\+"([^"]*?/)(?=tests/)', text)) == {"/app/"}
    assert re.findall(r'"/(?!app/)[^"]*', text) == []
    assert set(re.findall(r'"worker":"([^"]*)"', text)) == {"host:1"}


def test_a_journal_is_understood(upgraded: Rig, recording: Recording) -> None:
    """Before anybody goes on with it: `run` asks for what it asked for then, and readers see what they saw then."""
    replays(upgraded)
    for cls in workflows.CLASSES:
        listed = {entry.id: entry.status for entry in upgraded.client.workflow(cls).list()}
        for story in (story for story in STORIES if story.cls is cls):
            instance = find(upgraded, story)
            described: Any = instance.describe()
            assert (listed.pop(instance.id), described.status) == (story.recorded, story.recorded)
            assert bool(described.steps) == (story.recorded != "queued")
            assert told(instance) == recording.feeds[story.id], story.id
        assert listed == {}
    with pytest.raises(RefusedError, match="order 7 refused") as caught:
        upgraded.client.workflow(workflows.Refused).get("refused-ended").result(timeout=1)
    assert caught.value.order == 7, "an error has the class and the attributes that it had then"


def test_every_instance_comes_to_its_end(upgraded: Rig, recording: Recording) -> None:
    """To the right one; nothing that the journal holds is run again, and the feed goes on behind what it has told."""
    finish(upgraded)
    for story in STORIES:
        instance = find(upgraded, story)
        status = instance.status()
        error = None if status.error is None else status.error.name
        assert (status.status, status.output, error) == (story.status, story.output, story.error), story.id
        ran = [name for id, name in workflows.ran if id == instance.id]
        assert sorted(ran) == sorted(story.rest), story.id
        assert instance.describe().warnings == [], story.id
        seen, now = recording.feeds[story.id], told(instance)
        if story.id != "restarted-after":  # a restart takes back what it begins anew
            assert now[: len(seen)] == seen, story.id
        last = list(instance.subscribe(cursor=seen[-1][0]))
        assert [event["eventId"] for event in last] == [number for number, *_ in now if number > seen[-1][0]], story.id
    assert upgraded.sql("select what from public.history order by what") == [("booked",), ("paid",)]
    replays(upgraded)


def replays(rig: Rig) -> None:
    """Today's code asks for every step that is in the journal."""
    report = replay_check(workflows.CLASSES, client=rig.client)
    report.raise_for_failures()
    assert (report.checked, report.skipped) == (len(STORIES), [])


@pytest.mark.parametrize("revision", REVISIONS)
def test_code_of_before_finds_what_it_knows(revision: str, old: Settings) -> None:
    """Workers of before go on under the new schema: it takes nothing from them, and demands no more."""
    make_schema(old.database_url, revision)
    with psycopg.connect(old.database_url, autocommit=True) as connection:
        before = set(connection.execute(COLUMNS).fetchall()), set(connection.execute(RULES).fetchall())
        migrate(old.database_url)
        after = set(connection.execute(COLUMNS).fetchall()), set(connection.execute(RULES).fetchall())
    assert before[0] <= after[0]
    tables = {table for table, *_ in before[0]}
    demanded = {(table, name) for table, name, _, may_be_left_out in after[0] - before[0] if not may_be_left_out}
    assert [column for column in demanded if column[0] in tables] == [], "their INSERTs leave new columns out"
    assert {rule for rule in after[1] if rule[0] in tables} == before[1], "their rows break no rule"


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_commands_upgrade_and_check(revision: str, old: Settings) -> None:
    """`wf migrate --check` refuses the old schema, `wf migrate` mends it, `wf replay-check` finds nothing."""
    shell, recording = Shell(old), Recording.read(revision)
    make_schema(old.database_url, revision)
    recording.load(old.database_url)
    if revision != head():
        for command in (["migrate", "--check"], ["replay-check"]):
            refused = shell(*command)
            assert (refused.exit_code > 0, "Run `wf migrate`." in refused.stderr) == (True, True), refused.output
    shell.text("migrate")
    shell.text("migrate", "--check")
    names = [option for cls in workflows.CLASSES for option in ("--workflow", cls.workflow_name)]
    assert shell.text("replay-check", *names) == f"✅ {len(STORIES)} checked, 0 do not replay.\n"


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_changed_journal_is_found(revision: str, old: Settings) -> None:
    """A step with another name in the recording does not fit the code: the check says which, and where they part."""

    def rename(table: str, row: dict[str, Any]) -> None:
        if table == "step" and row["name"] == "quick":
            row["name"] = "quack"

    make_schema(old.database_url, revision)
    Recording.read(revision).load(old.database_url, rename)
    migrate(old.database_url)
    with pytest.raises(ReplayCheckFailed, match=f"{len(STORIES)} checked, 1 do not replay") as caught:
        replay_check(workflows.CLASSES, database_url=old.database_url).raise_for_failures()
    (failure,) = caught.value.report.failures
    assert (failure.workflow, failure.id) == ("history-parallel", "parallel")
    assert 'do "quack" count 1' in failure.explanation
    assert 'do "quick" count 1  tests/histories/workflows.py:' in failure.explanation


def test_a_changed_value_is_found(old: Settings) -> None:
    """The end of an instance that is another one than the code comes to is shown, too."""

    def change(table: str, row: dict[str, Any]) -> None:
        if table == "step" and row["output"] == "\\0013":
            row["output"] = "\\0014"

    make_schema(old.database_url, REVISIONS[0])
    Recording.read(REVISIONS[0]).load(old.database_url, change)
    migrate(old.database_url)
    report = replay_check(workflows.CLASSES, database_url=old.database_url)
    assert [failure.id for failure in report.failures] == ["retry-ended"]
