"""What must hold after every statement of anybody, read from the journal itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from wf.settings import Settings

ENDED = {"complete", "errored", "cancelled"}
TERMINAL = {"complete", "errored", "terminated"}

LOOK = """
select json_build_object(
  'instance', (select row_to_json(i) from (
    select key, status, generation, rev, seq, inbox, due_at, created_at from wf.instance
  ) i),
  'steps', coalesce((select json_agg(s) from (
    select generation, seq, kind, name, count, status, attempt, lost, lease, rev, started_rev,
      md5(output) as output, md5(error) as error
    from wf.step order by generation, seq
  ) s), '[]'),
  'events', coalesce((select json_agg(e) from (
    select id, type, event_id, consumed_by from wf.event order by id
  ) e), '[]'),
  'booked', (select count(*) from public.booking)
)
"""

BOOKS = "book"
"""How the names of transactions begin that write a row each."""


class Broken(AssertionError):
    """Something does not hold that always must."""


class Watch:
    """Looks at the journal of one instance, again and again.

    Args:
        settings: Where it is.
    """

    def __init__(self, settings: Settings) -> None:
        self._connection = psycopg.connect(settings.database_url, autocommit=True)
        self._connection.execute("create table if not exists public.booking (what text)")
        self._last: dict[str, Any] = {}
        self.accepted = 0

    def begin(self) -> None:
        """A new journal."""
        self._connection.execute("truncate public.booking")
        self._last, self.accepted = {}, 0

    def look(self) -> dict[str, Any]:
        """Check what holds now, and what has changed since the last look.

        Raises:
            Broken: Something does not hold.
        """
        row = self._connection.execute(LOOK).fetchone()
        assert row is not None, "a select without from has a row"
        now: dict[str, Any] = row[0]
        instance = now["instance"]
        if instance is not None:
            self._check_now(instance, now["steps"])
            if self._last:
                self._check_change(self._last["instance"], instance)
                self._check_booked(self._last, now)
                if self._last["instance"]["generation"] == instance["generation"]:
                    self._check_steps(self._last["steps"], now["steps"], instance["generation"])
                    self._check_events(self._last["events"], now["events"])
            self._last = now
        return now

    def _check_now(self, instance: dict[str, Any], steps: list[dict[str, Any]]) -> None:
        waits = instance["status"] not in TERMINAL and instance["status"] != "paused"
        self._hold(waits == (instance["due_at"] is not None), f"a {instance['status']} instance is due", instance)
        current = [step for step in steps if step["generation"] == instance["generation"]]
        keys = [(step["kind"], step["name"], step["count"]) for step in current]
        self._hold(len(keys) == len(set(keys)), "each step has one row", current)
        for step in current:
            self._hold((step["lease"] is not None) == (step["status"] == "running"), "who runs has a lease", step)
            self._hold(step["rev"] <= instance["rev"], "no fact is newer than its instance", step)
        if instance["status"] in ("complete", "errored"):
            self._hold(all(step["status"] in ENDED for step in current), "nothing is open at the end", current)

    def _check_change(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        self._hold(after["rev"] >= before["rev"], "rev never falls", [before, after])
        self._hold(after["generation"] >= before["generation"], "generation never falls", [before, after])
        self._hold(
            before["seq"] == after["seq"] or after["rev"] > before["rev"], "new rows have new revs", [before, after]
        )
        same = before["generation"] == after["generation"]
        ended = before["status"] in TERMINAL
        self._hold(not (same and ended) or after["status"] == before["status"], "the end is the end", [before, after])

    def _check_steps(self, before: list[dict[str, Any]], after: list[dict[str, Any]], generation: int) -> None:
        now = {(step["generation"], step["seq"]): step for step in after}
        for step in before:
            if step["generation"] != generation:  # those of before a restart are removed
                continue
            found = now.get((step["generation"], step["seq"]))
            self._hold(found is not None, "no row is lost", step)
            assert found is not None, "held above"
            if step["status"] in ENDED:
                kept = all(found[name] == step[name] for name in ("status", "output", "error", "attempt", "rev"))
                self._hold(kept, "a journaled end never changes", [step, found])
            self._hold(found["attempt"] >= step["attempt"], "attempts are never uncounted", [step, found])

    def _check_events(self, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
        now = {event["id"]: event for event in after}
        for event in before:
            found = now.get(event["id"])
            self._hold(found is not None, "no event is lost", event)
            assert found is not None, "held above"
            if event["consumed_by"] is not None:
                self._hold(found["consumed_by"] == event["consumed_by"], "an event is consumed once", [event, found])
        takers = [event["consumed_by"] for event in after if event["consumed_by"] is not None]
        self._hold(len(takers) == len(set(takers)), "a wait takes one event", after)

    def _check_booked(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        """A transaction writes its row when its step ends well, in the same moment, and at no other."""
        generation = after["instance"]["generation"]
        rows = after["booked"] - before["booked"]
        same = generation == before["instance"]["generation"]
        ended = _booked(after, generation) - (_booked(before, generation) if same else 0)
        self._hold(rows == ended, "each transaction that ended well has written its row, once", [before, after])

    def _hold(self, holds: bool, what: str, facts: Any) -> None:
        if not holds:
            raise Broken(f"{what}, and here it does not: {json.dumps(facts, default=str)}")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _booked(facts: dict[str, Any], generation: int) -> int:
    """How many transactions have ended well."""
    current = [step for step in facts["steps"] if step["generation"] == generation]
    return sum(step["name"].startswith(BOOKS) and step["status"] == "complete" for step in current)
