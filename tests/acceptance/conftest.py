"""Fixtures: what users have, on the servers of this repository's tests, under the setting of `--hostile`."""

from __future__ import annotations

from tests.hostile.fixtures import hasty, hostile, own_redis_settings, wf_processes, wf_settings
from wf.testing.process_fixtures import wf_own_redis

__all__ = ["hasty", "hostile", "own_redis_settings", "wf_own_redis", "wf_processes", "wf_settings"]
