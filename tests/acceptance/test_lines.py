"""Log lines of steps on real workers, which set up logging themselves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from wf import Client
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from wf import Settings
    from wf.testing.processes import Processes


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_a_workers_steps_have_their_lines(pool: str, wf_settings: Settings, wf_processes: Processes) -> None:
    """In every pool, each line once, within a moment of their being logged; the worker's own log has them, too."""
    wf_processes.worker("tests.acceptance.log_flows", args=["--pool", pool])

    def lines(step: str) -> list[str]:
        shown = wf_processes.run("-m", "wf", "instances", "logs", "logs", "l-1", step, "--json")
        assert shown.returncode == 0, shown.stderr
        return [line["message"] for line in json.loads(shown.stdout)]

    with Client(settings=wf_settings) as client:
        client.workflow("logs").create("l-1").result(timeout=20)
    wait_until(lambda: lines("async-1"), 10, "the lines are in the journal")
    assert lines("sync-1") == ["by logging", "by Celery", "by context n=1"]
    assert lines("async-1") == ["by a coroutine"]
    assert all(any(text in log for log in wf_processes.logs().values()) for text in ("by logging", "by a coroutine"))
