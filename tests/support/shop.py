"""The shops of the examples: web apps in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.support.processes import environment
from tests.support.waiting import wait_until
from tests.support.web import free_port
from wf.dev.process import kill_group, spawn

if TYPE_CHECKING:
    from wf.settings import Settings

_EXAMPLES = Path(__file__).parents[2] / "examples"
_SERVERS = {
    "fastapi_app": ["uvicorn", "app:app", "--host", "127.0.0.1", "--port"],
    "flask_app": ["flask", "--app", "app", "run", "--host", "127.0.0.1", "--port"],
}
SHOPS = sorted(_SERVERS)
"""The examples there are."""


class Shop:
    """A shop that is open.

    Attributes:
        folder: Of the example; its workflow is the module `orders` there.
        http: To buy.
    """

    def __init__(self, name: str, settings: Settings, database_url: str, log: Path) -> None:
        """Start it and wait until it answers.

        Args:
            name: One of `SHOPS`.
            settings: Of the client of celery-wf.
            database_url: Of the shop's own table.
            log: A file.
        """
        self.folder, self.log, port = _EXAMPLES / name, log, free_port()
        with log.open("ab") as output:
            self._process = spawn(
                [sys.executable, "-W", "error", "-m", *_SERVERS[name], str(port)],
                env=environment(settings, {"DATABASE_URL": database_url, "PYTHONDONTWRITEBYTECODE": "1"}),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        try:
            wait_until(self._answers, 30, f"{name} answers")
        except BaseException as error:
            self.close()
            error.add_note(log.read_text())
            raise

    def order(self, id: str, **more: Any) -> httpx.Response:
        """Order tea."""
        return self.http.post("/orders", json={"id": id, "item": "tea", **more})

    def pay(self, id: str) -> httpx.Response:
        """Pay for it."""
        return self.http.post(f"/orders/{id}/pay", json={"card": "visa"})

    def look(self, id: str) -> httpx.Response:
        """How it is."""
        return self.http.get(f"/orders/{id}")

    def close(self) -> None:
        """End it."""
        self.http.close()
        kill_group(self._process)

    def _answers(self) -> bool:
        assert self._process.poll() is None, f"it ended with {self._process.returncode}"
        try:
            return self.http.get("/nothing").status_code == 404
        except httpx.TransportError:
            return False
