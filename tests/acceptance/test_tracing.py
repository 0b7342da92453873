"""One trace an instance, over real workers of which one dies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from wf import Client
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from wf import Settings
    from wf.testing.processes import Processes, WorkerProcess


def told(folder: Path) -> list[list[dict[str, Any]]]:
    """The spans of each process, in the order in which they ended."""
    files = sorted(folder.glob("*.jsonl"), key=lambda file: file.stat().st_ctime_ns)
    return [[json.loads(line) for line in file.read_text().splitlines()] for file in files]


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_a_trace_goes_on_where_its_worker_was_killed(
    pool: str, hasty: Settings, wf_processes: Processes, tmp_path: Path
) -> None:  # fmt: skip
    """SIGKILL in the middle of a step: what both workers tell has one trace id and one parent."""
    folder = tmp_path / "spans"
    folder.mkdir()

    def worker(every: str) -> WorkerProcess:
        args = ["--pool", pool]
        module = "tests.acceptance.traced_flows"
        return wf_processes.worker(module, settings=hasty, args=args, SPANS=str(folder), SPANS_EVERY=every)

    doomed = worker("100")
    with Client(settings=hasty) as client:
        instance = client.workflow("traced").create("t-1", {"folder": str(folder)})
        wait_until((folder / "stuck").exists, 20, "the second step runs")
        wait_until(lambda: len(told(folder)[0]) == 2, 10, "what was before it is exported")
        doomed.kill()
        heir = worker("600000")
        instance.result(timeout=30)
        heir.stop()  # in order, so that what it has not exported yet goes out
    before, after = told(folder)
    assert [span["name"] for span in before] == ["first", "nap"]
    *attempts, root = after
    seen = [(span["name"], span["attributes"]["wf.attempt"], span["attributes"]["wf.status"]) for span in attempts]
    assert seen == [("second", 1, "lost"), ("second", 2, "complete")]
    assert (root["name"], root["parent_id"], root["attributes"]["wf.instance"]) == ("traced", None, "t-1")
    assert {span["context"]["trace_id"] for span in (*before, *after)} == {root["context"]["trace_id"]}
    assert {span["parent_id"] for span in (*before, *attempts)} == {root["context"]["span_id"]}
