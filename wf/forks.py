"""Forks: a new instance that begins as a copy of another one, for a second try with other params.

What a fork from a step keeps is what `restart(from_step=)` keeps: the rule stands in wf/sql/restarts.sql, and for
copies in wf/sql/forks.sql. The original is only read, in whatever status it is, and goes on as if nothing had happened.
Log lines of the steps that a fork keeps stay with the original, which ran them; there may be too many to copy.

A fork has an id and a time of creation of its own, which `run` sees in its event. What is drawn from chance and what
`step.now()` gives are as in the original, as far as the kept history reaches.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.types.json import Jsonb

from wf.errors import InstanceAlreadyExists, StepNotFound
from wf.sql import statements

if TYPE_CHECKING:
    from wf.catalog import Catalog
    from wf.core import Key

TRIGGER = "fork"
"""Where the wish for such an instance comes from."""


class Unset(Enum):
    """Stands for what was not said, where None is something to say."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return self.name


UNSET = Unset.UNSET


class Forked(NamedTuple):
    """An instance that was created as a fork, for the nudge that follows."""

    key: int
    rev: int
    version: str


def fork(
    catalog: Catalog, workflow: str, id: str, new_id: str, *, params: bytes | None, from_step: Key | None, actor: str,
    due_in: float,
) -> Forked:  # fmt: skip
    """Write a fork of an instance.

    Args:
        catalog: Where.
        workflow: The workflow of both.
        id: The original.
        new_id: The fork's id.
        params: Encoded; None for those of the original.
        from_step: Keep what was asked for before this step; None keeps nothing.
        actor: Who wants it.
        due_in: Seconds until the alarm shall look at it.

    Raises:
        InstanceNotFound: There is no such instance.
        StepNotFound: Its history has no such step.
        InstanceAlreadyExists: The new id is taken.
    """
    kind, name, count = from_step if from_step is not None else (None, None, None)
    start: Any = "start" if from_step is None else {"name": name, "count": count, "type": str(kind)}
    values = {
        "workflow": workflow, "id": id, "new_id": new_id, "kind": kind, "name": name, "count": count, "params": params,
        "detail": Jsonb({"from": start, "edited": params is not None}), "actor": actor, "due_in": due_in,
        "now": catalog.clock.override(),
    }  # fmt: skip
    rows = catalog.database.rows(statements()["instance_fork"], values)
    if not rows:
        raise catalog.missing(workflow, id)
    key, rev, version, seq = rows[0]
    if from_step is not None and seq is None:
        raise StepNotFound(from_step.name, from_step.count, from_step.kind)
    if key is None:
        raise InstanceAlreadyExists(workflow, new_id)
    return Forked(key, rev, version)
