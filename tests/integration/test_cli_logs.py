"""`wf instances logs`, against the journal and against an API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.attempts import one_step
from tests.support.cli import Shell
from tests.support.errands import RefusedError
from tests.support.lines import of, shop

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api


def live(rig: Rig) -> str:
    """The name of a workflow whose one step has logged in two attempts."""

    def work(ctx: Any) -> None:
        shop.info("attempt %d\nin \x1b[31mred", ctx.attempt)
        if ctx.attempt == 1:
            raise RefusedError(1)

    cls = one_step(work, "logs", retries={"limit": 1, "delay": 1})
    rig.create(cls, "r-17")
    rig.settle()
    rig.pass_time(1)
    of(rig).flush()
    return cls.workflow_name


def test_lines_are_shown_safely_and_as_json(rig: Rig, api: Api) -> None:
    """One below the other; against an API the same, to the letter."""
    name = live(rig)
    shell = Shell(rig.settings)
    first, below, *rest = shell.text("instances", "logs", name, "latest", "work-1").splitlines()
    assert first.endswith("#1  INFO     tests.shop: attempt 1")
    assert below == "    in \\x1b[31mred"
    assert len(rest) == 2
    found = shell.json("instances", "logs", name, "r-17", "work-1", "--attempt", "2")
    assert [(line["message"], line["attempt"], line["level"]) for line in found] == [
        ("attempt 2\nin \x1b[31mred", 2, "INFO")
    ]
    nowhere: Any = {"WF_DATABASE_URL": "", "WF_REDIS_URL": "", "WF_API_URL": api.url}
    for more in ((), ("--json",), ("--attempt", "1")):
        command = ("instances", "logs", name, "r-17", "work-1", *more)
        assert shell(*command, **nowhere).stdout == shell.text(*command)
    for args in (("work-2",), ("work-1", "--rollback"), ("work-1", "--attempt", "3")):
        assert "has no" in shell.refusal("instances", "logs", name, "r-17", *args)
        assert "has no" in shell.refusal("instances", "logs", name, "r-17", *args, **nowhere)
