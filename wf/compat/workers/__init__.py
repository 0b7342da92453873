"""Stand-in for Cloudflare's module `workers`: workflows are ours, and what serves HTTP there can be made and called."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from wf.workflow import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Request", "Response", "WorkerEntrypoint", "WorkflowEntrypoint"]


class WorkerEntrypoint:
    """A Worker. Nothing routes requests to it here; `await Default(ctx, env).fetch(request)` works."""

    def __init__(self, ctx: Any = None, env: Any = None) -> None:
        self.ctx, self.env = ctx, env


class _Message:
    def __init__(self, body: Any, headers: Mapping[str, str] | None) -> None:
        self.body = body
        self.headers = dict(headers or {})

    async def text(self) -> str:
        """The body as text."""
        return self.body.decode() if isinstance(self.body, bytes) else str("" if self.body is None else self.body)


class Response(_Message):
    """An answer that is only held.

    Args:
        body: Text or bytes.
        status: HTTP status.
        status_text: Its text.
        headers: Names and values.
    """

    def __init__(
        self, body: Any = None, status: int = 200, status_text: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(body, headers)
        self.status, self.status_text = int(status), status_text

    @property
    def ok(self) -> bool:
        """Whether the status says so."""
        return 200 <= self.status < 300

    @classmethod
    def json(
        cls, data: Any, status: int = 200, status_text: str = "", headers: Mapping[str, str] | None = None
    ) -> Response:
        """A response whose body is JSON."""
        return cls(json.dumps(data), status, status_text, {"content-type": "application/json", **(headers or {})})

    @classmethod
    def redirect(cls, url: str, status: int = 302) -> Response:
        """A response that leads elsewhere."""
        return cls(None, status, headers={"location": url})


class Request(_Message):
    """A request that is only held.

    Args:
        url: The whole URL.
        method: HTTP method.
        headers: Names and values.
        body: Text or bytes.
    """

    def __init__(
        self, url: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: Any = None
    ) -> None:
        super().__init__(body, headers)
        self.url, self.method = str(url), method

    async def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(await self.text())
