"""Fixtures: what users have, on the servers of this repository's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wf.testing.process_fixtures import wf_own_redis, wf_processes

if TYPE_CHECKING:
    from wf import Settings
    from wf.testing.process_fixtures import Valkey

__all__ = ["wf_own_redis", "wf_processes"]


@pytest.fixture
def wf_settings(settings: Settings) -> Settings:
    """Settings with a database, a key prefix and a queue of this test's own."""
    return settings


@pytest.fixture
def own_redis_settings(wf_settings: Settings, wf_own_redis: Valkey) -> Settings:
    """Like `wf_settings`, but on the test's own Valkey."""
    return wf_settings.model_copy(update={"redis_url": wf_own_redis.url})


@pytest.fixture
def hasty(own_redis_settings: Settings) -> Settings:
    """Settings under which a lost worker or message is noticed within a second."""
    return own_redis_settings.model_copy(update={"lease": 1.0, "renudge": 1.0, "alarm_tick": 0.2})
