"""Rows in the journal: any number of them, with whatever they hold, is written as it is."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from tests.support import START, Rig
from tests.support.commits import commit_of, instance_of, journal_of
from tests.support.errands import Errand
from wf.commits import FEW, ROWS_MAX
from wf.core import Key, Kind
from wf.facts import StepRow
from wf.faults import encode_error
from wf.status import StepStatus


def row_of_every_kind(seq: int) -> StepRow:
    """Rows with all that a row may hold, by turns."""
    row = StepRow(seq, Key(Kind.DO, f'naïve "{seq}" \\', seq), StepStatus.READY, seq)
    match seq % 4:
        case 0:
            row = replace(row, status=StepStatus.RUNNING, attempt=1, lease=uuid4(), wake_at=START + 0.123456)
        case 1:
            row = replace(row, status=StepStatus.COMPLETE, attempt=2, lost=1, output=bytes(range(256)), ended_at=START)
        case 2:
            fault = encode_error(KeyError(seq))
            row = replace(row, status=StepStatus.ERRORED, attempt=1, error=fault, failure=fault, ended_at=START)
        case _:
            row = replace(row, config={"timeout": 1.5, "n": [None, True, "ü\n"]}, wake_at=START + seq)
    return row


@pytest.mark.parametrize("size", [1, FEW, FEW + 1, 9, ROWS_MAX])
def test_any_number_of_rows_is_written_as_it_is(rig: Rig, size: int) -> None:
    """Few rows and many go to Postgres in different ways, and come back the same; as do changes to them."""
    rig.create(Errand)
    for _ in range(2):
        rows = [row_of_every_kind(seq) for seq in range(1, size + 1)]
        failures = [(row.seq, row.failure) for row in rows if row.failure is not None]
        commit = commit_of(instance_of(rig), *rows)
        rig.sql("delete from wf.attempt")
        assert journal_of(rig).commit(commit)
        found = journal_of(rig).load(commit.key)
        assert found is not None
        assert sorted(found.rows, key=lambda row: row.seq) == [replace(row, failure=None) for row in rows]
        assert rig.sql("select seq, error from wf.attempt order by seq") == failures


def test_commits_of_many_rows_are_one_statement_to_postgres(rig: Rig) -> None:
    """Fan-outs of all sizes share one prepared statement, so that none is left behind for each size."""
    rig.create(Errand)
    for size in range(FEW + 1, FEW + 20):
        rows = [row_of_every_kind(seq) for seq in range(3, size + 3) if seq % 4 != 2]
        assert journal_of(rig).commit(commit_of(instance_of(rig), *rows))
    query = "select count(*) from pg_prepared_statements where statement like '%json_to_recordset%'"
    assert journal_of(rig).database.rows(query) == [(1,)]
