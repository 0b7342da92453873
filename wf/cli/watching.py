"""`wf instances describe --watch`: an instance live, in as many lines as the terminal has."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.text import Text

from wf.cli.describing import error_text, summary
from wf.cli.show import console, fit, table
from wf.cli.surroundings import patient
from wf.cli.words import STEP, UNKNOWN, between, duration, safe
from wf.errors import JournalUnavailable
from wf.status import TERMINAL, StepStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from wf.answers import Answer

_EVERY = 0.3  # seconds between two looks
_OTHER_LINES = 6  # head, foot and borders of the steps' table, and one line to spare
_LEAST_STEPS = 3  # shown even if the rest has to be cut
_ROOMY = 40  # lines of a terminal that has room for everything
_SHORT = 300  # characters of an output or an error

_STATE = {
    StepStatus.READY: "⌛ Ready",
    StepStatus.RUNNING: "▶ Running",
    StepStatus.RETRYING: "🔁 Retrying",
    StepStatus.COMPLETE: "✅ Success",
    StepStatus.ERRORED: "❌ Error",
    StepStatus.CANCELLED: "🚫 Cancelled",
}


def follow(look: Callable[[], Answer], *, quiet: bool) -> None:
    """Show an instance until it has ended. Without a terminal, only wait.

    Args:
        look: Gives the instance as it is now.
        quiet: Show nothing in any case.
    """
    instance = look()
    out = console()
    if quiet or not sys.stdout.isatty():
        look = patient(look)
        while instance.status not in TERMINAL:
            time.sleep(_EVERY)
            instance = look()
        return
    with Live(view(instance, *out.size[::-1]), console=out, auto_refresh=False, transient=True) as live:
        while instance.status not in TERMINAL:
            time.sleep(_EVERY)
            try:
                instance = look()
                live.update(view(instance, *out.size[::-1]), refresh=True)
            except JournalUnavailable as error:  # it may be back in a moment; Ctrl-C ends the waiting
                live.update(Group(view(instance, out.height - 1, out.width), Text(safe(error), "yellow")), refresh=True)


def view(instance: Answer, height: int, width: int = 80) -> RenderableType:
    """An instance in at most so many lines: what is going on first, the newest steps last."""
    lines = summary(instance, _SHORT, brief=height < _ROOMY).split("\n")[: max(height - _OTHER_LINES - _LEAST_STEPS, 4)]
    head = Text("\n", no_wrap=True, overflow="ellipsis").join(lines)
    room = max(height - len(lines) - _OTHER_LINES, 1)
    left_out = len(instance.steps) - room
    rows = [
        (
            step.name,
            _state(step),
            len(step.attempts) or "",
            between(step.attempts[-1].start if step.attempts else step.start, step.end),
            _wakes(step),
            _one_line(_last_error(step)),
        )
        for step in instance.steps[-room:]
    ]
    head_row = ("Step", "State", "Try", "Duration", "Wakes", "Error")
    steps = fit(table(head_row, rows), width, "Step", "Error")
    return Group(head, steps, Text(f"{left_out} earlier step(s) are not shown." if left_out > 0 else "", "dim"))


def _state(step: Answer) -> str:
    if step.status == StepStatus.WAITING:
        return STEP.get(step.type, UNKNOWN)
    return _STATE.get(step.status, UNKNOWN)


def _wakes(step: Answer) -> str:
    if step.wake_at is None or step.status == StepStatus.READY:
        return ""
    return f"in {duration(step.wake_at - datetime.now(UTC))}"


def _last_error(step: Answer) -> Answer | None:
    errors: list[Answer | None] = [attempt.error for attempt in step.attempts]
    if step.status == StepStatus.COMPLETE:
        return None
    return next((error for error in (step.error, *reversed(errors)) if error is not None), None)


def _one_line(error: Answer | None) -> Text:
    text = error_text(error, _SHORT)
    return Text(" ".join(text.plain.split()), text.style)
