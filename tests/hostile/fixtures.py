"""Fixtures of the acceptance tests, as the hostile setting of `--hostile` has them; without it, as users have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.hostile.processes import HostileProcesses
from tests.hostile.settings import BY_NAME, PLAIN, Hostile
from tests.support.pgbouncer import pooled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wf import Settings
    from wf.testing.process_fixtures import Valkey


@pytest.fixture
def hostile(pytestconfig: pytest.Config) -> Hostile:
    """The setting under which this test runs."""
    return BY_NAME[pytestconfig.getoption("hostile", PLAIN.name)]


@pytest.fixture
def wf_settings(settings: Settings, hostile: Hostile) -> Iterator[Settings]:
    """Settings with a database, a key prefix and a queue of this test's own."""
    settings = settings.model_copy(update=dict(hostile.settings))
    if not hostile.pooled:
        yield settings
        return
    with pooled(settings.database_url) as url:
        yield settings.model_copy(update={"database_url": url})


@pytest.fixture
def wf_processes(
    wf_settings: Settings, hostile: Hostile, tmp_path: Path, pytestconfig: pytest.Config
) -> Iterator[HostileProcesses]:
    """Starts workers, beats and other programs with the settings of the test; their logs are shown if it fails."""
    paths = pytestconfig.getini("pythonpath")
    with HostileProcesses(hostile, wf_settings, tmp_path, paths=paths) as started:
        yield started


@pytest.fixture
def own_redis_settings(wf_settings: Settings, wf_own_redis: Valkey) -> Settings:
    """Like `wf_settings`, but on the test's own Valkey."""
    return wf_settings.model_copy(update={"redis_url": wf_own_redis.url})


@pytest.fixture
def hasty(own_redis_settings: Settings) -> Settings:
    """Settings under which a lost worker or message is noticed within a second."""
    return own_redis_settings.model_copy(update={"lease": 1.0, "renudge": 1.0, "alarm_tick": 0.2})
