"""The last log lines of steps, on real workers that stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wf import Client

if TYPE_CHECKING:
    from tests.support import Processes
    from wf.settings import Settings


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_a_worker_that_stops_writes_its_last_lines(pool: str, settings: Settings, processes: Processes) -> None:
    """In every pool, a clean stop loses none."""
    worker = processes.worker("tests.support.last_words", args=["--pool", pool])
    with Client(settings=settings) as client:
        client.workflow("last-words").create("l-1").result(timeout=20)
        assert client.catalog.lines("last-words", "l-1", "speak-1") == []
        worker.stop()
        (line,) = client.catalog.lines("last-words", "l-1", "speak-1")
    assert line.message == "good-bye"
