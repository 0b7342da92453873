"""What a look for waits costs: the same, however long the histories of the instances are that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from wf.attention import BUDGET, DEPTH, Attention
from wf.overview import CAP, Overview

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support import Rig


@pytest.fixture
def waits(rig: Rig) -> Iterator[Callable[[], Any]]:
    """What is told of waits."""
    rig.sql("insert into wf.workflow (name, version) values ('long', '1')")
    overview = Overview(rig.client.database, rig.clock, rig.settings)
    attention = Attention(rig.client.database, rig.clock, rig.settings, overview)
    yield lambda: attention.look().waits
    overview.close()


def fill(rig: Rig, number: int, length: int) -> None:
    """So many instances with so many steps, of which the newest one waits for an event; in the place of others."""
    rig.sql("truncate wf.instance, wf.step")
    rig.sql(
        "insert into wf.instance (workflow, id, version, status, due_at, seq)"
        " select 'long', 'i-' || n, '1', 'waiting', now(), %s from generate_series(1, %s) n",
        length, number,
    )  # fmt: skip
    rig.sql(
        "insert into wf.step (instance, generation, seq, kind, name, count, status, attempt, lost, started_rev, rev,"
        " config, wake_at) select key, 1, n, 'waitForEvent', 's', n,"
        " case n when seq then 'waiting' else 'complete' end,"
        ' 1, 0, 1, 1, \'{"type": "go"}\', now() from wf.instance, generate_series(1, seq) n'
    )


@pytest.mark.parametrize(("length", "more"), [(DEPTH, False), (DEPTH + 1, True)])
def test_the_newest_steps_of_an_instance_are_looked_at(
    rig: Rig, waits: Callable[[], Any], length: int, more: bool
) -> None:
    """If there are more, it is told that a wait may have been missed."""
    fill(rig, 1, length)
    assert (waits().total, waits().capped) == (1, more)


def test_no_more_steps_are_looked_at_than_the_budget_allows(rig: Rig, waits: Callable[[], Any]) -> None:
    """Those of the newest instances, in all; it is told that older ones were not looked at."""
    fill(rig, CAP - 1, 3 * DEPTH)
    assert (waits().total, waits().capped) == (BUDGET // DEPTH, True)
    fill(rig, CAP - 1, DEPTH // 4)
    assert (waits().total, waits().capped) == (CAP - 1, False)
