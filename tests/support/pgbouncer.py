"""The real PgBouncer, in transaction mode; where there is none, `Pooler` stands in and says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import make_url

from tests.support.pooler import Pooler
from tests.support.waiting import wait_until
from wf.dev.process import end, spawn
from wf.testing.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONFIG = """
[databases]
* = {database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 5
max_client_conn = 1000
ignore_startup_parameters = options, extra_float_digits
"""


@cache
def pgbouncer() -> tuple[str, str]:
    """Path and release of the PgBouncer of this machine; empty texts if it has none."""
    path = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if path is None:
        return "", ""
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    return path, told.splitlines()[0]


def pooler_used() -> str:
    """Which pooler `pooled` starts, for reports."""
    path, release = pgbouncer()
    return f"{release} ({path})" if path else "tests/support/pooler.py, because there is no pgbouncer"


@contextmanager
def pooled(database_url: str) -> Iterator[str]:
    """A pooler that gives each transaction any of five connections; yields the URL of the same database through it."""
    path, _ = pgbouncer()
    if not path:
        with Pooler(database_url, shared=True) as pooler:
            yield pooler.url
        return
    parsed, port = make_url(database_url), free_port()
    host = str(parsed.query.get("host") or parsed.host)
    words = {"host": host, "port": parsed.port or 5432, "user": parsed.username, "password": parsed.password}
    folder = Path(tempfile.mkdtemp(prefix="wf-pgbouncer-"))
    folder.chmod(0o755)
    config = folder / "pgbouncer.ini"
    database = " ".join(f"{name}={value}" for name, value in words.items() if value)
    config.write_text(_CONFIG.format(database=database, port=port))
    url = parsed.set(host="127.0.0.1", port=port, password=None, query={"sslmode": "disable"})
    through = url.render_as_string(hide_password=False)
    log = folder / "pgbouncer.log"
    with log.open("ab") as output:
        process = spawn([path, str(config)], cwd=folder, stdout=output, stderr=output, **_account(host))
    try:
        wait_until(lambda: process.poll() is not None or _answers(through), 20, "PgBouncer answers")
        assert process.poll() is None, log.read_text()
        yield through
    finally:
        end(process)
        shutil.rmtree(folder, ignore_errors=True)


def _account(host: str) -> dict[str, Any]:
    """Whom to run it as: it refuses root, and a socket's folder is open to the account of Postgres alone."""
    if os.geteuid():
        return {}
    if not host.startswith("/"):
        return {"user": "nobody", "extra_groups": []}
    found = Path(host).stat()
    return {"user": found.st_uid, "group": found.st_gid, "extra_groups": []}


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
