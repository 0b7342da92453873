"""Serves the app: one process, with uvicorn. Logs go to standard error, as JSON unless that is a terminal."""

from __future__ import annotations

import gc
import logging
import os
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
import uvicorn

from wf.clock import DatabaseClock
from wf.database import Database
from wf.errors import WfError
from wf.tokens import Tokens
from wf_api.app import make_app
from wf_api.origins import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import Processor

    from wf.settings import Settings

GRACE = 3
"""Seconds that open answers, such as feeds, have to end when the process shall stop."""


class CannotListen(WfError):
    """The address cannot be listened on."""

    code = "api.cannot_listen"


class Unprotected(WfError):
    """Others could reach the API, and there is no token that counts."""

    code = "api.unprotected"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"Without a token that counts the API does not listen on {host}: nobody there could use it. Create one "
            f"first: wf tokens create NAME --scope admin"
        )
        self.host = host


def serve(settings: Settings, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; call it in the main thread.

    Args:
        settings: Of this process.
        host: Where to listen; beyond loopback only if there is a token that counts.
        port: 0 takes any that is free.
        say: Tells people where it listens.

    Raises:
        Unprotected: The host is more than this machine, and there is no token that counts.
        CannotListen: The address is not there, or taken.
        InvalidHooks: WF_HOOKS names a file that cannot be used.
        JournalUnavailable: Postgres does not answer.
    """
    log_to_stderr()
    hint = _hint(settings)
    if hint and not is_loopback(host):
        raise Unprotected(host)
    app = make_app(settings)
    spare_the_collector()
    listening = _listen(host, port)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=GRACE,
        proxy_headers=True, forwarded_allow_ips=settings.api_proxies,  # not what FORWARDED_ALLOW_IPS says for others
    )  # fmt: skip
    say(f"wf api listens on {_url(listening)}")
    if hint:
        say(f"{hint} Create one: wf tokens create NAME --scope admin")
    with suppress(KeyboardInterrupt):  # uvicorn hands it on when all is closed
        uvicorn.Server(config).run([listening])


def spare_the_collector() -> None:
    """What was imported, and the app, is no garbage to look for again and again; a request leaves next to none behind.

    Measured, a tenth of the time of a request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def log_to_stderr() -> None:
    """Send every log, uvicorn's too, to standard error."""
    merged = structlog.contextvars.merge_contextvars
    first: list[Processor] = [merged, structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso")]
    render: list[Processor]
    if sys.stderr.isatty():
        # A traceback as Python writes it: structlog's own would show local variables, secrets and all.
        render = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    else:
        render = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(processors=[*first, *render], logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    handler = logging.StreamHandler(sys.stderr)
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=first, processors=[clean, *render]))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _hint(settings: Settings) -> str:
    """What people should know who serve without a token; empty if there is one that counts."""
    database = Database(settings)
    try:
        tokens = Tokens(database, DatabaseClock())
        if tokens.any_active():
            return ""
        if tokens.any():
            return "Every token has expired or was revoked, so it refuses all requests."
        return "There is no token yet, so it serves this machine only."
    finally:
        database.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or error
        raise CannotListen(f"Cannot listen on {host}, port {port}: {reason}.") from None


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
