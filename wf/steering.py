"""Moving instances: events, pause, resume, terminate, restart, delete. `wf.lifecycle` says what is allowed when.

Each action looks at the instance, decides by the table, and writes fenced by the rev that it has seen; if something
moved in between it looks again. So the statements hold no rules, and see no half of anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.types.json import Jsonb

from wf.errors import InstanceFinished, InvalidTransition, JournalBusy, StepNotFound
from wf.facts import PendingEvent
from wf.leftovers import clear, shed
from wf.lifecycle import ACCEPTING, Action, Effect, effect
from wf.sql import statements
from wf.status import Status

if TYPE_CHECKING:
    from wf.catalog import Catalog
    from wf.core import Key
    from wf.settings import Settings
    from wf.transactions import Execute

TRIES = 50
"""Looks at an instance that moves on between look and write, before it is called busy."""

CUT_OFF = {"outcome": "failed", "error": {"name": "Terminated", "message": "Instance terminated during rollback"}}


class Standing(NamedTuple):
    """Where an instance stands.

    Attributes:
        started: Whether `run` has begun.
        compensable: Whether a step with a rollback has begun.
    """

    key: int
    status: str
    generation: int
    rev: int
    started: bool
    compensable: bool


class Moved(NamedTuple):
    """An instance that an action has moved, for the nudge that follows."""

    key: int
    generation: int
    rev: int
    status: str


class Accepted(NamedTuple):
    """An event that is in the journal.

    `event` is None if its sender had sent it before.
    """

    key: int
    generation: int
    rev: int
    event: PendingEvent | None


class Steering:
    """Acts on instances.

    Args:
        settings: How soon to look again, and how long to keep what has ended.
        catalog: Where instances are looked up.
    """

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self._settings, self._catalog = settings, catalog
        self._sql = statements()

    def accept(
        self,
        workflow: str,
        id: str,
        type: str,
        payload: bytes,
        event_id: str | None,
        *,
        due_in: float,
        execute: Execute,
    ) -> Accepted:
        """Write an event for an instance that has not ended.

        Raises:
            InstanceNotFound: There is no such instance.
            InstanceFinished: It has ended.
        """
        values = {
            "workflow": workflow, "id": id, "type": type, "payload": payload, "event_id": event_id, "due_in": due_in,
            "accepting": ACCEPTING, "now": self._now(),
        }  # fmt: skip
        if rows := execute(self._sql["event_accept"], values):
            event, key, generation, rev, at = rows[0]
            return Accepted(key, generation, rev, PendingEvent(event, type, payload, at))
        found = execute(self._sql["instance_key"], {"workflow": workflow, "id": id})
        if not found:
            raise self._catalog.missing(workflow, id)
        key, status, generation, rev, _ = found[0]
        if effect(Action.SEND_EVENT, status) is Effect.REFUSED:
            raise InstanceFinished(workflow, id, status)
        return Accepted(key, generation, rev, None)

    def pause(self, workflow: str, id: str, *, actor: str) -> Moved | None:
        """No attempt begins any more; those that run end first.

        Returns:
            None if the status makes it a wish without effect.

        Raises:
            InstanceNotFound: There is no such instance.
        """
        return self._act(Action.PAUSE, workflow, id, actor)

    def resume(self, workflow: str, id: str, *, actor: str) -> Moved | None:
        """Go on after a pause, or call it off.

        Returns:
            None if the status makes it a wish without effect.

        Raises:
            InstanceNotFound: There is no such instance.
        """
        return self._act(Action.RESUME, workflow, id, actor)

    def terminate(self, workflow: str, id: str, *, rollback: bool = False, actor: str) -> Moved | None:
        """Stop an instance for good.

        Args:
            workflow: Its workflow.
            id: Its id.
            rollback: Run the rollbacks of its steps first.
            actor: Who wants it.

        Raises:
            InstanceNotFound: There is no such instance.
            InvalidTransition: It has ended.
        """
        return self._act(Action.TERMINATE, workflow, id, actor, rollback=rollback)

    def restart(self, workflow: str, id: str, *, from_step: Key | None = None, actor: str) -> Moved | None:
        """Begin again, in whatever status it is.

        Args:
            workflow: Its workflow.
            id: Its id.
            from_step: Keep what was asked for before this step.
            actor: Who wants it.

        Raises:
            InstanceNotFound: There is no such instance.
            StepNotFound: Its history has no such step; nothing has changed.
        """
        return self._act(Action.RESTART, workflow, id, actor, from_step=from_step)

    def clear(self, restarted: Moved) -> None:
        """Put in order what a restart left behind; to be called after its nudge, which need not wait for that."""
        clear(self._catalog.database, restarted.key, restarted.generation, restarted.rev)

    def delete(self, workflow: str, id: str, *, actor: str) -> Moved | None:
        """Remove an instance and all that belongs to it; its id is free again.

        Raises:
            InstanceNotFound: There is no such instance.
        """
        moved = self._act(Action.DELETE, workflow, id, actor)
        if moved is not None:
            self._catalog.database.rows(self._sql["lines_forget"], {"keys": [moved.key]})
        return moved

    def look(self, workflow: str, id: str) -> Standing:
        """Where an instance stands. What is written next is fenced by the rev that is seen here.

        Raises:
            InstanceNotFound: There is no such instance.
        """
        found = self._catalog.database.rows(self._sql["instance_look"], {"workflow": workflow, "id": id})
        if not found:
            raise self._catalog.missing(workflow, id)
        return Standing(*found[0])

    def _act(self, action: Action, workflow: str, id: str, actor: str, **how: Any) -> Moved | None:
        for _ in range(TRIES):
            standing = self.look(workflow, id)
            to = effect(action, standing.status)
            if to is Effect.NOTHING:
                return None
            if to is Effect.REFUSED:
                raise InvalidTransition(workflow, id, standing.status, action)
            values = {
                "key": standing.key, "generation": standing.generation, "rev": standing.rev, "actor": actor,
                "due_in": self._settings.renudge, "now": self._now(),
            }  # fmt: skip
            if action is Action.DELETE:
                shed(self._catalog.database, "delete_lines", {"key": standing.key, "rev": standing.rev})
            statement, more = getattr(self, f"_{action}")(standing, to, **how)
            rows = self._catalog.database.rows(self._sql[statement], values | more)
            if rows:
                return Moved(standing.key, rows[0][0], rows[0][1], str(more.get("status", to)))
        raise JournalBusy(f"instance {id!r} moved on {TRIES} times between a look at it and the wish to {action} it")

    # How each action is written: the statement, and what it needs to know.

    def _pause(self, _standing: Standing, _to: Status) -> tuple[str, dict[str, Any]]:
        return "instance_pause", {}

    def _resume(self, _standing: Standing, to: Status) -> tuple[str, dict[str, Any]]:
        return "instance_resume", {"status": to}

    def _terminate(self, standing: Standing, to: Status, *, rollback: bool) -> tuple[str, dict[str, Any]]:
        rolling = standing.status == Status.ROLLING_BACK
        if rollback and (rolling or standing.compensable):
            to = Status.ROLLING_BACK
        return "instance_terminate", {
            "status": to,
            "again": rolling and to is Status.ROLLING_BACK,
            "rollback": Jsonb(CUT_OFF) if rolling and to is Status.TERMINATED else None,
            "keep_success": self._settings.success_retention,
            "detail": Jsonb({"rollback": rollback}),
        }

    def _restart(self, standing: Standing, _to: Status, *, from_step: Key | None) -> tuple[str, dict[str, Any]]:
        values: dict[str, Any] = {"keep": "nothing", "from_seq": 0, "counted": 0, "detail": Jsonb({"from": "start"})}
        if from_step is not None:
            kind, name, count = from_step
            of = {"key": standing.key, "kind": kind, "name": name, "count": count}
            found = self._catalog.database.rows(self._sql["restart_target"], of)
            if not found:
                raise StepNotFound(name, count, kind)
            detail = {"from": {"name": name, "count": count, "type": str(kind)}}
            values |= {"keep": "step", "from_seq": found[0][0], "detail": Jsonb(detail)}
        return "instance_restart", values

    def _delete(self, _standing: Standing, _to: Status) -> tuple[str, dict[str, Any]]:
        return "instance_delete", {}

    def _now(self) -> float | None:
        return self._catalog.clock.override()
