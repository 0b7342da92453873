"""Log lines of steps when something is wrong: what is lost, what is not, and whom it does no harm."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog

from tests.support.attempts import one_step
from tests.support.lines import of, standing
from wf.errors import JournalUnavailable
from wf.lines import Lines

if TYPE_CHECKING:
    import pytest

    from tests.support import Rig
    from wf.database import Database


def test_lines_outlast_an_outage_for_a_while_and_are_counted_then(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are tried again, in their order; after a minute, or beyond the bounds, they are dropped, which is said."""
    rig.create(one_step(lambda: None, "outage"), "r-17")
    rig.settle()
    database = Gone(rig.workers[0].database)
    lines = Lines(database, rig.clock, 200)  # type: ignore[arg-type]  # as far as it is asked
    monkeypatch.setattr("wf.lines.EVERY", 3600.0)  # the test writes, not the thread
    part = lines.of(*standing(rig))
    assert part is not None
    for n in range(3):
        part.put(logging.INFO, "shop", f"line {n}")
    assert lines.flush() == 3
    part.put(logging.INFO, "shop", "line 3")
    database.away = False
    assert lines.flush() == 0
    found = rig.client.catalog.lines("heartbeat-outage", "r-17", "work-1")
    assert [line.message for line in found] == [f"line {n}" for n in range(4)]
    database.away = True
    with structlog.testing.capture_logs() as said:
        monkeypatch.setattr("wf.lines.BUFFER", 5)
        for n in range(7):
            part.put(logging.INFO, "shop", f"line {n}")
        assert lines.flush() == 5
        monkeypatch.setattr("wf.lines.PATIENCE", 0.0)
        assert lines.flush() == 0
    assert [entry["lines"] for entry in said] == [2, 5]


def test_a_bad_line_costs_its_batch_at_most(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits goes on waiting, and the other batches are written; how many lines were lost is said."""
    rig.create(one_step(lambda: None, "bad"), "r-17")
    rig.settle()
    lines, (instance, row) = of(rig), standing(rig)
    monkeypatch.setattr("wf.lines.BATCH", 2)
    monkeypatch.setattr("wf.lines.EVERY", 3600.0)  # the test writes, not the thread
    part, poisoned = lines.of(instance, row), lines.of(instance, replace(row, attempt=2**31))
    assert part is not None
    assert poisoned is not None
    part.put(2**15, "shop", "very high")
    for by in (part, part, poisoned, part):
        by.put(logging.INFO, "shop", "a line")
    with structlog.testing.capture_logs() as said:
        assert lines.flush() == 0
    assert [entry["lines"] for entry in said] == [2]
    assert rig.sql("select level from wf.line order by id") == [(2**15 - 1,), (20,), (20,)]


class Gone:
    """A database that can be away."""

    def __init__(self, database: Database) -> None:
        self.database, self.away = database, True

    def rows(self, *args: Any) -> Any:
        if self.away:
            raise JournalUnavailable("away")
        return self.database.rows(*args)


def test_lines_wait_until_a_thread_is_to_be_had(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process at its limit keeps its lines; the next line tries again, and so does the end of the process."""
    for name in ("spared", "closed"):
        lines = Lines(rig.workers[0].database, rig.clock, 200)
        rig.create(one_step(lambda: None, name), "r-17")
        rig.settle()
        part = lines.of(*standing(rig))
        assert part is not None
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            part.put(logging.INFO, "shop", "one")
        if name == "spared":
            part.put(logging.INFO, "shop", "two")
            assert lines._thread is not None
        lines.close()
    assert rig.sql("select instance, count(*) from wf.line group by 1 order by 1") == [(1, 2), (2, 1)]


def refuse(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


PLAIN = """
import logging
from wf import lines
log = logging.getLogger("shop")
def say(text):
    log.info("fine " + text)
    log.warning("bad " + text)
say("before")
lines._install()
say("after")
log.addHandler(logging.StreamHandler(sys.stdout))
say("to a handler")
log.propagate = False
say("to a handler alone")
log.handlers.clear()
say("to nobody")
logging.basicConfig(force=True, format="set up: %(message)s")
lines._install()
log.propagate = True
say("at last")
"""


def test_a_process_that_has_set_up_no_logging_goes_on_to_print_its_warnings() -> None:
    """As `logging` does without our handler, each of them once, and to nobody who has a handler."""
    done = subprocess.run([sys.executable, "-c", "import sys" + PLAIN], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == ["bad before", "bad after", "bad to nobody", "set up: bad at last"]
    assert done.stdout.splitlines() == ["bad to a handler", "bad to a handler alone"]
