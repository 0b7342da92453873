"""Measure, show a table, write JSON. Goals are shown, not asserted: exit code 1 only means that something broke."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from rich.console import Console

from tests.bench import api, flower, pages, recovery, sleepers, testing, throughput, waiting
from tests.bench.figures import Figure, table
from tests.bench.groups import BenchError
from tests.bench.stage import Plan, Stage, machine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CASES: dict[str, Callable[[Stage], list[Figure]]] = {
    "steps": throughput.steps,
    "instances": throughput.instances,
    "latency": waiting.latency,
    "flat": waiting.flat,
    "sleep": waiting.sleep,
    "memory": waiting.memory,
    "sleepers": sleepers.crowd,
    "million": sleepers.million,
    "recovery": recovery.recovery,
    "parallel": throughput.parallel,
    "api": api.create,
    "lists": api.lists,
    "feeds": api.feeds,
    "pages": pages.pages,
    "live": pages.live,
    "flower": flower.flower,
    "testing": testing.testing,
}

WIDTH = 130
"""Columns of the table where there is no terminal."""

console = Console(width=None if sys.stdout.isatty() else WIDTH)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the chosen cases.

    Returns:
        The exit code: 0, or 1 if something broke or an instance did not end as it should.
    """
    options = _options(argv)
    signal.signal(signal.SIGTERM, _exit)  # so that everything that was started is stopped
    plan = Plan(
        workers=options.workers, concurrency=options.concurrency, quick=options.quick,
        rounds=options.rounds or (1 if options.quick else 2),
        profiles=options.json.parent if options.profile else None,
    )  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="wf-bench-"))
    figures: list[Figure] = []
    try:
        with Stage(plan, folder) as stage:
            about = {**machine(), "commit_ms": round(stage.commit_time() * 1000, 2)}
            for name in options.only or CASES:
                with console.status(f"{name} ..."):
                    figures += CASES[name](stage)
    except BenchError as error:
        console.print(f"[bold red]{name}:[/] ", error, markup=True)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    console.print(table(figures, _title(plan, about)))
    options.json.write_text(json.dumps(_report(plan, about, figures), indent=2) + "\n")
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=list(CASES), metavar="CASE", help=f"{', '.join(CASES)}; may repeat"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the numbers, once: to see that it works")
    parser.add_argument("--workers", type=int, default=2, help="worker processes of ours, and as many of bare Celery")
    parser.add_argument("--concurrency", type=int, default=10, help="threads of each worker process, ours and bare")
    parser.add_argument("--rounds", type=int, help="how often each measurement is made; the best counts (2; quick: 1)")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where the figures go")
    parser.add_argument("--profile", action="store_true", help="profile a worker in the case 'steps', with py-spy")
    return parser.parse_args(argv)


def _title(plan: Plan, about: dict[str, Any]) -> str:
    return (
        f"{plan.workers} worker processes x {plan.concurrency} threads, ours and bare Celery's alike; "
        f"{about['cores']} cores, load {about['load']} before.\n"
        f"Embedded Postgres with fsync (one commit {about['commit_ms']} ms), Valkey with appendonly everysec.\n"
        "Bare Celery: default settings, pool threads, results ignored, the same Valkey.\n"
        f"Throughput: best of {plan.rounds}, the two taking turns. Latency: single calls in turn. "
        "The journal was checked after every run."
    )


def _report(plan: Plan, about: dict[str, Any], figures: list[Figure]) -> dict[str, Any]:
    packages = ("celery", "kombu", "redis", "psycopg", "sqlalchemy")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {**about, "packages": {name: version(name) for name in packages}},
        "workers": plan.workers,
        "concurrency": plan.concurrency,
        "quick": plan.quick,
        "rounds": plan.rounds,
        "figures": [figure.as_dict() for figure in figures],
    }


def _exit(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
