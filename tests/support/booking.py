"""An app's own table beside the journal, and workflows that write into it."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.rig import Rig
    from wf import Event, Step

ONE_TRY = {"retries": {"limit": 0}}

NUMBERS = count()
"""To give workflows names of their own."""


def make_table(rig: Rig) -> None:
    """The app's table; that an entry is there once is checked at COMMIT."""
    rig.sql("create table public.entry (what text not null, unique (what) deferrable initially deferred)")


def put(connection: Connection, what: str) -> None:
    """A write of the app."""
    connection.execute(text("insert into public.entry (what) values (:what)"), {"what": what})


def entries(rig: Rig) -> list[str]:
    """What the app's table holds."""
    return [what for (what,) in rig.sql("select what from public.entry order by what")]


def in_transaction(callback: Callable[..., Any], **config: Any) -> type[WorkflowEntrypoint]:
    """A workflow of one transaction, whose failure it returns as a text."""

    class OneTransaction(WorkflowEntrypoint, name=f"transaction-{next(NUMBERS)}"):
        async def run(self, event: Event, step: Step) -> Any:
            try:
                return await step.transaction("write", callback, config={**ONE_TRY, **config})
            except Exception as error:  # whatever it is, the test wants to see it
                return f"{type(error).__name__}: {error}"

    return OneTransaction
