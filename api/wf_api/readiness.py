"""Whether Postgres and Redis answer, found out once a second at most: load balancers ask, but anybody may."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import structlog
from starlette.concurrency import run_in_threadpool

from wf.errors import BrokerUnavailable, JournalUnavailable, SchemaMismatch

if TYPE_CHECKING:
    from wf.client import Client

FRESH = 1.0
"""Seconds for which what was found out is told again."""

log = structlog.get_logger("wf")


class Readiness:
    """Looks for all who ask, one look at a time; they wait on the event loop, and take no threads from others.

    Args:
        client: Whose connections are tried.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._turn = asyncio.Lock()
        self._found: dict[str, str] = {}
        self._fresh_until = 0.0

    async def checks(self) -> dict[str, str]:
        """What was looked at, each with `ok` or the code of an error."""
        async with self._turn:
            if time.monotonic() >= self._fresh_until:
                self._found = await run_in_threadpool(self._look)
                self._fresh_until = time.monotonic() + FRESH
            return self._found

    def _look(self) -> dict[str, str]:
        return {"journal": self._journal(), "broker": self._broker()}

    def _journal(self) -> str:
        try:
            self._client.database.check_schema()
        except (JournalUnavailable, SchemaMismatch) as error:
            log.warning("not ready", reason=str(error))  # with names of hosts, which are not for everybody
            return error.code
        return "ok"

    def _broker(self) -> str:
        try:
            self._client.dispatcher.ping()
        except BrokerUnavailable as error:
            log.warning("broker away", reason=error.reason)
            return error.code
        return "ok"
