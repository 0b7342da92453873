"""Passes in hard cases: who may throw one away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from wf import WorkflowEntrypoint, crashpoints

if TYPE_CHECKING:
    from tests.support import Rig


class OutOfTimeError(BaseException):
    """What may be raised anywhere, such as a time limit of Celery."""


def test_a_worker_that_is_interrupted_after_its_nudge_leaves_no_broken_pass(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pass is kept for the nudge by then: whoever takes it goes on where it stands, and run is not called stuck."""

    class Goes(WorkflowEntrypoint, name="passes-interrupted"):
        async def run(self, event: Any, step: Any) -> list[int]:
            return [await step.do(f"part {n}", lambda n=n: n) for n in range(3)]

    def interrupt() -> None:
        raise OutOfTimeError

    instance = rig.create(Goes)
    with monkeypatch.context() as armed:
        armed.setattr(crashpoints, "_armed", crashpoints.AFTER_NUDGE)
        armed.setattr(crashpoints, "_stop", interrupt)
        with pytest.raises(OutOfTimeError):
            rig.settle()
    rig.settle()
    assert instance.status().output == [0, 1, 2]
