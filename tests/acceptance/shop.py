"""The shops of the examples: web apps in processes of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from wf.testing.processes import free_port

if TYPE_CHECKING:
    from wf import Settings
    from wf.testing.processes import Processes

_EXAMPLES = Path(__file__).parents[2] / "examples"
_SERVERS = {
    "fastapi_app": ["uvicorn", "app:app", "--host", "127.0.0.1", "--port"],
    "flask_app": ["flask", "--app", "app", "run", "--host", "127.0.0.1", "--port"],
}
SHOPS = sorted(_SERVERS)
"""The examples there are."""


def folder_of(name: str) -> Path:
    """Where an example is; its workflow is the module `orders` there."""
    return _EXAMPLES / name


class Shop:
    """A shop that is open.

    Attributes:
        folder: Of the example; its workflow is the module `orders` there.
        http: To buy.
    """

    def __init__(self, name: str, processes: Processes, settings: Settings, database_url: str) -> None:
        """Start it and wait until it answers.

        Args:
            name: One of `SHOPS`.
            processes: Of the test.
            settings: Of the client of celery-wf.
            database_url: Of the shop's own table.
        """
        self.folder, port = folder_of(name), free_port()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        self._process = processes.start(
            "shop", "-W", "error", "-m", *_SERVERS[name], str(port),
            ready=self._answers, settings=settings, cwd=self.folder,
            DATABASE_URL=database_url, PYTHONDONTWRITEBYTECODE="1",
        )  # fmt: skip

    def order(self, id: str, **more: Any) -> httpx.Response:
        """Order tea."""
        return self.http.post("/orders", json={"id": id, "item": "tea", **more})

    def pay(self, id: str) -> httpx.Response:
        """Pay for it."""
        return self.http.post(f"/orders/{id}/pay", json={"card": "visa"})

    def look(self, id: str) -> httpx.Response:
        """How it is."""
        return self.http.get(f"/orders/{id}")

    def log(self) -> str:
        """What it has printed."""
        return self._process.log()

    def close(self) -> None:
        """End it."""
        self.http.close()
        self._process.kill()

    def _answers(self) -> bool:
        try:
            return self.http.get("/nothing").status_code == 404
        except httpx.TransportError:
            return False
