"""Breakers: workflows whose instances fail too often, and that pause until a probe goes well. `wf.breaker` decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from psycopg.types.json import Jsonb

from wf.answers import Answer
from wf.breaker import Action, Breaker, Counts, Policy, State, changed, closed, opened
from wf.errors import JournalUnavailable, WfError
from wf.slots import Slots
from wf.sql import statements

if TYPE_CHECKING:
    from collections.abc import Collection

    from wf.breaker import Change
    from wf.catalog import Catalog
    from wf.database import Database
    from wf.dispatch import Dispatcher


CAP = 1_000
"""No further than this are those counted that wait."""

REAPER = "reaper"
"""Who acts when a breaker changes by itself."""

TRIES = 3
"""Times that somebody who closes or opens a breaker goes again if it has changed meanwhile."""

_SAID = {
    Action.OPEN: "too many instances failed: the breaker is open, no instance begins",
    Action.PROBE: "the breaker probes: one instance at a time goes on",
    Action.CLOSE: "the breaker is closed: everybody goes on",
}

log = structlog.get_logger("wf")


class _Seen(NamedTuple):
    """A workflow with a breaker as it was read: what is declared, the last change, and what was counted."""

    workflow: str
    policy: Policy | None
    stored: dict[str, Any] | None
    now: float
    counts: Counts

    @property
    def breaker(self) -> Breaker | None:
        return None if self.stored is None else Breaker.of(self.stored)


class NoBreaker(WfError):
    """The workflow declares no breaker, so there is nothing to open or close."""

    code = "workflow.no_breaker"

    def __init__(self, workflow: str) -> None:
        super().__init__(
            f"Workflow {workflow!r} has no breaker. Declare one on its class, "
            f'breaker={{"failures": 10, "within": "5 minutes", "pause": "10 minutes"}}, and start its workers anew.'
        )
        self.workflow = workflow


def listed(
    database: Database, only: Collection[str] | None = None, *, cap: int = CAP, with_closed: bool = False
) -> list[Answer]:
    """The breakers that are not closed.

    Args:
        database: Where.
        only: Only those of these workflows; None for all.
        cap: No further than this are those counted that wait.
        with_closed: Also the closed ones, and workflows without one.

    Returns:
        Of each the `workflow`, the `state` (`closed`, `open`, `probing`), `since` when, `until` when it pauses, the
        `failures` that opened it (0: somebody did), how many `times` in a row, the `policy` of the workflow with
        durations in seconds, and how many instances are `queued`.
    """
    of = {"only": None if only is None else sorted(only), "cap": cap, "closed": with_closed}
    names = ("workflow", "state", "since", "until", "failures", "times", "policy", "queued")
    return [Answer(zip(names, row, strict=True)) for row in database.read(statements()["breaker_list"], of)]


class Breakers:
    """The breakers of all workflows.

    Args:
        catalog: Where workflows are.
        dispatcher: Nudges whoever may go on.
        actor: Who acts, for the audit.
        due_in: Seconds until the alarm looks at whoever may go on, if the nudge is lost.
    """

    def __init__(self, catalog: Catalog, dispatcher: Dispatcher, actor: str, *, due_in: float) -> None:
        self._catalog, self._database, self._actor, self._due_in = catalog, catalog.database, actor, due_in
        self._slots = Slots(catalog.database, catalog.clock, dispatcher)
        self._sql = statements()

    def get(self, workflow: str) -> Answer:
        """The breaker of a workflow, as `listed` tells it.

        Raises:
            NoBreaker: It has none.
            WorkflowNotFound: There is no such workflow.
        """
        found = listed(self._database, [workflow], with_closed=True)
        if not found:
            self._catalog.check_known(workflow)
        if not found or (found[0].policy is None and found[0].state == "closed"):
            raise NoBreaker(workflow)
        return found[0]

    def close(self, workflow: str) -> Answer:
        """Let everybody go on, whatever has failed; failures count from now on.

        Raises:
            NoBreaker: It has none.
            WorkflowNotFound: There is no such workflow.
        """
        return self._by_hand(workflow, "close")

    def open(self, workflow: str) -> Answer:
        """Let nobody begin or go on, until the pause is over, from now on, and a probe goes well.

        Raises:
            NoBreaker: It has none.
            WorkflowNotFound: There is no such workflow.
        """
        return self._by_hand(workflow, "open")

    def _by_hand(self, workflow: str, wish: str) -> Answer:
        for _ in range(TRIES):
            self.get(workflow)
            for seen in self._look(workflow):
                change = self._wished(seen, wish)
                if change is None or self._change(seen, change):
                    self._slots.adjust(workflow, due_in=self._due_in)
                    return self.get(workflow)
        return self.get(workflow)  # others change it all the time; the answer tells how it stands

    def _wished(self, seen: _Seen, wish: str) -> Change | None:
        """What somebody wishes to become of a breaker; None if it is so already."""
        if wish == "close":
            is_closed = seen.breaker is None or seen.breaker.state == State.CLOSED
            return None if is_closed else closed(seen.counts, seen.now)
        if seen.policy is None:
            raise NoBreaker(seen.workflow)
        return opened(seen.policy, seen.counts, seen.now, failures=0)

    def tend(self) -> int:
        """Open, probe and close what is to be; the reaper does it every few seconds.

        Slots follow each time, so that nothing hangs if somebody died between a change and them.

        Returns:
            How many breakers have changed.

        Raises:
            JournalUnavailable: Postgres does not answer.
        """
        number = 0
        for seen in self._look():
            try:
                number += self._tend(seen)
            except Exception as error:  # one poisoned workflow must not stop the others
                if type(error) is JournalUnavailable:  # it is not the workflow: Postgres is away
                    raise
                reason = f"{type(error).__name__}: {error}"
                log.warning("breaker not looked at; tried again next time", workflow=seen.workflow, reason=reason)
        return number

    def _tend(self, seen: _Seen) -> bool:
        change = changed(seen.breaker, seen.policy, seen.counts, seen.now)
        if change is not None and not self._change(seen, change):
            return False  # somebody else was quicker, and sees to the slots
        if change is not None and change.action is not None:
            say = log.warning if change.action is Action.OPEN else log.info
            say(_SAID[change.action], workflow=seen.workflow, **_told(change.after))
        if seen.stored is not None or change is not None:
            self._slots.adjust(seen.workflow, due_in=self._due_in)
        return change is not None and change.action is not None

    def _look(self, workflow: str | None = None) -> list[_Seen]:
        of = {"workflow": workflow, "now": self._catalog.clock.override()}
        return [
            _Seen(name, None if policy is None else Policy(**policy), stored, now, Counts(*counts))
            for name, policy, stored, now, *counts in self._database.read(self._sql["breaker_look"], of)
        ]

    def _change(self, seen: _Seen, change: Change) -> bool:
        """Write a change; whether nothing has changed since the look."""
        after, action = change
        values = {
            "workflow": seen.workflow, "seen": None if seen.stored is None else Jsonb(seen.stored),
            "after": None if after is None else Jsonb(after.stored()), "action": action, "actor": self._actor,
            "detail": Jsonb(_told(after)),
        }  # fmt: skip
        return bool(self._database.rows(self._sql["breaker_change"], values))


def _told(after: Breaker | None) -> dict[str, Any]:
    """What log and audit tell of a change."""
    detail = {} if after is None else {"failures": after.failures, "times": after.times, "until": after.until}
    return {name: value for name, value in detail.items() if value}
