"""What a restart leaves behind: rows of the generations before, and the log lines of the steps that it has kept.

And what is in the way of a removal: more log lines than one statement should delete.

An instance needs none of it to go on, and there may be millions of lines. So it is dealt with after the restart has
committed, lest the instance be locked for so long, and lines in batches. Whoever looks meanwhile finds some of the
lines. What is left by a process that dies meanwhile goes with the next restart, or with the instance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from wf.errors import WfError
from wf.sql import statements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wf.database import Database

BATCH = 5_000
"""Lines in one statement."""

log = structlog.get_logger("wf")


def clear(database: Database, key: int, generation: int, rev: int) -> None:
    """Give kept steps their lines back, and forget whatever else is of generations before.

    If it fails, that is logged: the restart stands.

    Args:
        database: Where.
        key: The instance.
        generation: What the restart has made of its generation.
        rev: And of its rev.
    """
    sql, of = statements(), {"key": key, "generation": generation}
    after = (0, 0, 0)
    try:
        while found := database.rows(sql["lines_carry"], of | {"rev": rev, "limit": BATCH} | _cursor(*after)):
            after = found[0]
        database.rows(sql["restart_forget"], of)
    except WfError as error:
        log.warning(
            "rows of before a restart not cleared away; log lines may be missing",
            generation=generation,
            reason=str(error),
        )


def shed(database: Database, statement: str, of: Mapping[str, Any]) -> None:
    """Delete the log lines of what is about to be removed, in batches; a process that dies meanwhile leaves no orphans.

    Args:
        database: Where.
        statement: Deletes so many lines at once, while what they belong to is still to be removed.
        of: Its parameters, but for the limit.
    """
    text = statements()[statement]
    while len(database.rows(text, {**of, "limit": BATCH})) == BATCH:
        pass


def _cursor(generation: int, seq: int, id: int) -> dict[str, int]:
    return {"after_generation": generation, "after_seq": seq, "after_id": id}
