"""I/O in `run`: every way out of the loop is closed, with an error that says what to do."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.passes import begin, work
from wf.core import CoreLoop, Failed
from wf.errors import OutsideStepError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.core import Event, Step

WAYS_OUT: dict[str, tuple[Callable[[asyncio.AbstractEventLoop], Any], str]] = {
    "open_connection": (lambda _: asyncio.open_connection("localhost", 9), "create_connection"),
    "open_unix_connection": (lambda _: asyncio.open_unix_connection("socket"), "create_unix_connection"),
    "start_server": (lambda _: asyncio.start_server(lambda _r, _w: None, port=0), "create_server"),
    "to_thread": (lambda _: asyncio.to_thread(work), "asyncio.to_thread"),
    "run_in_executor": (lambda loop: loop.run_in_executor(None, work), "run_in_executor"),
    "create_subprocess_exec": (lambda _: asyncio.create_subprocess_exec("true"), "subprocess_exec"),
    "create_subprocess_shell": (lambda _: asyncio.create_subprocess_shell("true"), "subprocess_shell"),
    "getaddrinfo": (lambda loop: loop.getaddrinfo("localhost", 80), "socket.getaddrinfo"),
    "getnameinfo": (lambda loop: loop.getnameinfo(("::1", 80)), "getnameinfo"),
    "add_signal_handler": (lambda loop: loop.add_signal_handler(signal.SIGUSR1, work), "add_signal_handler"),
    "add_reader": (lambda loop: loop.add_reader(0, work), "add_reader"),
    "sock_recv": (lambda loop: loop.sock_recv(socket.socket.__new__(socket.socket), 1), "sock_recv"),
    "sendfile": (lambda loop: loop.sendfile(None, None), "sendfile"),  # type: ignore[arg-type]
    "datagrams": (
        lambda loop: loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("::1", 0)),
        "create_datagram_endpoint",
    ),
    "call_soon_threadsafe": (lambda loop: loop.call_soon_threadsafe(work), "call_soon_threadsafe"),
    "run_coroutine": (lambda loop: loop.run_forever(), "run_forever"),
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_a_way_out_is_refused(way: str) -> None:
    """A call that would leave the loop raises an error that names the call and says: wrap it in step.do."""
    leave, name = WAYS_OUT[way]

    async def run(_event: Event, _step: Step) -> None:
        answer = leave(asyncio.get_running_loop())
        if asyncio.iscoroutine(answer):
            await answer

    outcome = begin(run).outcome
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, OutsideStepError)
    assert name in outcome.error.call
    assert name in str(outcome.error)
    assert "wrap the call in step.do" in str(outcome.error)


def test_nothing_of_an_event_loop_is_left_unimplemented() -> None:
    """Every public method of a loop either works or is refused; none raises NotImplementedError."""
    inherited = [
        name
        for name in dir(asyncio.AbstractEventLoop)
        if not name.startswith("_") and getattr(CoreLoop, name) is getattr(asyncio.AbstractEventLoop, name)
    ]
    assert inherited == []


def test_a_refusal_can_be_caught_and_survived() -> None:
    """The error is an ordinary one, so `run` may go on without the call."""

    async def run(_event: Event, _step: Step) -> str:
        try:
            await asyncio.to_thread(work)
        except OutsideStepError as error:
            return error.call
        return "it ran"

    outcome = begin(run).outcome
    assert outcome is not None
    assert outcome.value == "a thread (run_in_executor or asyncio.to_thread)"  # type: ignore[union-attr]


def test_shutting_down_is_nothing_to_do() -> None:
    """The two coroutines that asyncio's runners call at the end are there and do nothing."""

    async def run(_event: Event, _step: Step) -> str:
        loop = asyncio.get_running_loop()
        await loop.shutdown_asyncgens()
        await loop.shutdown_default_executor()
        return f"{loop.get_debug()} {loop.is_closed()}"

    outcome = begin(run).outcome
    assert outcome is not None
    assert outcome.value == "False False"  # type: ignore[union-attr]
