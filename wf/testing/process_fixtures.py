"""Fixtures of pytest: real processes, and a Redis to lose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wf.testing.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from wf.dev.servers import Valkey as Valkey  # noqa: PLC0414  # tests annotate with it
    from wf.settings import Settings


@pytest.fixture
def wf_processes(wf_settings: Settings, tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Processes]:
    """Starts workers, beats and other programs with the settings of the test; their logs are shown if it fails."""
    with Processes(wf_settings, tmp_path, paths=pytestconfig.getini("pythonpath")) as started:
        yield started


@pytest.fixture
def wf_own_redis(tmp_path: Path) -> Iterator[Valkey]:
    """A running Valkey of this test's own, to flush, `stop()` and `start()` again on the same port."""
    from wf.dev.servers import Valkey  # noqa: PLC0415  # slow, and pytest loads this module whatever it runs

    server = Valkey(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the logs of the test's processes to the report of its failure."""
    report = yield
    if report.failed:
        for started in getattr(item, "funcargs", {}).values():
            if isinstance(started, Processes):
                report.sections.extend((f"log of {name}", text) for name, text in started.logs().items())
    return report
