"""What a page shows of a number, from what the API tells: numbers are named by their places in an answer."""

from __future__ import annotations

from typing import Any

from wf.durations import about
from wf_api import scales

DURATIONS = ("p50", "p95", "lag_p95")
RATES = ("steps_per_second",)


def told_by(answer: Any, name: str) -> str:
    """How a page shows a number.

    Args:
        answer: What the API tells.
        name: The number's, such as `workers.0.running`; of a list its length, of a table the sum.
    """
    found, last = answer, name.rpartition(".")[2]
    for part in name.split("."):
        found = found[int(part)] if isinstance(found, list) else found[part]
    if isinstance(found, list):
        found = len(found)
    if isinstance(found, dict):
        found = sum(found.values())
    if last in DURATIONS:
        return "-" if found is None else about(found)
    return scales.number(found) if last in RATES else f"{found:,}"
