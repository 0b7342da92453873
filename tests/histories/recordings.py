"""Journals as files: a JSON document on each line."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

FOLDER = Path(__file__).parent
REVISIONS = sorted(path.stem for path in FOLDER.glob("*.jsonl"))
"""Those of which there are recordings."""

APP_TABLE = "create table public.history (id text, what text, primary key (id, what))"
"""The app's own, into which a workflow writes."""

_LEASE = re.compile(r'"lease":"([0-9a-f-]{36})"')
_WORKER = re.compile(r'"worker":"[^"]+"')
_PATH = re.compile(r'(File \\+")/[^"]*?/(?=tests/|wf/|lib/python)')


@dataclass
class Recording:
    """A journal, and what was told of it.

    Attributes:
        revision: Of its schema.
        now: When it was recorded, in seconds since the epoch.
        rows: Tables and their rows.
        feeds: What the feed told of each instance: number, type and step of each event.
    """

    revision: str
    now: float
    rows: list[tuple[str, dict[str, Any]]]
    feeds: dict[str, list[Any]]

    @classmethod
    def read(cls, revision: str) -> Recording:
        """That of a revision of the schema."""
        return cls.parse((FOLDER / f"{revision}.jsonl").read_text().splitlines())

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Recording:
        """What `lines` has written."""
        head, *others = map(json.loads, lines)
        rows = [(table, row) for what, table, row in others if what == "row"]
        return cls(**head, rows=rows, feeds={id: told for what, id, told in others if what == "feed"})

    def lines(self) -> Iterator[str]:
        """As text; what is another one each time, or on each machine, is replaced."""
        yield _json({"revision": self.revision, "now": self.now})
        leases: dict[str, str] = {}
        numbers = itertools.count(1)
        for table, row in self.rows:
            text = _WORKER.sub('"worker":"host:1"', _json(["row", table, row]))
            text = _LEASE.sub(lambda found: _lease(found, leases, numbers), text)
            yield _PATH.sub(r"\1/app/", text)
        for id, told in self.feeds.items():
            yield _json(["feed", id, told])

    def load(self, database_url: str, change: Callable[[str, dict[str, Any]], object] = lambda *_: None) -> None:
        """Write its rows into a database that has its schema.

        Args:
            database_url: Where.
            change: Called with each table and row; it may change them.
        """
        with psycopg.connect(database_url) as connection:
            connection.execute(APP_TABLE)
            for name, recorded in self.rows:
                change(name, row := dict(recorded))
                table = sql.Identifier("public" if name == "history" else "wf", name)
                connection.execute(_INSERT.format(table), [json.dumps(row)])
            for name, column in connection.execute(_COUNTED).fetchall():
                which = f"wf.{name}", column, sql.Identifier(column), sql.Identifier("wf", name)
                connection.execute(_GO_ON.format(*which))


_INSERT = sql.SQL("insert into {0} overriding system value select * from json_populate_record(null::{0}, %s)")

_COUNTED = (
    "select table_name, column_name from information_schema.columns where table_schema = 'wf' and is_identity = 'YES'"
)

_GO_ON = sql.SQL("select setval(pg_get_serial_sequence({}, {}), coalesce(max({}), 0) + 1, false) from {}")

_TABLES = """
select c.relname, array_agg(a.attname order by a.attnum) from pg_index i
join pg_class c on c.oid = i.indrelid join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
where i.indisprimary and c.relnamespace in ('wf'::regnamespace, 'public'::regnamespace)
and c.relname not in ('alembic_version', 'metric')  -- counts are no history, and written now and then
group by 1 order by 1
"""


def read_rows(database_url: str) -> list[tuple[str, dict[str, Any]]]:
    """All rows of the journal and of the app's table; bytes as Postgres's `escape` format writes them."""
    rows = []
    with psycopg.connect(database_url) as connection:
        connection.execute("set bytea_output = 'escape'; set timezone = 'UTC'; set search_path = wf, public")
        for table, keys in connection.execute(_TABLES).fetchall():
            order = sql.SQL(", ").join(map(sql.Identifier, keys))
            query = sql.SQL("select row_to_json(t) from {} t order by {}").format(sql.Identifier(table), order)
            rows += [(table, row) for (row,) in connection.execute(query).fetchall()]
    return rows


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _lease(found: re.Match[str], leases: dict[str, str], numbers: Iterator[int]) -> str:
    lease = leases.setdefault(found.group(1), f"00000000-0000-4000-8000-{next(numbers):012}")
    return f'"lease":"{lease}"'
