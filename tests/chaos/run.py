"""One run: users and monkey at once, then peace until all is done, then the checker."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg

from tests.chaos.checker import check
from tests.chaos.deployment import WORKERS, Deployment
from tests.chaos.evidence import Evidence, gather
from tests.chaos.figures import figures
from tests.chaos.ledger import now
from tests.chaos.monkey import Monkey
from tests.chaos.picture import picture
from tests.chaos.plan import plan
from tests.chaos.users import Users

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PEACE = 240.0
"""Seconds in which everything must be done once nothing is broken any more."""

OPEN = "select count(*) from wf.instance where status not in ('complete', 'errored', 'terminated')"


def run(folder: Path, *, seconds: float, seed: int, rate: float, **settings: Any) -> dict[str, Any]:
    """Break things for so long, and check. Call it from a thread that lives on: the servers die with it.

    Args:
        folder: For everything that is made; a short path, because sockets are in it.
        seconds: How long users and monkey are at work.
        seed: Of what they do. What the operating system does with it is different each time.
        rate: Users in a second.
        **settings: Of the workers, in place of the defaults.

    Returns:
        The report; `chaos.json` and `chaos.svg` in the folder tell the same. In `wrong` is what must never be, in
        `late` which figures did not hold.

    Raises:
        BaseException: What monkey, users or processes failed with; the rest ends at once.
    """
    with Deployment(folder, **settings) as deployment, closing(Users(deployment, seed, rate)) as users:

        def watch() -> None:
            users.check()
            deployment.supervise()

        monkey = Monkey(deployment, watch, users.burst)
        began = now()
        users.start(seconds)
        monkey.work(plan(random.Random(seed), WORKERS, deployment.settings), seconds)
        peace_at = now()
        users.wait()
        calm = wait_for_all(deployment)
        done_at = now()
        with psycopg.connect(deployment.url) as connection:
            found = gather(connection, deployment.acks, deployment.ledger)
        report = {
            "seconds": seconds, "seed": seed, "rate": rate, "lease": deployment.settings.lease,
            "renudge": deployment.settings.renudge, "began": began, "peace_at": peace_at, "done_at": done_at,
            **counts(found), **figures(found, monkey.deeds, deployment.settings), "wrong": check(found),
            "deeds": monkey.deeds, **lives(found),
        }  # fmt: skip
    if not calm:
        report["wrong"].append(f"not all was done {PEACE:.0f} s after the last deed")
    (folder / "chaos.json").write_text(json.dumps(report, indent=1))
    (folder / "chaos.svg").write_text(picture(report))
    return report


def wait_for_all(deployment: Deployment) -> bool:
    """Wait until every instance has ended; whether it came to that."""
    deadline = time.monotonic() + PEACE
    with psycopg.connect(deployment.url, autocommit=True) as connection:
        while connection.execute(OPEN).fetchone() != (0,):
            if time.monotonic() > deadline:
                return False
            deployment.supervise()
            time.sleep(0.1)
    return True


def counts(found: Evidence) -> Mapping[str, Any]:
    """How much of everything there was."""
    outcomes = Counter(row["outcome"] for rows in found.attempts.values() for row in rows)
    kinds = Counter(row["kind"] for rows in found.steps.values() for row in rows)
    return {
        "instances": len(found.instances),
        "acknowledged": Counter(ack["what"] for ack in found.acks),
        "ended": Counter(row["status"] for row in found.instances.values()),
        "steps": kinds, "transactions": len(found.receipts), "effects": len(found.effects),
        "lost_attempts": outcomes["lost"], "failed_attempts": outcomes["errored"],
        "effects_of_the_skewed": sum(effect["skew"] > 3_600 for effect in found.effects),
        "changes_seen": sum(row["what"] not in {"step ended", "instance ended"} for row in found.told),
    }  # fmt: skip


def lives(found: Evidence) -> Mapping[str, Any]:
    """When instances were created and ended."""
    rows = found.instances.values()
    return {
        "created": sorted(row["created_at"] for row in rows),
        "ends": sorted(row["ended_at"] for row in rows if row["ended_at"] is not None),
    }
