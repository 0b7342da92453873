"""The ledger of the external API: what it was asked, and what it did.

"Exactly once" is a statement about effects, not about requests. A caller whose answer got lost cannot know whether its
request was applied, so it has to ask again, and requests arrive any number of times. Each carries an idempotency key,
the same on every attempt of one step. The ledger applies a key once, keeps the answer in the same transaction as the
effect, and gives that answer to every repeat.

Nothing else stands in the way of a duplicate. Effects are appended and counted by what they did (this report created,
that file stored), never by their key: a caller that repeats itself under a new key is found out, as a count of two.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS request (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, key TEXT NOT NULL, pid INTEGER NOT NULL, action TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('applied', 'replayed', 'refused')),
    fault TEXT NOT NULL  -- '', 'slow', 'held', 'error before', 'error after', 'outage'; 'caller': its own fault
);
CREATE INDEX IF NOT EXISTS request_key ON request (key);
CREATE TABLE IF NOT EXISTS answer (key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS effect (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, action TEXT NOT NULL, report TEXT NOT NULL, reference TEXT NOT NULL,
    file TEXT NOT NULL, detail TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS effect_report ON effect (report);
"""
CREATE, UPLOAD, DESCRIBE, FINALIZE = "create report", "upload file", "attach metadata", "finalize report"


class RefusedError(Exception):
    """The request asks for something impossible; repeating it will not help."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Order(NamedTuple):
    """One request, as the ledger sees it."""

    key: str
    pid: int
    action: str
    report: str
    file: str
    body: bytes

    @property
    def fingerprint(self) -> str:
        """The same for two requests exactly if they ask for the same."""
        return sha256(f"{self.action}\0{self.report}\0{self.file}\0".encode() + self.body).hexdigest()


class Ledger:
    """Writes and reads the ledger; one instance a process, used from one thread."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def seen(self, key: str) -> int:
        """How many requests with this key were received so far."""
        return int(self._db.execute("SELECT count(*) FROM request WHERE key = ?", [key]).fetchone()[0])

    def refuse(self, order: Order, fault: str) -> None:
        """Note that the request was turned away without any effect."""
        self._note(order, "refused", fault)

    def apply(self, order: Order, fault: str) -> dict[str, Any]:
        """Apply the request, or give the stored answer if its key was applied before; both in one transaction.

        Raises:
            RefusedError: The request is impossible, or its key was used for something else.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            outcome, answer = self._once(order)
            self._note(order, outcome, fault)
        except BaseException:  # half a request must not stay, whatever interrupted it
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return answer

    def summary(self) -> dict[str, Any]:
        """What happened, as JSON: effects of each report by reference, and what became of the requests."""
        reports: dict[str, dict[str, Any]] = {}
        for row in self._db.execute("SELECT * FROM effect ORDER BY id"):
            report = reports.setdefault(row["reference"], {"created": 0, "finalized": 0, "files": {}})
            if row["action"] == CREATE:
                report["created"] += 1
            elif row["action"] == FINALIZE:
                report["finalized"] += 1
            else:
                file = report["files"].setdefault(row["file"], {"stored": 0, "described": 0, "sha256": ""})
                file["stored" if row["action"] == UPLOAD else "described"] += 1
                file["sha256"] = json.loads(row["detail"])["sha256"]
        outcomes: Counter[str] = Counter()
        faults: Counter[str] = Counter()
        for row in self._db.execute("SELECT outcome, fault, count(*) AS n FROM request GROUP BY outcome, fault"):
            outcomes[row["outcome"]] += row["n"]
            faults[row["fault"]] += row["n"]
        del faults[""]
        return {"reports": reports, "requests": dict(outcomes), "faults": dict(faults)}

    def _note(self, order: Order, outcome: str, fault: str) -> None:
        self._db.execute(
            "INSERT INTO request (at, key, pid, action, outcome, fault) VALUES (?, ?, ?, ?, ?, ?)",
            [_now(), order.key, order.pid, order.action, outcome, fault],
        )

    def _once(self, order: Order) -> tuple[str, dict[str, Any]]:
        stored = self._db.execute("SELECT fingerprint, body FROM answer WHERE key = ?", [order.key]).fetchone()
        if stored is None:
            answer = self._effect(order)
            body = json.dumps(answer)
            self._db.execute("INSERT INTO answer VALUES (?, ?, ?)", [order.key, order.fingerprint, body])
            return "applied", answer
        if stored["fingerprint"] != order.fingerprint:
            raise RefusedError(422, f"The idempotency key {order.key!r} was used for another request.")
        return "replayed", dict(json.loads(stored["body"]))

    def _effect(self, order: Order) -> dict[str, Any]:
        at = _now()
        if order.action == CREATE:
            content = _json(order, "reference", "title", "officer")
            count = self._db.execute("SELECT count(*) FROM effect WHERE action = ?", [CREATE]).fetchone()[0]
            report, reference = f"R-{count + 1:04}", str(content["reference"])
            self._append(at, order, report, reference, content)
            return {"id": report, "reference": reference}
        row = self._db.execute(
            "SELECT reference FROM effect WHERE report = ? AND action = ?", [order.report, CREATE]
        ).fetchone()
        if row is None:
            raise RefusedError(404, f"There is no report {order.report!r}.")
        detail, answer = self._judge(order, at)
        self._append(at, order, order.report, row["reference"], detail)
        return answer

    def _judge(self, order: Order, at: str) -> tuple[Mapping[str, Any], dict[str, Any]]:
        if order.action == UPLOAD:
            facts = {"size": len(order.body), "sha256": sha256(order.body).hexdigest()}
            return facts, facts | {"stored_at": at}
        files = {row["file"]: json.loads(row["detail"]) for row in self._of(order.report, UPLOAD)}
        if order.action == DESCRIBE:
            metadata = _json(order, "size", "sha256", "uploaded_at")
            facts = files.get(order.file, {})
            if any(metadata[name] != facts.get(name) for name in ("size", "sha256")):
                raise RefusedError(409, f"{order.report} holds no file {order.file!r} with this metadata.")
            return metadata, {"file": order.file, "attached_at": at}
        approval = _json(order, "approved_by")
        if bare := sorted(files.keys() - {row["file"] for row in self._of(order.report, DESCRIBE)}):
            raise RefusedError(409, f"{order.report} cannot be finalized: no metadata for {', '.join(bare)}.")
        return approval, {"id": order.report, "files": len(files), "finalized_at": at}

    def _of(self, report: str, action: str) -> sqlite3.Cursor:
        return self._db.execute("SELECT file, detail FROM effect WHERE report = ? AND action = ?", [report, action])

    def _append(self, at: str, order: Order, report: str, reference: str, detail: Mapping[str, Any]) -> None:
        self._db.execute(
            "INSERT INTO effect (at, action, report, reference, file, detail) VALUES (?, ?, ?, ?, ?, ?)",
            [at, order.action, report, reference, order.file, json.dumps(detail)],
        )


def _json(order: Order, *names: str) -> dict[str, Any]:
    try:
        content = json.loads(order.body)
    except ValueError:
        raise RefusedError(400, f"The body of {order.action!r} is not JSON.") from None
    if not isinstance(content, dict) or (missing := [name for name in names if content.get(name) in (None, "")]):
        raise RefusedError(422, f"The body of {order.action!r} needs {', '.join(missing or names)}.")
    return content


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
