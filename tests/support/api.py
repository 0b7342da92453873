"""The REST API on a real server in this process, on the clock of a rig."""

from __future__ import annotations

import ssl
import threading
from typing import TYPE_CHECKING, Any, Self

import httpx
import uvicorn

from tests.support.waiting import wait_until
from tests.support.web import free_port
from wf_api.app import make_app

if TYPE_CHECKING:
    from wf.clock import Clock
    from wf.settings import Settings

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody, and so is soon made: the servers of tests speak plain HTTP."""


class Api:
    """A server, and a client of it.

    Args:
        settings: Of the test.
        clock: Of its rig, if it has one.
        token: Shown with every request, if there is one.

    Attributes:
        url: Where the server is.
        http: Sends requests to it.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None, token: str = "") -> None:
        self.app = make_app(settings, clock)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._server = uvicorn.Server(uvicorn.Config(self.app, port=port, log_config=None, timeout_graceful_shutdown=1))
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=30, verify=PLAIN)

    def __call__(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The answer to a request, whatever it is; what it wanted nudged is in the queue."""
        answer = self.http.request(method, path, **request)
        self.app.state.parts.nudging.flush()
        return answer

    def ok(self, method: str, path: str, **request: Any) -> Any:
        """The result of a request that must succeed."""
        answer = self(method, path, **request)
        assert answer.is_success, answer.text
        return answer.json()["result"]

    def refusal(self, method: str, path: str, **request: Any) -> tuple[int, int, str]:
        """Status, number and text of the code of a request that must fail."""
        answer = self(method, path, **request)
        assert answer.is_error, answer.text
        body = answer.json()
        assert (body["success"], body["result"]) == (False, None)
        return answer.status_code, body["errors"][0]["code"], body["errors"][0]["message"]

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._server.started, what="the API listens")
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive()
