"""celery-wf on a Celery app that a team has already: `attach(app)`, without touching its settings."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from kombu import Exchange, Queue

from wf.dispatch import alarm_queue
from wf.settings import Settings
from wf_tasks.fitting import fitted
from wf_tasks.serving import is_served, serve
from wf_tasks.tasks import OPTIONS, register
from wf_tasks.ticks import beat_schedule, is_no_tick

if TYPE_CHECKING:
    from celery import Celery

GUARDS: dict[str, Any] = {
    **OPTIONS,
    "serializer": "json",
    "store_errors_even_if_ignored": False,  # a failed attempt is no failed task
    "track_started": False,
    "rate_limit": 0,
    "time_limit": 0,
    "soft_time_limit": 0,
    "Request": "wf_tasks.request:Request",
}
"""What our tasks are, whatever the app says about all its tasks."""

_LOGGERS = ("celery.beat", "celery.worker.strategy", "celery.worker.request", "celery.app.trace")
"""Those that write lines for every task that is sent, received, dropped or done."""


def attach(app: Celery, *, settings: Settings | None = None) -> None:
    """Mount celery-wf on a Celery app: its workers run workflows, too, and its beat ticks the alarm.

    The app's settings stay as they are, but for the ticks in `beat_schedule`. Workers run workflows if they are
    told so: `celery -A proj worker -Q celery,wf,wf.alarm`. They do not start if the app does not fit, and say why.

    Args:
        app: The app; its broker must be Redis. It need not be configured yet.
        settings: Of the environment by default. Without WF_REDIS_URL, workers take the app's broker.

    Raises:
        InvalidSettings: A `WF_...` variable cannot be used.
    """
    if is_served(app):
        return
    settings = settings or Settings()
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(is_no_tick)
    register(app, autoretry_for=(), on_bound=classmethod(_keep_guards), **GUARDS)
    queues = frozenset({settings.queue, alarm_queue(settings)})
    serve(app, partial(fitted, app, settings), queues)
    if app.finalized:
        _add_ticks(app, settings)
    else:
        app.on_after_finalize.connect(lambda sender, **_: _add_ticks(sender, settings), weak=False)


def _keep_guards(task: Any, _app: Celery) -> None:
    """Set the options again that `task_annotations = {"*": ...}` has just changed."""
    for name, value in GUARDS.items():
        setattr(task, name, value)


def _add_ticks(app: Celery, settings: Settings) -> None:
    """Have beat send the ticks, unless the team has its own for them, and let them find their queue."""
    conf = app.conf
    conf.beat_schedule = {**beat_schedule(settings), **conf.beat_schedule}
    if not conf.task_create_missing_queues:
        queues = app.amqp.queues
        for name in {settings.queue, alarm_queue(settings)} - set(queues):
            queues.add(Queue(name, Exchange(name), routing_key=name))  # known, and consumed by whoever is told to
