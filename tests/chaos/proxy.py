"""A small TCP proxy in front of a server: it can delay what passes, and cut everybody off."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

CHUNK = 65_536


class Proxy:
    """Passes bytes between clients on a port of this machine and a server.

    Args:
        target: A path of a Unix socket, or a port of this machine.

    Attributes:
        port: Where clients connect.
        delay: Seconds for which each chunk is held back.
        closed: Whether nobody gets through.
    """

    def __init__(self, target: str | int) -> None:
        self.target, self.delay, self.closed = target, 0.0, False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True, name="chaos-proxy").start()

    def cut(self) -> None:
        """Cut off everybody who is connected, in the middle of whatever they say."""
        with self._lock:
            connections, self._open = list(self._open), set()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Listen no more."""
        self.closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # `close` alone does not wake the thread that accepts
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # stopped
                return
            if self.closed:
                client.close()
                continue
            try:
                server = self._connect()
            except OSError:  # it is being restarted
                client.close()
                continue
            with self._lock:
                self._open |= {client, server}
            for here, there in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(here, there), daemon=True, name="chaos-pipe").start()

    def _connect(self) -> socket.socket:
        if isinstance(self.target, int):
            return socket.create_connection(("127.0.0.1", self.target))
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self.target)
        except OSError:
            server.close()
            raise
        return server

    def _pass(self, here: socket.socket, there: socket.socket) -> None:
        """Pass on what one side says until it ends; each of the two threads closes the side that it reads."""
        with suppress(OSError):
            while data := here.recv(CHUNK):
                if self.delay:
                    time.sleep(self.delay)
                there.sendall(data)
        for one in (here, there):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open.discard(here)
        here.close()
