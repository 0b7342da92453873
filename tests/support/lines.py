"""Steps that log, and what is kept of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tests.support.attempts import one_step

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.rig import Rig
    from wf.answers import Answer
    from wf.lines import Lines

shop = logging.getLogger("tests.shop")
shop.setLevel(logging.DEBUG)


def of(rig: Rig) -> Lines:
    """The lines of the only worker."""
    return rig.workers[0].engine.runner.lines


def run(rig: Rig, callback: Callable[..., Any], name: str = "lines", **config: Any) -> list[Answer]:
    """What one step has logged that runs this callback."""
    rig.create(one_step(callback, name, **config), "r-17")
    rig.settle()
    assert of(rig).flush() == 0
    return list(rig.client.catalog.lines(f"heartbeat-{name}", "r-17", "work-1"))


def rows(rig: Rig) -> list[tuple[Any, ...]]:
    """Of the table."""
    return rig.sql("select generation, seq, attempt from wf.line order by id")


def standing(rig: Rig) -> Any:
    """The newest instance and its first step, as an attempt has them."""
    found = rig.workers[0].journal.load(rig.sql("select max(key) from wf.instance")[0][0])
    assert found is not None
    return found.instance, found.rows[0]
