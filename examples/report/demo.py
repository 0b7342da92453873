"""Twenty reports, a worker killed with SIGKILL, an emptied Redis, an outage of the API: and nothing happens twice.

Run it with `make demo`, or `python demo.py --reports 20`. It exits with 0 only if the ledger of the API agrees.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import inputs
from deployment import Deployment
from disasters import disasters
from progress import Progress, look
from screen import Screen
from stage import FailedError, emptied
from verdict import findings
from workflow import Report

from wf import WfError
from wf.dev.servers import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.instance import Instance


class Demo:
    """The way of the reports through the deployment."""

    def __init__(self, screen: Screen, deployment: Deployment, deadline: float) -> None:
        """`deadline` is in seconds from now."""
        self._screen, self._deployment = screen, deployment
        self._ends_at = time.monotonic() + deadline

    def start(self) -> None:
        """Start everything and wait until it is ready."""
        self._deployment.start(lambda: self._look_after([]))

    def submit(self, number: int) -> list[Progress]:
        """Submit so many reports and see them through; gives the last look at each.

        Raises:
            FailedError: A report failed, a process ended, or it took too long.
        """
        there = self._deployment
        drafts = inputs.write(there.inputs, number)
        files = len(list(there.inputs.glob("*/files/*")))
        trouble = disasters(
            stage=there.stage,
            api=there.api,
            redis_url=there.settings.redis_url,
            effects=2 * (number + files),
            replace=there.start_worker,
            say=self._screen.say,
        )
        next(trouble)
        with there.client() as client:
            workflow = client.workflow(Report)
            instances = [workflow.create(id=draft["reference"], params=draft) for draft in drafts]
            self._screen.say(f"{number} reports with {files} files submitted", "bold")
            return self._see_through(instances, trouble)

    def _see_through(self, instances: list[Instance], trouble: Iterator[None]) -> list[Progress]:
        reports = [Progress(instance.id) for instance in instances]
        approved: set[str] = set()
        more_trouble = True
        while more_trouble or any(report.status != "complete" for report in reports):
            self._look_after(reports)
            more_trouble = more_trouble and next(trouble, "over") != "over"
            reports = [
                old if old.status == "complete" else look(instance)
                for old, instance in zip(reports, instances, strict=True)
            ]
            for report, instance in zip(reports, instances, strict=True):
                # The reviewer keeps the last report until the outage has begun, which so has something to disturb.
                kept = more_trouble and len(approved) == len(instances) - 1
                if report.awaits_approval and report.id not in approved and not kept:
                    instance.send_event("approved", {"by": "reviewer-7"})
                    approved.add(report.id)
            self._screen.show(reports)
            time.sleep(0.1)
        return reports

    def _look_after(self, reports: list[Progress]) -> None:
        self._deployment.stage.check()
        if failed := [report for report in reports if report.status in ("errored", "terminated")]:
            raise FailedError("\n".join(f"{report.id} is {report.status}: {report.error}" for report in failed))
        if time.monotonic() > self._ends_at:
            late = [
                f"{report.id} is {report.status}: {report.step}" for report in reports if report.status != "complete"
            ]
            raise FailedError("\n".join(["This takes too long.", *late]))


def judge(screen: Screen, ledger: dict[str, Any], reports: list[Progress], inputs_folder: Path) -> bool:
    """Show what the other side has in its ledger; gives whether it is what was submitted, exactly once."""
    made, requests = ledger["reports"].values(), ledger["requests"]
    finalized, files = sum(report["finalized"] == 1 for report in made), [f for r in made for f in r["files"].values()]
    lines = {
        "reports finalized exactly once": f"{finalized} of {len(reports)}",
        "files stored exactly once": f"{sum(file['stored'] == 1 for file in files)} of {len(files)}",
        "metadata attached exactly once": f"{sum(file['described'] == 1 for file in files)} of {len(files)}",
        "requests": ", ".join(f"{requests.get(name, 0)} {name}" for name in ("applied", "replayed", "refused")),
        "faults they met": ", ".join(f"{number} {name}" for name, number in sorted(ledger["faults"].items())),
    }
    screen.section("The ledger of the API", lines)
    retries, recoveries = sum(report.retries for report in reports), sum(report.recoveries for report in reports)
    screen.section("The journal", {"retries": str(retries), "recoveries": str(recoveries)})
    wrong = findings(ledger, inputs_folder)
    if not recoveries:
        wrong.append("The journal knows no attempt that was lost with the killed worker.")
    if not ledger["faults"].get("outage"):
        wrong.append("The outage met no request.")
    for text in wrong:
        screen.console.print(text, style="bold red")
    return not wrong


def _stay(screen: Screen, there: Deployment) -> None:
    screen.say(f"everything stays up, and the dashboard at {there.dashboard}; Ctrl-C ends it", "bold")
    with suppress(KeyboardInterrupt):
        while True:
            there.stage.check()
            time.sleep(0.5)


def main() -> int:
    """Run the demonstration; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=20)
    parser.add_argument("--deadline", type=float, default=80, help="seconds after which it has failed")
    parser.add_argument("--folder", type=Path, default=Path(".wf/demo"), help="for data and logs; emptied first")
    parser.add_argument("--stay", action="store_true", help="keep all of it running in the end, to look around")
    options = parser.parse_args()
    if options.reports < 1:
        parser.error("--reports must be 1 or more")
    folder = options.folder.resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the processes are stopped also then
    screen = Screen()
    try:
        # Servers of its own, even where WF_REDIS_URL is set: nobody else's Redis shall meet FLUSHALL.
        with emptied(folder), embedded(folder) as urls, Deployment(screen, folder, urls) as there:
            demo = Demo(screen, there, options.deadline)
            with screen:
                demo.start()
                reports = demo.submit(options.reports)
            good = judge(screen, there.api.get("/ledger").json(), reports, there.inputs)
            if options.stay:
                _stay(screen, there)
    except (FailedError, WfError, httpx.HTTPError) as failed:
        screen.console.print(str(failed), style="bold red", markup=False, soft_wrap=True)
        good = False
    except KeyboardInterrupt:
        return 130
    screen.say("every report submitted exactly once" if good else "FAILED", "bold green" if good else "bold red")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
