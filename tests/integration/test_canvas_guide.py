"""The pieces of code in the guide from canvas to workflows, on a clock that the test moves."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support import wait_until
from wf import WorkflowEntrypoint
from wf.workflow import registry

if TYPE_CHECKING:
    import pytest

    from tests.support import Rig

GUIDE = Path(__file__).parents[2] / "examples/canvas/README.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)


def test_the_pieces_of_a_canvas_run_as_they_stand(rig: Rig, capfd: pytest.CaptureFixture[str]) -> None:
    """The guide's chain, group, countdown, retries and error callback do what their comments say."""
    attempts: list[int] = []

    def ship() -> None:
        attempts.append(1)
        raise ConnectionError("no truck")

    names: dict[str, Any] = {"__name__": "guide", "WorkflowEntrypoint": WorkflowEntrypoint, "asyncio": asyncio}
    exec(SNIPPETS[2], names | {"ship": ship})
    rig.workers[0].catalog.register(registry.get("order"))
    answer = rig.in_thread(lambda: exec(SNIPPETS[3], {"client": rig.client}))
    wait_until(lambda: not rig.settle() and rig.sql("select 1 from wf.step where kind = 'sleep'"), what="it sleeps")
    for seconds in (600, 60, 120):
        rig.pass_time(seconds)
    wait_until(answer.done, what="the guide's last line has its result")
    answer.result()
    shown = capfd.readouterr().out
    assert "{'sent': 'thank you for 17', 'left': 3}" in shown
    assert "not shipped: no truck" in shown
    assert len(attempts) == 3
