"""A guard against I/O in `run`: whoever blocks there, blocks each replay, and does it again each time.

asyncio's own ways out are refused by the core's loop. The rest is found by Python's audit events, in worker processes:
sockets, processes and threads. Reading a file is let through, because imports and tracebacks do it, too.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

from wf.core import CoreLoop
from wf.errors import OutsideStepError

_REFUSED = {
    "socket.connect": "a socket (socket.connect)",
    "socket.bind": "a socket (socket.bind)",
    "socket.getaddrinfo": "a name server (socket.getaddrinfo)",
    "socket.gethostbyname": "a name server (socket.gethostbyname)",
    "subprocess.Popen": "a process (subprocess)",
    "os.system": "a process (os.system)",
    "os.posix_spawn": "a process (os.posix_spawn)",
    "_thread.start_new_thread": "a thread (threading)",
    "time.sleep": "time.sleep (asyncio.sleep and step.sleep are durable)",
}
"""Audit events, and how the error names them. Of threads Python tells from 3.12 on, of `time.sleep` from 3.13 on."""

_installed = threading.Event()


def install() -> None:
    """Watch this process from now on; a hook cannot be taken out again."""
    if not _installed.is_set():
        _installed.set()
        sys.addaudithook(_audit)


def refuse_in_run(call: str) -> None:
    """Refuse a call that reaches the outside world if it comes from `run`.

    Args:
        call: How the error names it.

    Raises:
        OutsideStepError: It does.
    """
    loop = asyncio._get_running_loop()  # noqa: SLF001  # as asyncio's own C code asks
    if isinstance(loop, CoreLoop):
        raise OutsideStepError(call)


def _audit(event: str, _args: tuple[Any, ...]) -> None:
    if event in _REFUSED:
        refuse_in_run(_REFUSED[event])
