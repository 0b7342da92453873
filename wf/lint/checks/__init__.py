"""The rules, by families. A check looks at the code of one workflow and gives findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf.lint.checks import awaiting, event, naming, outside, races, sets, signals, state, unbounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wf.lint.findings import Finding
    from wf.lint.regions import Code

CHECKS: tuple[Callable[[Code], Iterator[Finding]], ...] = (
    outside.check,
    awaiting.check,
    naming.check,
    sets.check,
    unbounded.check,
    races.check,
    state.check,
    event.check,
    signals.check,
)
"""In no order that matters."""
