"""Log lines of steps on real workers, which set up logging themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import Processes, wait_until
from wf import Client

if TYPE_CHECKING:
    from wf.settings import Settings


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_a_workers_steps_have_their_lines(pool: str, settings: Settings, processes: Processes) -> None:
    """In every pool, each line once, within a moment of their being logged; the worker's own log has them, too."""
    processes.worker("tests.acceptance.log_flows", args=["--pool", pool])
    with Client(settings=settings) as client:
        instance = client.workflow("logs").create("l-1")
        instance.result(timeout=20)

        def lines(step: str) -> list[str]:
            return [line.message for line in client.catalog.lines("logs", "l-1", step)]

        wait_until(lambda: bool(lines("async-1")), 10, "the lines are in the journal")
        assert lines("sync-1") == ["by logging", "by Celery", "by context n=1"]
        assert lines("async-1") == ["by a coroutine"]
    assert all(any(text in log for log in processes.logs().values()) for text in ("by logging", "by a coroutine"))


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_a_worker_that_stops_writes_its_last_lines(pool: str, settings: Settings, processes: Processes) -> None:
    """In every pool, a clean stop loses none."""
    worker = processes.worker("tests.acceptance.last_words", args=["--pool", pool])
    with Client(settings=settings) as client:
        client.workflow("last-words").create("l-1").result(timeout=20)
        assert client.catalog.lines("last-words", "l-1", "speak-1") == []
        worker.stop()
        (line,) = client.catalog.lines("last-words", "l-1", "speak-1")
    assert line.message == "good-bye"
