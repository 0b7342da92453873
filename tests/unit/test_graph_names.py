"""Names and settings of steps in diagrams: what is read from the source of `run`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.shapes import Shaped, shaped
from tests.support.sketches import class_of, graph, written
from wf.graph import steps_of

if TYPE_CHECKING:
    from pathlib import Path

PAUSE = timedelta(hours=1)


@pytest.mark.parametrize(
    ("name", "shown", "pattern"),
    [
        ('"as it is {x}"', "as it is {x}", None),
        ('f"upload {f}"', "upload {f}", "^upload .*$"),
        ('f"a.b*c [{f}] ({f!r:>10})"', "a.b*c [{f}] ({f})", r"^a\.b\*c \[.*\] \(.*\)$"),
        ('f"{f}{f} {f}"', "{f}{f} {f}", "^.* .*$"),
        ('"part " + str(f)', "part {str(f)}", "^part .*$"),
        ('"part %d of %s%%" % (f, f)', "part {%d} of {%s}%", "^part .* of .*%$"),
        ('"part {} of {f:>3} {{}}".format(f, f=f)', "part {} of {f:>3} {}", r"^part .* of .* \{\}$"),
        ("f", "{f}", "^.*$"),
        ("STEP_NAME", "named above", None),
        ('f"{STEP_NAME} {f}"', "named above {f}", "^named above .*$"),
        ('"a" if f else "b.c"', "{'a' if f else 'b.c'}", r"^(?:a|b\.c)$"),
        ("once", "only once", None),
        ("twice", "{twice}", "^.*$"),
        ("either", "{either}", "^(?:left|right)$"),
        ("grown", "{grown}", "^.*$"),
        ("(lambda: f)()", "{(lambda: f)()}", "^.*$"),
        ("outer", "{outer}", "^.*$"),
    ],
)
def test_a_name_is_given_as_it_stands_or_with_a_pattern(
    name: str, shown: str, pattern: str | None, tmp_path: Path
) -> None:
    """What is put together when it runs has a pattern; what a variable holds is known only if it holds nothing else."""
    run = written(
        tmp_path,
        f"""
STEP_NAME = "named above"
outer = "may change"

async def run(self, event, step):
    once = "only once"
    twice = "a"
    if event.payload:
        twice = "b"
    more = ["a"]
    more.append(event.payload)
    for either in ("left", "right"):
        for grown in more:
            for f in event.payload:
                await step.do({name}, print)
""",
    )
    (node,) = steps_of(graph(shaped(run)))
    assert (node["name"], node.get("pattern")) == (shown, pattern)


@pytest.mark.parametrize(
    ("config", "limit", "delay", "backoff", "timeout"),
    [
        ("None", 5, 10.0, "exponential", 600.0),
        ('{"retries": {"limit": 2, "delay": "1 second"}, "timeout": 60}', 2, "1 second", "exponential", 60),
        ("QUICK", 2, "1 second", "exponential", 3600.0),
        ('{**QUICK, "timeout": -1}', 2, "1 second", "exponential", -1),
        ('QUICK | {"retries": {"limit": n, "backoff": "linear"}}', "event.payload", 10.0, "linear", 3600.0),
        ('{"retries": self.RETRIES}', 4, 10.0, "exponential", 600.0),
        ('{"retries": make()}', "make()", "make()", "make()", 600.0),
        ('{"retries": {"limit": float("inf"), "delay": 1e999}}', "float('inf')", "1e309", "exponential", 600.0),
        ("make()", None, None, None, None),
    ],
)
def test_the_config_of_a_step_is_told(
    config: str, limit: Any, delay: Any, backoff: Any, timeout: Any, tmp_path: Path
) -> None:
    """Constants as they are, all else as source, and the defaults where nothing is said."""
    run = written(
        tmp_path,
        f"""
from datetime import timedelta
QUICK = {{"retries": {{"limit": 2, "delay": "1 second"}}, "timeout": timedelta(hours=1)}}

async def run(self, event, step):
    n = event.payload
    await step.do("a", print, config={config}, rollback=print)
""",
    )
    cls = type("Configured", (Shaped,), {"run": run, "RETRIES": {"limit": 4}})
    (node,) = steps_of(graph(cls))
    retries = {"limit": limit, "delay": delay, "backoff": backoff}
    told = {"source": "make()"} if config == "make()" else {}
    assert node["config"] == {"retries": retries, "timeout": timeout} | told
    assert node["rollback"] is True


def test_sleeps_and_waits_tell_how_long() -> None:
    """As the author wrote it; where nothing is said of a wait, its default."""

    async def run(self: Any, event: Any, step: Any) -> None:
        await step.sleep("a", PAUSE)
        await step.sleep("b", event.payload)
        await step.wait_for_event("c", "approved")
        await step.wait_for_event("d", event.payload, "5 minutes")

    a, b, c, d = steps_of(graph(class_of(run)))
    assert (a["duration"], b["duration"]) == (3600.0, "event.payload")
    assert c["options"] == {"event_type": "approved", "timeout": "24 hours"}
    assert d["options"] == {"event_type": "event.payload", "timeout": "5 minutes"}
