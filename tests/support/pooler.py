"""A pooler as small as can be: sessions get the Postgres connections that are free, for as long as the mode says."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from queue import Queue
from typing import Self

from sqlalchemy import make_url

_SSL, _GSS = 80877103, 80877104
_IDLE = b"I"


class Pooler:
    """Stands between clients and a Postgres that trusts everybody; startup options do not pass it.

    Args:
        database_url: The Postgres.
        shared: Whether each transaction gets any connection, as with PgBouncer's transaction pooling; else a session
            keeps one. Options pass then, and so does everything else but the number of the backend.
    """

    def __init__(self, database_url: str, *, shared: bool) -> None:
        parsed = make_url(database_url)
        self._shared, self._name, self._user = shared, parsed.database or "", parsed.username or ""
        folder = str(parsed.query["host"])
        self._path = f"{folder}/.s.PGSQL.{parsed.port or 5432}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"postgresql://{self._user}@127.0.0.1:{self._listener.getsockname()[1]}/{self._name}?sslmode=disable"
        self._free: Queue[tuple[socket.socket, bytes]] = Queue()
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        if self._shared:
            for _ in range(3):
                self._free.put(self._upstream(self._startup()))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for one in self._open:
            one.close()

    def _startup(self) -> bytes:
        words = ["user", self._user, "database", self._name]
        body = struct.pack("!I", 196608) + b"".join(word.encode() + b"\0" for word in words) + b"\0"
        return struct.pack("!I", len(body) + 4) + body

    def _upstream(self, startup: bytes) -> tuple[socket.socket, bytes]:
        """A connection to Postgres, and what it said when it began; with another number of the backend."""
        server = socket.socket(socket.AF_UNIX)
        self._open.append(server)
        server.connect(self._path)
        server.sendall(startup)
        said = b""
        while True:
            kind, message = _message(server)
            said += b"K" + struct.pack("!III", 12, 1, 1) if kind == b"K" else message
            if kind in (b"Z", b"E"):
                return server, said

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, EOFError), client:
            startup = _sized(client)
            while struct.unpack("!I", startup[4:8])[0] in (_SSL, _GSS):
                client.sendall(b"N")
                startup = _sized(client)
            if self._shared:
                kept = self._free.get(timeout=10)
                self._free.put(kept)
                client.sendall(kept[1])
                self._share(client)
            else:
                server, said = self._upstream(startup)
                client.sendall(said)
                with server:
                    while (asked := _question(client)) is not None:
                        server.sendall(asked)
                        _answer(server, client)

    def _share(self, client: socket.socket) -> None:
        """Each transaction gets whichever connection is free."""
        held = None
        while (asked := _question(client)) is not None:
            held = held or self._free.get(timeout=10)
            held[0].sendall(asked)
            if _answer(held[0], client) == _IDLE:
                self._free.put(held)
                held = None


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (more := source.recv(size - len(data))):
            raise EOFError
        data += more
    return data


def _sized(source: socket.socket) -> bytes:
    head = _exactly(source, 4)
    return head + _exactly(source, struct.unpack("!I", head)[0] - 4)


def _message(source: socket.socket) -> tuple[bytes, bytes]:
    kind = _exactly(source, 1)
    return kind, kind + _sized(source)


def _question(client: socket.socket) -> bytes | None:
    """What a client sends until it waits for an answer; None when it leaves."""
    asked = b""
    while True:
        kind, message = _message(client)
        if kind == b"X":
            return None
        asked += message
        if kind in (b"Q", b"S"):
            return asked


def _answer(server: socket.socket, client: socket.socket) -> bytes:
    """Pass an answer on; gives whether the server is in a transaction after it."""
    while True:
        kind, message = _message(server)
        client.sendall(message)
        if kind == b"Z":
            return message[-1:]
