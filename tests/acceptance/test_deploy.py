"""A rolling deploy: workers of an old and of a new version of a workflow side by side, and the old one is killed."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.flows import effects
from wf import Client
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from wf import Settings
    from wf.testing.processes import Processes, WorkerProcess

OLD, EARLY, NEW = 100, 10, 20
"""Instances in flight over the deploy, those that go on before it, and those that are created after it."""


def versions(processes: Processes, settings: Settings) -> dict[str, Any]:
    """What `wf versions` tells of the letters, by version."""
    told = processes.run("-m", "wf", "versions", "letter", "--json", settings=settings)
    assert told.returncode == 0, told.stderr
    return {entry["version"]: entry for entry in json.loads(told.stdout)}


def steps_of(worker: WorkerProcess, ledger: Path) -> set[str]:
    """The steps of letters of version 1 that a worker has run."""
    return {
        done["step"].split()[-1] for done in effects(ledger) if done["group"] == worker.pid and done["step"][0] == "1"
    }


@pytest.fixture
def patient(hasty: Settings) -> Settings:
    """A lease that a busy machine can keep: what is lost here is lost by the kill."""
    return hasty.model_copy(update={"lease": 5.0})


@pytest.mark.timeout(300)
def test_each_instance_is_finished_by_code_of_its_version(
    patient: Settings, wf_processes: Processes, tmp_path: Path
) -> None:
    """100 instances over a deploy whose old worker is killed: none is stuck, none runs the other version's steps."""
    ledger = tmp_path / "ledger"
    params = {"ledger": str(ledger)}
    before = wf_processes.worker("tests.acceptance.letters", settings=patient, concurrency=2, LETTERS_HELD="1")
    with Client(settings=patient) as client:
        letters = client.workflow("letter")
        old = letters.create_batch([{"id": f"old-{number}", "params": params} for number in range(OLD)])
        wait_until(lambda: len(effects(ledger)) == OLD, 60, what="each letter is written")
        assert versions(wf_processes, patient)["1"]["newest"]
        for instance in old[:EARLY]:
            instance.send_event("stamp")
        wait_until(lambda: "seal" in steps_of(before, ledger), 60, what="the old worker is in the middle of a step")

        after = wf_processes.worker("tests.acceptance.letters_next", settings=patient, concurrency=2)
        new = letters.create_batch([{"id": f"new-{number}", "params": params} for number in range(NEW)])
        found = versions(wf_processes, patient)
        assert (found["1"]["newest"], found["2"]["newest"]) == (False, True)
        assert sum(found["1"]["instances"].values()) > OLD - EARLY - 1, "those without a stamp are in flight"
        for instance in old[EARLY:]:
            instance.send_event("stamp")
        wait_until(lambda: "stamp" in steps_of(after, ledger), 60, what="the new worker runs old letters beside it")
        before.kill()

        assert {one.result(timeout=60) for one in old} == {"by hand"}
        assert {one.result(timeout=60) for one in new} == {"by machine"}
        described: list[Any] = [one.describe() for one in (*old, *new)]
        found = versions(wf_processes, patient)
    assert {one.version_id for one in described[:OLD]} == {"1"}
    assert {one.version_id for one in described[OLD:]} == {"2"}
    assert [one.warnings for one in described] == [[]] * (OLD + NEW)
    assert [entry["instances"] for entry in found.values()] == [{}, {}], "none is in flight, the old code may go"

    done = effects(ledger)
    times = Counter(each["step"] for each in done)
    assert set(times) == {
        *(f"1 old-{number} {name}" for number in range(OLD) for name in ("write", "stamp", "seal", "send")),
        *(f"2 new-{number} {name}" for number in range(NEW) for name in ("type", "send")),
    }
    again, lost = sum(times.values()) - len(times), sum(one.recoveries for one in described)
    assert 1 <= again <= lost, "the steps that were lost with the old worker ran again, and no others"
    assert {each["group"] for each in done if each["step"].startswith("2")} == {after.pid}
