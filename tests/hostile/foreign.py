"""A team's own Celery app for `tests.hostile`: late acknowledgement, and a visibility timeout far below any step."""

from __future__ import annotations

from celery import Celery
from kombu import Queue

from wf import Settings
from wf_tasks import attach

_settings = Settings()

app = Celery("foreign", broker=_settings.redis_url)
app.conf.update(
    task_default_queue=f"{_settings.queue}.team",
    task_queues=[Queue(f"{_settings.queue}.team", routing_key=f"{_settings.queue}.team")],
    task_create_missing_queues=False,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    broker_transport_options={"visibility_timeout": 2, "global_keyprefix": _settings.broker_prefix},
)
attach(app, settings=_settings)
