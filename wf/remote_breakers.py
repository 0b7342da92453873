"""The breakers behind an API, as `wf.breakers.Breakers` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf import wire
from wf.remote_http import Http, part

if TYPE_CHECKING:
    from wf.answers import Answer


class RemoteBreakers:
    """As `wf.breakers.Breakers`, for people.

    Args:
        http: Asks the API.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    def get(self, workflow: str) -> Answer:
        """As `Breakers.get`."""
        found: Answer = wire.overview_back(self._http.get(f"/workflows/{part(workflow)}/breaker"))
        return found

    def close(self, workflow: str) -> Answer:
        """As `Breakers.close`."""
        return self._send(workflow, "close")

    def open(self, workflow: str) -> Answer:
        """As `Breakers.open`."""
        return self._send(workflow, "open")

    def _send(self, workflow: str, action: str) -> Answer:
        told = self._http.send("POST", f"/workflows/{part(workflow)}/breaker", json={"action": action})
        found: Answer = wire.overview_back(told)
        return found
