"""Fixtures: real servers, a migrated database for each test, and worker processes.

Postgres and Valkey are embedded ones, started once in each process of pytest, unless WF_DATABASE_URL and WF_REDIS_URL
name others. A missing server fails the tests that need it; none is skipped.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
import redis

from tests.hostile.settings import BY_NAME, PLAIN
from tests.support import Databases, Processes, Rig
from tests.support.api import Api
from tests.support.pgbouncer import pooler_used
from wf.dev.servers import Postgres, Valkey
from wf.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

# Nobody needs this data after a crash; and a name without its schema must fail.
_POSTGRES = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "search_path": "",
}


MEMORY = Path("/dev/shm")  # Linux's file system in memory; folders in it get names of their own
ROOM = 2 * 1024**3
"""Bytes that must be free there."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--hostile NAME`: the acceptance tests run under that setting of `tests.hostile.settings`."""
    parser.addoption("--hostile", choices=sorted(BY_NAME), default=PLAIN.name, help="of tests/hostile/settings.py")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Let no collection of garbage look at thousands of tests and what they import, again and again."""
    gc.collect()
    gc.freeze()


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Which hostile setting the acceptance tests have, and which pooler."""
    return [f"hostile: {config.getoption('hostile')}", f"pooler: {pooler_used()}"]


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """A folder for servers; not pytest's, whose parents are closed to the account of Postgres.

    In memory, where there is room: a database for each test is 400 new files, which take a disk ten times as long.
    """
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    folder = Path(tempfile.mkdtemp(prefix="wf-tests-", dir=MEMORY if roomy else None))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(servers_folder: Path) -> Iterator[Databases]:
    """The Postgres server of this session."""
    if url := os.environ.get("WF_DATABASE_URL", ""):
        with Databases(url) as databases:
            yield databases
        return
    server = Postgres(servers_folder, _POSTGRES)
    try:
        server.start()
        with Databases(server.url) as databases:
            yield databases
    finally:
        server.stop()


@pytest.fixture(scope="session")
def template(databases: Databases) -> Iterator[str]:
    """The name of a migrated database, to be cloned."""
    from wf.migrations import migrate  # noqa: PLC0415  (tests without a journal do not need it)

    name = databases.create()
    migrate(databases.url(name))
    with psycopg.connect(databases.url(name)):
        pass  # it leaves Postgres's own cache of the schema behind, for all clones
    yield name
    databases.drop(name)


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    """A database of this test's own without a schema."""
    with databases.clone("template1") as url:
        yield url


@pytest.fixture
def database_url(databases: Databases, template: str) -> Iterator[str]:
    """A migrated database of this test's own."""
    with databases.clone(template) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url(servers_folder: Path) -> Iterator[str]:
    """The Redis that all tests share: use the key prefix and the queue of `settings`."""
    if url := os.environ.get("WF_REDIS_URL", ""):
        yield url
        return
    server = Valkey(servers_folder)
    try:
        server.start()
        yield server.url
    finally:
        server.stop()


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Iterator[Settings]:
    """Settings with a database, a key prefix and a queue of this test's own."""
    token = f"test-{uuid4().hex}"
    yield Settings(database_url=database_url, redis_url=redis_url, key_prefix=f"{token}:", queue=token)
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter(f"*{token}*", count=1000):
            client.delete(key)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Valkey]:
    """A running Valkey of this test's own, to flush, `stop()` and `start()` again on the same port."""
    server = Valkey(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def own_redis_settings(settings: Settings, own_redis: Valkey) -> Settings:
    """Like `settings`, but on the test's own Valkey."""
    return settings.model_copy(update={"redis_url": own_redis.url})


@pytest.fixture
def processes(settings: Settings, tmp_path: Path) -> Iterator[Processes]:
    """Starts workers and beats with the settings of the test; their logs are shown if it fails."""
    with Processes(settings, tmp_path) as started:
        yield started


@pytest.fixture
def rig(settings: Settings) -> Iterator[Rig]:
    """An engine without Celery, with a clock that the test moves."""
    with Rig(settings) as made:
        yield made


@pytest.fixture
def api(rig: Rig) -> Iterator[Api]:
    """The REST API on the engine of `rig`, with its clock; called from this machine, without a token."""
    with Api(rig.settings, rig.clock) as made:
        yield made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Half a character in what a test has printed breaks no report."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report
