"""What `wf instances describe` prints for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.text import Text

from wf.cli.show import TRUNCATED, as_text, labelled, table
from wf.cli.words import (
    OUTCOME,
    STEP,
    STYLE,
    TRIGGER,
    UNKNOWN,
    between,
    moment,
    safe,
    status_label,
    success,
    until,
)
from wf.core import Kind
from wf.descriptions import TRUNCATED as CUT
from wf.status import Status, StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from wf.answers import Answer


def description(instance: Answer, *, limit: int, step_output: bool) -> Iterator[RenderableType]:
    """Everything about an instance.

    Args:
        instance: As `Catalog.describe` gives it.
        limit: Characters of one output.
        step_output: Whether to show what the steps gave.
    """
    yield summary(instance, limit)
    for warning in instance.warnings:
        yield Text(f"⚠️  {_warning(warning)}", "yellow")
    if instance.steps:
        yield Text("Steps:", "bold")
    for step in instance.steps:
        yield Text()
        yield _step(step, limit, step_output=step_output)
        if step.attempts:
            yield Padding(_attempts(step, limit), (0, 0, 0, 4), expand=False)
            if earlier := step.attempts[0].attempt - 1:
                yield Text(f"    {earlier} earlier attempt(s) are not shown.", "dim")


_STILL = ("Version Id", "Trigger", "Queued", "Success", "Params", "Schedule")
"""What stays as it is while somebody watches."""


def summary(instance: Answer, limit: int, *, brief: bool = False) -> Text:
    """The instance without its steps; in brief, without what stays as it is."""
    done = [step.name for step in instance.steps if step.status == StepStatus.COMPLETE and step.type != Kind.ROLLBACK]
    ended = instance.success is not None or instance.status == Status.TERMINATED
    still = ended or instance.status == Status.PAUSED
    found: dict[str, object] = {
        "Workflow Name": instance.workflow,
        "Instance Id": instance.id,
        "Version Id": instance.version_id,
        "Status": Text(status_label(instance.status), STYLE.get(instance.status, "")),
        "Trigger": TRIGGER.get(instance.trigger["source"], UNKNOWN),
        "Queued": moment(instance.queued),
        "Success": success(instance.success) if instance.start or ended else None,
        "Start": moment(instance.start) if instance.start else None,
        "End": moment(instance.end) if instance.end else None,
        "Duration": between(instance.start, instance.end) or None,
        "Last Successful Step": done[-1] if done else None,
        "Error": error_text(instance.error, limit) if instance.error else None,
        "Output": as_text(instance.output, limit) if instance.status == Status.COMPLETE else None,
        "Params": as_text(instance.params, limit),
        "Schedule": _schedule(instance.schedule) if instance.schedule else None,
        "Retries": instance.retries,
        "Recoveries": instance.recoveries,
        "Restarts": instance.restarts or None,
        "Next Wake-up": until(instance.next_wake) if instance.next_wake and not still else None,
        "Restart At": until(instance.restart_at) if instance.restart_at else None,
        "Rollback": _rollback(instance.rollback, limit) if instance.rollback else None,
    }
    return labelled({label: value for label, value in found.items() if not (brief and label in _STILL)})


def _rollback(done: Answer, limit: int) -> Text:
    if done.error is None:
        return Text("✅ Complete")
    return Text.assemble("❌ Failed with ", error_text(done.error, limit))


def _schedule(firing: Answer) -> str:
    return f"{firing.cron} at {moment(datetime.fromtimestamp(firing.scheduled_time / 1000, UTC))}"


def error_text(error: Answer | None, limit: int | None = None) -> Text:
    """An error on one line or more; empty for None."""
    if error is None:
        return Text()
    text = f"{error.name}: {error.message}" if error.message else error.name
    return Text(safe(text if limit is None or len(text) <= limit else f"{text[:limit]}[...]"), "red")


def _step(step: Answer, limit: int, *, step_output: bool) -> Text:
    waits = step.wake_at is not None and step.status == StepStatus.WAITING
    cancelled = " (cancelled)" if step.status == StepStatus.CANCELLED else ""
    return labelled(
        {
            "Name": step.name,
            "Type": STEP.get(step.type, UNKNOWN),
            "Start": moment(step.start) if step.start else None,
            "End": moment(step.end) if step.end else None,
            "Duration": between(step.start, step.end) or None,
            "Success": success(step.success) + cancelled,
            "Retries At": _retries_at(step),
            "Output": _output(step.output, limit) if step_output and step.success and step.type != "sleep" else None,
            "Error": error_text(step.error, limit) if step.error else None,
            "Event Type": step.event_type,
            "Wakes At": until(step.wake_at) if waits else None,
        },
        indent=2,
    )


def _output(output: Any, limit: int) -> str:
    """What a step gave; of what has been cut already there is the beginning of its text, not to be quoted once more."""
    if isinstance(output, str) and output.endswith(CUT):
        return safe(output.removesuffix(CUT)[:limit] + TRUNCATED)
    return as_text(output, limit)


def _retries_at(step: Answer) -> str | None:
    if step.status != StepStatus.RETRYING:
        return None
    if step.wake_at is not None:
        return until(step.wake_at)
    return "unknown" if "delay" in step.config.get("retries", {}) else "unknown (dynamic delay)"


def _attempts(step: Answer, limit: int) -> RenderableType:
    rows = [
        (
            moment(attempt.start),
            moment(attempt.end),
            between(attempt.start, attempt.end),
            OUTCOME.get(attempt.outcome, UNKNOWN),
            error_text(attempt.error, limit),
        )
        for attempt in step.attempts
    ]
    return table(("Start", "End", "Duration", "State", "Error"), rows)


def _warning(warning: Any) -> str:
    return safe(warning) if isinstance(warning, str) else as_text(warning)
