"""What every suite run shows of each hostile setting; `python -m tests.hostile` runs all acceptance tests under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance import test_crash as acceptance
from tests.hostile.settings import BY_NAME, HOSTILE, Hostile
from wf.testing import crashpoints

if TYPE_CHECKING:
    from pathlib import Path

    from wf import Settings
    from wf.testing.processes import Processes


def test_a_killed_worker_is_replaced(hasty: Settings, wf_processes: Processes, tmp_path: Path) -> None:
    """SIGKILL in the middle of a step; the next worker completes the instance, nothing is computed twice."""
    acceptance.test_sigkill_at_a_commit_boundary(crashpoints.AFTER_CLAIM, hasty, wf_processes, tmp_path)


def test_redis_may_lose_everything(hasty: Settings, wf_processes: Processes, tmp_path: Path) -> None:
    """FLUSHALL while a worker has committed and not yet nudged; the instance completes all the same."""
    acceptance.test_flushall_at_a_commit_boundary(crashpoints.BEFORE_NUDGE, hasty, wf_processes, tmp_path)


@pytest.fixture
def plain_names() -> set[str]:
    """What a setting changes, by its attributes."""
    return {"settings", "pool", "forks", "beats", "pooled", "app"}


def test_each_setting_changes_something_and_says_why(plain_names: set[str], hostile: Hostile) -> None:
    """Names are unique, and none is the setting of users under another name."""
    assert len(BY_NAME) == len(HOSTILE) + 1
    assert hostile.why
    assert any(getattr(hostile, name) for name in plain_names)
