"""One run: load and monkey at once, then peace until all is done, then the checker."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any

import psycopg

from tests.chaos.checker import check
from tests.chaos.deployment import Deployment
from tests.chaos.load import Users
from tests.chaos.monkey import Monkey
from tests.chaos.picture import picture

if TYPE_CHECKING:
    from pathlib import Path

PEACE = 180.0
"""Seconds in which everything must be done once nothing is broken any more."""

OPEN = "select count(*) from wf.instance where status not in ('complete', 'errored', 'terminated')"


def run(folder: Path, *, seconds: float, seed: int, rate: float) -> dict[str, Any]:
    """Break things for so long, and check.

    Args:
        folder: For everything that is made; a short path, because sockets are in it.
        seconds: How long load and monkey are at work.
        seed: Of the luck. What the operating system does with it is different each time.
        rate: Orders in a second.

    Returns:
        What the checker says, with the deeds of the monkey; `report.json` and `report.svg` in the folder tell the same.
    """
    with Deployment(folder) as deployment:
        users = Users(deployment, random.Random(seed), rate)
        monkey = Monkey(deployment, random.Random(seed + 1))
        began = time.time()
        users.start()
        monkey.start()
        time.sleep(seconds)
        monkey.stop()
        peace_at = time.time()
        users.stop()
        for one in (monkey, users):
            if one.error is not None:
                raise one.error
        calm = _wait_for_all(deployment.direct_url)
        found = check(deployment.direct_url, deployment.ledger, users.accepted)
    if not calm:
        found["wrong"].append(f"not all was done {PEACE:.0f} s after the last deed")
    report = {
        "seconds": seconds, "seed": seed, "began": began, "peace_at": peace_at, "took_after": time.time() - peace_at,
        "deeds": monkey.deeds, **found,
    }  # fmt: skip
    (folder / "report.json").write_text(json.dumps(report, indent=1))
    (folder / "report.svg").write_text(picture(report))
    return report


def _wait_for_all(database_url: str) -> bool:
    deadline = time.monotonic() + PEACE
    with psycopg.connect(database_url, autocommit=True) as connection:
        while connection.execute(OPEN).fetchone() != (0,):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
    return True
