"""What runs: the external API, workers, beat, the dashboard and Flower, each on a port of its own."""

from __future__ import annotations

import sys
import time
from itertools import count
from typing import TYPE_CHECKING, Self

import httpx
from stage import Stage, free_port

from wf import Client, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from screen import Screen

    from wf.dev.servers import Urls

WF = [sys.executable, "-m", "wf"]
QUICK = {"lease": 5, "renudge": 5}  # seconds; recovery is to be seen, and with the defaults it takes 30


class Deployment:
    """The processes of the demonstration; all of them end with the `with` block.

    Attributes:
        api: The external API.
        dashboard: Where the pages are.
        inputs: The folder of the reports with their files.
        settings: What all processes are told.
        stage: Where they run.
    """

    def __init__(self, screen: Screen, folder: Path, urls: Urls, faults: Sequence[str] = ()) -> None:
        """`faults` are options of `api.py`."""
        self.inputs, self._screen, self._worker_numbers = folder / "inputs", screen, count(1)
        port, self._flower, self._dashboard = free_port(), free_port(), free_port()
        self.dashboard = f"http://127.0.0.1:{self._dashboard}"
        self.settings = Settings(
            database_url=urls.database_url,
            redis_url=urls.redis_url,
            dashboard_url=self.dashboard,
            flower_url=f"http://127.0.0.1:{self._flower}",
            **QUICK,
        )
        self.api = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5)
        ours = {f"WF_{name.upper()}": str(value) for name, value in self.settings.model_dump().items()}
        of_workflow = {"REPORT_API_URL": str(self.api.base_url), "REPORT_FOLDER": str(self.inputs)}
        self.stage = Stage(folder, ours | of_workflow)
        ledger = str(folder / "ledger.sqlite")
        self._api_command = [sys.executable, "api.py", "--port", str(port), "--ledger", ledger, *faults]

    def __enter__(self) -> Self:
        self.stage.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.api.close()
        self.stage.__exit__()

    def start(self, look_after: Callable[[], None]) -> None:
        """Start everything and wait until API and workers are ready.

        Args:
            look_after: Called again and again meanwhile; raises when it takes too long.
        """
        self._screen.say("starting the API, two workers, beat, the dashboard and Flower")
        self.stage.start("api", *self._api_command)
        self.stage.run("migrate", *WF, "migrate")
        workers = [self.start_worker(), self.start_worker()]
        self.stage.start("beat", *WF, "beat")
        self.stage.start("dashboard", *WF, "api", "--host", "127.0.0.1", "--port", str(self._dashboard))
        self.stage.start("flower", *WF, "flower", "--port", str(self._flower))
        while not (
            _answers(f"{self.api.base_url}/ledger") and all(self.stage.says(worker, " ready.") for worker in workers)
        ):
            look_after()
            time.sleep(0.05)
        self._screen.say(f"all of them run; their logs are in {self.inputs.parent}")
        self._screen.say(f"the dashboard is at {self.dashboard} for as long as this lasts", "bold")
        self._screen.say(f"Flower is at {self.settings.flower_url}")
        self._screen.say("a lease lasts 5 seconds here instead of 30, so that recovery is soon seen", "dim")

    def start_worker(self) -> str:
        """Start one more worker; gives its name."""
        name = f"worker-{next(self._worker_numbers)}"
        self.stage.start(name, *WF, "worker", "workflow", "--concurrency", "8")
        return name

    def shows_dashboard(self) -> bool:
        """Whether the dashboard answers by now; nothing else waits for it."""
        return _answers(f"{self.dashboard}/readyz")

    def client(self) -> Client:
        """A client of the workflows."""
        return Client(settings=self.settings)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False
