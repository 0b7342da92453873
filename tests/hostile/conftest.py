"""Fixtures of the acceptance tests, once for each hostile setting."""

from __future__ import annotations

from typing import cast

import pytest

from tests.hostile.fixtures import hasty, own_redis_settings, wf_processes, wf_settings
from tests.hostile.settings import HOSTILE, Hostile
from tests.support.pgbouncer import pgbouncer
from wf.testing.process_fixtures import wf_own_redis

__all__ = ["hasty", "hostile", "own_redis_settings", "wf_own_redis", "wf_processes", "wf_settings"]


def _id(hostile: Hostile) -> str:
    """Its name; and whether something stands in for what this machine lacks."""
    return hostile.name if not hostile.pooled or pgbouncer()[0] else f"{hostile.name}-stand-in"


@pytest.fixture(params=HOSTILE, ids=_id)
def hostile(request: pytest.FixtureRequest) -> Hostile:
    """The setting under which this test runs."""
    return cast("Hostile", request.param)
