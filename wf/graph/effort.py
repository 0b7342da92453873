"""How much of the code of a workflow is looked at: a worker that starts does not wait for more."""

from __future__ import annotations

EFFORT_MAX = 100_000
"""Expressions, statements and texts that are followed for one diagram. Long workflows take a few thousand."""
_COPIES = 10
"""References that are copied for the price of one of these."""


class TooBig(Exception):
    """There is too much code, or too many ways through it, for a diagram."""


class Effort:
    """What may still be looked at for one diagram."""

    def __init__(self) -> None:
        self._left = EFFORT_MAX

    def spend(self, copies: int = 0) -> None:
        """Look at one thing more, and copy so many references.

        Raises:
            TooBig: That is too much.
        """
        self._left -= 1 + copies // _COPIES
        if self._left < 0:
            raise TooBig(f"following it takes more than {EFFORT_MAX:,} steps of the analysis")
