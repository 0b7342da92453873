"""What a worker process tells of itself, for people to see: that it is there, and what it can run.

Nothing in the engine depends on it. Whoever has not been seen for a while is gone, whatever the reason.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import structlog
from psycopg.types.json import Jsonb

from wf.errors import WfError
from wf.sql import statements
from wf.workflow import registry
from wf_tasks.runtime import runtime

if TYPE_CHECKING:
    from wf_tasks.runtime import Runtime

log = structlog.get_logger("wf")

EVERY = 5.0
"""Seconds between two signs of life."""

KEPT = 86_400.0
"""Seconds after its last sign of life in which a worker is still listed, as gone."""

JOIN = 2.0
"""Seconds that a worker which stops gives to a sign of life that is on its way."""


class Presence(threading.Thread):
    """Writes the row of one worker, again and again, and takes it away when the worker stops in order.

    Args:
        owner: The process; its connections are used, its name in the journal is the row's.
        pool: Name of the Celery pool.
        concurrency: Steps it can run at once.
    """

    def __init__(self, owner: Runtime, pool: str, concurrency: int) -> None:
        super().__init__(name="wf-presence", daemon=True)
        self._owner, self._ended = owner, threading.Event()
        known: dict[str, list[str]] = {}
        for cls in registry.classes():
            known.setdefault(cls.workflow_name, []).append(cls.workflow_version)
        self._told = {
            "name": owner.journal.worker, "queue": owner.settings.queue, "pool": pool, "concurrency": concurrency,
            "workflows": Jsonb(known), "release": _release(),
        }  # fmt: skip

    def run(self) -> None:
        """Tell, until the worker stops; an outage is passed over in silence, because others tell of it."""
        while True:
            with suppress(WfError):
                self.tell()
            if self._ended.wait(EVERY):
                return

    def tell(self) -> None:
        """One sign of life; rows of workers that have been gone for a day are removed."""
        params = self._told | {"kept": KEPT, "now": self._owner.journal.clock.override()}
        self._owner.database.rows(statements()["worker_seen"], params)

    def stop(self) -> None:
        """The worker stops: nobody need wonder where it is."""
        self._ended.set()
        if self.is_alive():
            self.join(JOIN)
        with suppress(WfError):
            self._owner.database.rows(statements()["worker_gone"], self._told)


def _release() -> str:
    try:
        return version("celery-wf")
    except PackageNotFoundError:  # run from its sources
        return "unknown"


_present: list[Presence] = []
"""The one of this process."""


def appear(consumer: Any) -> None:
    """The worker is ready.

    Args:
        consumer: Celery's, as `worker_ready` hands it over.
    """
    concurrency = int(consumer.controller.concurrency or 1)
    _present.append(Presence(runtime(), _pool(consumer.pool), concurrency))
    _present[-1].start()


def disappear() -> None:
    """The worker stops."""
    while _present:
        _present.pop().stop()


def _pool(pool: Any) -> str:
    """What `wf worker --pool` calls it."""
    module = type(pool).__module__.rpartition(".")[2]
    return {"pool": "threads", "thread": "threads"}.get(module, module)


def name_child() -> None:
    """Name this forked child after its parent, whose row counts the steps of all its children."""
    journal = runtime().journal
    host, _, pid = journal.worker.rpartition(":")
    journal.worker = f"{host}:{os.getppid()}/{pid}"
