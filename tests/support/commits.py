"""Commits made by hand, for tests of the journal itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.support.rig import START, Rig
from wf.facts import Commit, InstanceRow, StepRow

if TYPE_CHECKING:
    from wf.journal import Journal


def journal_of(rig: Rig) -> Journal:
    """The journal of the rig's first worker."""
    return rig.workers[0].journal


def instance_of(rig: Rig) -> InstanceRow:
    """The hot row of the only instance."""
    found = journal_of(rig).load(rig.sql("select key from wf.instance")[0][0])
    assert found is not None
    return found.instance


def commit_of(instance: InstanceRow, *rows: StepRow, **changes: Any) -> Commit:
    """A commit that begins where the instance is."""
    commit = Commit(
        key=instance.key,
        generation=instance.generation,
        rev=instance.rev,
        rev_after=instance.rev + max(len(rows), 1),
        seq=len(rows),
        status="running",
        at=START,
        due_at=START + 60,
        keep_from=START + 60,
        rows=list(rows),
    )
    return replace(commit, **changes)
