"""Check of the Celery app: settings of a team's own that keep nudges from arriving, or steps from being done.

The app comes from outside: this package knows no Celery, and takes what it is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf.dispatch import alarm_queue
from wf.doctor.findings import note, well, wrong
from wf.durations import about
from wf.settings import InvalidSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wf.doctor.findings import Finding
    from wf.doctor.subject import Subject

App = Any
"""A Celery app, which carries no types."""

PREFETCH = 10
"""Messages for each child process beyond which a worker keeps nudges from others."""

TICK = "wf.alarm"
"""The tick without which nothing wakes by itself."""

_FILE = "Take it out of celeryconfig.py, or out of the app that wf is attached to."


def fits(
    open_app: Callable[[], App], check: Callable[[App, Settings], Settings], subject: Subject
) -> Iterator[Finding]:
    """Whether the app's settings fit ours.

    Args:
        open_app: Gives the app that workers run.
        check: Gives the settings with which its workers run workflows.
        subject: Whose settings.
    """
    try:
        app = open_app()
        settings = check(app, subject.settings)
    except InvalidSettings as error:
        what, _, remedy = str(error).partition(": ")
        yield wrong("celery", f"{what}.", f"{remedy[:1].upper()}{remedy[1:]}" or _FILE)
        return
    found = [*_broken(app.conf, settings), *_unwise(app.conf, settings)]
    yield from found
    if not found:
        yield well("celery", "The settings of the Celery app fit.")


def _broken(conf: Any, settings: Settings) -> Iterator[Finding]:
    """What keeps work from being done."""
    if conf.task_always_eager:
        yield wrong("celery", "task_always_eager is on: whoever sends a task runs it itself.", _FILE)
    for name in ("task_time_limit", "task_soft_time_limit"):
        if limit := getattr(conf, name):
            yield wrong(
                "celery", f"{name} is {about(float(limit))}: Celery kills the steps that take longer.",
                f"{_FILE} The `timeout` of a step ends it without harm.", seconds=limit,
            )  # fmt: skip
    queues = {queue.name for queue in conf.task_queues or ()}
    if queues and (missing := sorted({settings.queue, alarm_queue(settings)} - queues)):
        yield wrong(
            "celery", f"task_queues lacks {', '.join(missing)}: workers without -Q do not take them.",
            f"Add them, or start workers with -Q {settings.queue},{alarm_queue(settings)}.", missing=missing,
        )  # fmt: skip
    if conf.beat_schedule and not any(entry.get("task") == TICK for entry in conf.beat_schedule.values()):
        yield wrong(
            "celery", f"beat_schedule has no entry for {TICK}: workers stand in for beat, and nothing is removed, "
            "restarted or done in the background.",
            "Add your own entries by app.conf.beat_schedule |= {...} in place of a new mapping.",
        )  # fmt: skip


def _unwise(conf: Any, settings: Settings) -> Iterator[Finding]:
    """What costs time."""
    if conf.task_serializer != "json":
        yield note("celery", f"task_serializer is {conf.task_serializer}; nudges are JSON all the same.")
    options = conf.broker_transport_options or {}
    timeout = options.get("visibility_timeout", 3600)
    if options.get("ack_emulation", True) and timeout < settings.countdown_max:
        yield note(
            "celery", f"visibility_timeout ({about(float(timeout))}) is less than WF_COUNTDOWN_MAX "
            f"({about(settings.countdown_max)}): nudges with a countdown are delivered again and again.",
            "Raise it, or lower WF_COUNTDOWN_MAX.", visibility_timeout=timeout,
        )  # fmt: skip
    if conf.task_acks_late and options.get("ack_emulation", True):
        yield note(
            "celery", "task_acks_late is on: nudges of killed workers come twice, from Redis and by the alarm.",
            "It does no harm; our own app leaves it off.",
        )  # fmt: skip
    if conf.worker_prefetch_multiplier == 0 or conf.worker_prefetch_multiplier > PREFETCH:
        yield note(
            "celery", f"worker_prefetch_multiplier is {conf.worker_prefetch_multiplier}: with prefork, a worker keeps "
            "nudges for itself that others could take.", "Set it to 4 or less.",
        )  # fmt: skip
    if conf.result_backend and not str(conf.result_backend).startswith("disabled"):
        yield note("celery", "A result_backend is set; results of our tasks are not kept there, but in Postgres.")
