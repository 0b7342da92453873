"""A team's own Celery app, with the settings that could get in our way; its broker is TEAM_BROKER or WF_REDIS_URL."""

from __future__ import annotations

import os

from celery import Celery
from kombu import Queue

from wf_tasks import attach

BROKER = os.environ.get("TEAM_BROKER") or os.environ.get("WF_REDIS_URL") or "redis://127.0.0.1:1/0"

app = Celery("team", broker=BROKER, backend=BROKER, include=["tests.acceptance.flows"])
app.conf.update(
    task_default_queue="team",
    task_queues=[Queue("team", routing_key="team")],
    task_create_missing_queues=False,
    task_routes={"*": {"queue": "team", "exchange": "team", "routing_key": "team", "priority": 9}},
    task_annotations={"*": {"rate_limit": "30/m", "acks_late": True}},
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_track_started=True,
    task_soft_time_limit=1,
    task_time_limit=2,
    task_serializer="yaml",
    accept_content=["json", "yaml"],
    worker_prefetch_multiplier=1,
    broker_transport_options={"visibility_timeout": 1},
)


class AppTask(app.Task):  # type: ignore[name-defined]  # Celery's classes carry no types
    """The base of the team's tasks: tried again after any error."""

    autoretry_for = (Exception,)
    max_retries = 2


app.Task = AppTask
attach(app)


@app.task(name="team.add")
def add(left: int, right: int) -> int:
    """Work that has nothing to do with workflows."""
    return left + right
