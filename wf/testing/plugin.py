"""The pytest plugin: the fixture `wf`, and options. Installed with the library; it costs nothing until it is used."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from wf.testing.process_fixtures import pytest_runtest_makereport, wf_own_redis, wf_processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.settings import Settings
    from wf.testing.registrations import Registrations
    from wf.testing.servers import Servers
    from wf.testing.workbench import Workbench

__all__ = ["pytest_runtest_makereport", "wf", "wf_own_redis", "wf_processes", "wf_servers", "wf_settings"]

# What is slow to import is imported in the fixtures: this module is loaded in every run of pytest.

PARSES_BESIDE = sys.version_info >= (3, 12, 2) or (3, 11, 8) <= sys.version_info < (3, 12)
"""Whether two threads may parse Python at once, as pytest does with what it imports for the first time.

Before, one of them ended in a SystemError now and then (CPython gh-106905).
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the fixture."""
    group = parser.getgroup("wf", "durable workflows (wf)")
    group.addoption(
        "--wf-always-replay", action="store_true",
        help="After every step replay `run` from its first line, as after a crash; a replay that differs is an error.",
    )  # fmt: skip
    group.addoption(
        "--wf-database-url", default="", metavar="URL",
        help="Make a database for the tests on this Postgres; by default an embedded one is started.",
    )  # fmt: skip
    parser.addini("wf_settings", "settings of the `wf` fixture in all tests: lines of `name = value`", "linelist", [])
    group.addoption(
        "--wf-redis-url", default="", metavar="URL",
        help="Use this Redis, with keys of the tests' own; by default an embedded Valkey is started.",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "wf(**settings): settings of the `wf` fixture, such as max_lost=1, workers=1 or always_replay=True"
    )


@pytest.fixture(scope="session")
def wf_servers(pytestconfig: pytest.Config) -> Iterator[Servers]:
    """Postgres and Redis for the tests of this process; started by the first test that needs them."""
    if PARSES_BESIDE:  # what the tests need next takes as long to import as the servers to start: they mostly wait
        Thread(target=import_module, args=("wf.testing.workbench",), daemon=True).start()
    from wf.testing.servers import servers  # noqa: PLC0415

    cache, folder = getattr(pytestconfig, "cache", None), None
    with suppress(OSError):  # a cache that cannot be written costs time, and nothing else
        folder = None if cache is None else Path(cache.mkdir("wf"))
    urls = {name: pytestconfig.getoption(f"wf_{name}") for name in ("database_url", "redis_url")}
    with servers(cache=folder, **urls) as started:
        yield started


@pytest.fixture(scope="session")
def _wf_registrations(wf_servers: Servers) -> Iterator[Registrations]:
    from wf.database import Database  # noqa: PLC0415
    from wf.settings import Settings  # noqa: PLC0415
    from wf.testing.registrations import Registrations  # noqa: PLC0415

    database = Database(Settings(database_url=wf_servers.database_url))
    yield Registrations(database)
    database.close()


@pytest.fixture
def wf_settings(wf_servers: Servers, _wf_registrations: Registrations) -> Iterator[Settings]:
    """Settings for real processes of this test: an empty journal, and a queue of their own."""
    from redis import Redis  # noqa: PLC0415

    from wf.testing.workbench import settings_of  # noqa: PLC0415

    _wf_registrations.begin()
    yield settings_of(wf_servers, key_prefix=f"{wf_servers.prefix}processes:", queue="processes")
    _wf_registrations.reset()
    with Redis.from_url(wf_servers.redis_url) as redis:
        for key in redis.scan_iter(f"{wf_servers.prefix}processes:*"):
            redis.delete(key)


@pytest.fixture
def wf(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    wf_servers: Servers,
    _wf_registrations: Registrations,
) -> Iterator[Workbench]:
    """An engine of this test's own: `wf.workflow`, `wf.introspect`, `wf.introspect_instance`, `wf.time`, `wf.client`.

    While it is there, `wf.Client()` and what else reads `WF_...` variables find it, too.
    """
    from wf.testing.workbench import Workbench  # noqa: PLC0415

    with Workbench(wf_servers, _wf_registrations, **_options(request)) as bench:
        for name in [name for name in os.environ if name.startswith("WF_")]:
            monkeypatch.delenv(name)
        for name, value in bench.environment.items():
            monkeypatch.setenv(name, value)
        yield bench


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the command line, pytest's ini file and the markers of a test say of its engine; the nearest one wins."""
    options: dict[str, Any] = {"always_replay": request.config.getoption("wf_always_replay")}
    for line in request.config.getini("wf_settings"):
        name, equals, value = line.partition("=")
        if not equals:
            raise pytest.UsageError(f"wf_settings: a line is `name = value`, not {line!r}.")
        options[name.strip()] = value.strip()
    for marker in reversed(list(request.node.iter_markers("wf"))):
        if marker.args:
            raise pytest.UsageError(f"@pytest.mark.wf takes settings by their names, not {marker.args!r}.")
        options |= marker.kwargs
    return options
