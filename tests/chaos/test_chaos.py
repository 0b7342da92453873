"""A short run in the suite; `make chaos` takes ten minutes."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import psycopg
import pytest

from tests.chaos.checker import check
from tests.chaos.deployment import Deployment
from tests.chaos.run import run


@pytest.mark.timeout(400)
def test_nothing_is_lost_in_a_minute_of_chaos() -> None:
    """Every order that was acknowledged is complete, charged once, and has every effect, whatever was broken."""
    with tempfile.TemporaryDirectory(prefix="wf-chaos-") as folder:
        report = run(Path(folder), seconds=60, seed=7, rate=3)
        assert report["wrong"] == []
        assert report["orders"] == report["complete"] > 50
        assert len(report["deeds"]) > 10
        assert (Path(folder) / "report.svg").read_text().startswith("<svg")
        assert json.loads((Path(folder) / "report.json").read_text())["orders"] == report["orders"]


def test_the_checker_sees_what_is_missing() -> None:
    """An order that was acknowledged and is nowhere is told of; so are one without effects and one charged twice."""
    with tempfile.TemporaryDirectory(prefix="wf-chaos-") as folder, Deployment(Path(folder)) as deployment:
        with psycopg.connect(deployment.direct_url) as connection:
            connection.execute("insert into public.charge values ('o-1'), ('o-1')")
            connection.execute(
                "insert into wf.instance (workflow, id, version, status, started_at, ended_at)"
                " values ('chaos-order', 'o-1', '1', 'complete', now(), now())"
            )
        deployment.ledger.touch()
        wrong = check(deployment.direct_url, deployment.ledger, {"o-0": 0.0, "o-1": 0.0})["wrong"]
    assert "o-0 was acknowledged and is lost" in wrong
    assert "o-1 was charged 2 times" in wrong
    assert "o-1 has no effect of 'ship'" in wrong
