"""The pictures of the dashboard, taken of a deployment that is at work. Run it with `make pictures`."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from camera import Camera, browsing
from deployment import Deployment
from scene import Scene
from screen import Screen
from stage import HERE, FailedError, emptied

from wf import WfError
from wf.dev.servers import embedded

if TYPE_CHECKING:
    from playwright.sync_api import Page

PICTURES = HERE / "pictures"
STANDING = 4  # numbers in the diagram
SLOW = ["--pace", "6"]  # so that a picture finds steps that run


class Photographer:
    """Takes each picture when there is something on it."""

    def __init__(self, scene: Scene, camera: Camera, dashboard: str, minutes: int) -> None:
        """`minutes` are those with steps that the pictures of activity shall show."""
        self._scene, self._camera, self._dashboard, self._minutes = scene, camera, dashboard, minutes

    def take_all(self) -> None:
        """Take all pictures."""
        one = f"/workflows/report/instances/{self._scene.star.id}"
        with self._camera.open(one) as page:
            self._wait_for(page, ".piece.lost")
            self._camera.take(page, "instance", bottom=".timeline")
            lost = page.locator("tr:has(.piece.lost)").first
            lost.get_by_role("link").click()
            self._wait_for(page, "dialog[open] .attempts .lost", "dialog[open] .log")
            self._camera.take(page, "step")
        with self._camera.open(one, dark=True) as page:
            self._camera.take(page, "instance-dark", bottom=".timeline")
        with self._camera.open("/workflows/report") as page:
            self._scene.until(
                lambda: page.locator(".drawing .badge").count() >= STANDING, "reports are all over the diagram"
            )
            self._camera.take(page, "workflow", top="#diagram-title", bottom=".drawing + details")
        with self._camera.open(one, phone=True) as page:
            self._camera.take(page, "phone")
        self._scene.until(self._is_busy, f"something was counted in {self._minutes} minutes")
        with self._camera.open("/activity") as page:
            self._wait_for(page, "tr[id^=running]")
            self._camera.take(page, "activity")

        with self._camera.open("/attention") as page:
            self._camera.take(page, "attention")

    def _wait_for(self, page: Page, *selectors: str) -> None:
        """Keep reports coming until all of these are on the page, which follows them."""
        for selector in selectors:
            self._scene.until(page.locator(selector).count, f"{selector} on {page.url}")

    def _is_busy(self) -> bool:
        points = httpx.get(f"{self._dashboard}/api/metrics/series").json()["result"]["points"]
        return len([point for point in points if point["steps"]]) >= self._minutes


def main() -> int:
    """Take the pictures; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".wf/pictures"), help="for data and logs; emptied first")
    parser.add_argument("--minutes", type=int, default=6, help="to be seen in the pictures of activity")
    parser.add_argument("--deadline", type=float, default=600, help="seconds after which it has failed")
    options = parser.parse_args()
    folder = options.folder.resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the processes are stopped also then
    screen = Screen()
    PICTURES.mkdir(exist_ok=True)
    try:
        with emptied(folder), embedded(folder) as urls, Deployment(screen, folder, urls, SLOW) as there:
            there.start(lambda: None)
            with there.client() as client, browsing() as browser:
                scene = Scene(there, client, options.deadline)
                scene.set_up()
                screen.say("reports are in every status; the pictures are taken")
                scene.until(there.shows_dashboard, "the dashboard answers")
                camera = Camera(browser, there.dashboard, PICTURES)
                Photographer(scene, camera, there.dashboard, options.minutes).take_all()
    except (FailedError, WfError, httpx.HTTPError) as failed:
        screen.console.print(str(failed), style="bold red", markup=False, soft_wrap=True)
        return 1
    screen.say(f"the pictures are in {PICTURES}", "bold green")
    return 0


if __name__ == "__main__":
    sys.exit(main())
