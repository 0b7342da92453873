"""A commit as a statement: which parts it needs, and the values that go with them."""

from __future__ import annotations

import json
from base64 import b64encode
from functools import cache
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg.types.json import Jsonb
from psycopg.types.numeric import Int8

from wf.plain import hidden
from wf.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from wf.cipher import Cipher
    from wf.facts import Commit, End, StepRow

_ROW: tuple[tuple[str, str], ...] = (
    ("seq", "integer"), ("kind", "text"), ("name", "text"), ("count", "integer"), ("status", "text"),
    ("config", "jsonb"), ("attempt", "integer"), ("lost", "integer"), ("lease", "uuid"), ("output", "bytea"),
    ("error", "bytea"), ("wake_at", "float8"), ("ended_at", "float8"), ("rev", "bigint"), ("failure", "bytea"),
)  # fmt: skip

ROWS_MAX = 500
"""Rows in one commit, so that none takes long."""

FEW = 2
"""Rows that a commit hands over as VALUES: the quickest way, but one plan for each pattern of types in them."""

_NAMES = [[f"{name}_{n}" for name, _ in _ROW] for n in range(FEW)]
"""Of their parameters, row by row; made once, because this is the hot path."""

_OPTIONAL = ("commit_failures", "commit_events", "commit_end", "commit_freed")
"""Parts that follow the rows, in the order in which they lock."""


def statement(commit: Commit, cipher: Cipher | None) -> tuple[LiteralString, dict[str, Any]]:
    """The statement of a commit, and its parameters but for `worker` and `now`.

    Args:
        commit: What to write.
        cipher: Seals what does not go as bytes of its own.
    """
    params: dict[str, Any] = {
        "key": commit.key, "generation": commit.generation, "rev": commit.rev, "rev_after": commit.rev_after,
        "seq": commit.seq, "status": commit.status, "at": commit.at, "due_at": commit.due_at,
        "started_at": commit.started_at, "keep_from": commit.keep_from, "taken": len(commit.events),
        "bytes": Int8(commit.size),  # always of this type, or there would be a plan for each magnitude
        "ended_at": None, "keep": commit.keep, "restart_at": None, "restart_from_start": False, "last_rev": None,
        "ends_as": None,
    }  # fmt: skip
    parts = set()
    if commit.moves:
        parts.add("commit_moved")
    if commit.events:
        parts.add("commit_events")
        params["events"] = [event for event, _ in commit.events]
        params["takers"] = [seq for _, seq in commit.events]
    if commit.end is not None:
        parts.add("commit_end")
        params |= _end(commit, commit.end, cipher)
    if commit.frees_slot:
        parts.add("commit_freed")
    if failed := [row for row in commit.rows if row.failure is not None]:
        parts.add("commit_failures")
        params["failed_at"] = failed[0].failed_at or commit.at  # there is one at most: what this task has run
    params |= _rows(commit.rows, None if cipher is None else cipher.seal)
    return _sql(min(len(commit.rows), FEW + 1), frozenset(parts)), params


def _end(commit: Commit, end: End, cipher: Cipher | None) -> dict[str, Any]:
    return {
        "ended_at": None if end.rolls_back else commit.at, "restart_at": end.restart_at,
        "ends_as": "errored" if end.rolls_back else None,
        "rollback": Jsonb(hidden(end.rollback, cipher)) if end.rollback is not None else None,
        "restart_from_start": end.restart_from_start, "last_rev": end.last_rev,
        "output": end.output, "error": end.error,
        "warnings": Jsonb(end.warnings) if end.warnings else None, "seqs": [row.seq for row in commit.rows],
    }  # fmt: skip


@cache
def _sql(rows: int, parts: frozenset[str]) -> LiteralString:
    """The text; what is not needed is left out, because Postgres would plan it.

    Args:
        rows: How many there are; whatever is more than `FEW` is the same.
        parts: Names of the parts that are needed.
    """
    named = statements()
    unconsumed = named["commit_unconsumed"] if "commit_events" in parts else ""
    texts = [named["commit_fence"], unconsumed, named["commit_fenced"]]
    if "commit_moved" in parts:
        texts.append(named["commit_moved"])
    if rows:
        values = named["commit_many"] if rows > FEW else _values_sql(rows)
        texts.append(named["commit_rows"].replace("/* rows */", values))
    texts += [named[part] for part in _OPTIONAL if part in parts]
    return "\n".join([*texts, named["commit_close"]])


def _values_sql(rows: int) -> LiteralString:
    return "values " + ", ".join(
        "(" + ", ".join(f"%({name}_{n})s" + (f"::{kind}" if n == 0 else "") for name, kind in _ROW) + ")"
        for n in range(rows)
    )


def _rows(rows: list[StepRow], seal: Callable[[bytes], bytes] | None) -> dict[str, Any]:
    if len(rows) > FEW:
        return {"rows": _json(rows, seal)}
    params: dict[str, Any] = {}
    for names, row in zip(_NAMES, rows, strict=False):
        params.update(zip(names, _values(row), strict=True))
    return params


def _values(row: StepRow) -> tuple[Any, ...]:
    config = Jsonb(row.config) if row.config is not None else None
    return (
        row.seq, row.key.kind, row.key.name, row.key.count, row.status, config, row.attempt, row.lost, row.lease,
        row.output, row.error, row.wake_at, row.ended_at, row.rev, row.failure,
    )  # fmt: skip


def _json(rows: list[StepRow], seal: Callable[[bytes], bytes] | None) -> str:
    """The parameter of `commit_many`. It is a text, so the database's own sealing does not see the bytes in it."""

    def as_json(value: Jsonb | UUID | bytes) -> Any:
        if isinstance(value, Jsonb):
            return value.obj
        if isinstance(value, bytes):
            return b64encode(value if seal is None else seal(value)).decode()
        return value.hex

    names = [name for name, _ in _ROW]
    return json.dumps([dict(zip(names, _values(row), strict=True)) for row in rows], default=as_json)
