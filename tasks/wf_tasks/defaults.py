"""Settings of the engine's own Celery app, with the reason for each. `celeryconfig.py` may overlay them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from kombu import Queue

from wf.dispatch import alarm_queue
from wf_tasks.ticks import beat_schedule

if TYPE_CHECKING:
    from wf.settings import Settings


def celery_settings(settings: Settings) -> dict[str, Any]:
    """What Celery is told."""
    # Without a URL Celery would try a broker of its own choice, for ever.
    broker_url = (settings.redis_url or "redis://wf_redis_url-is-not-set.invalid").replace("unix://", "redis+socket://")
    return {
        "broker_url": broker_url,
        "broker_read_url": broker_url,  # CELERY_BROKER_URL, meant for another app of yours, overrides broker_url alone
        "broker_write_url": broker_url,
        # Flower looks at the broker's queues only if it knows the transport by name; it consumes nothing.
        "broker_transport": "redis" if "flower" in sys.argv else "wf_tasks.transport:Transport",
        "broker_transport_options": {
            "ack_emulation": False,  # two thirds of the cost of a task; the journal covers every loss
            "priority_steps": [0],  # one list a queue instead of four
            "global_keyprefix": settings.broker_prefix,
            "socket_timeout": 30,  # a half-open connection must not hang a publish for ever
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "client_name": "wf",
        },
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # Redis may be down for hours; we are there when it is back
        "broker_pool_acquire_timeout": 10,
        "task_default_queue": settings.queue,
        "task_queues": [
            Queue(settings.queue, routing_key=settings.queue),
            Queue(alarm_queue(settings), routing_key=alarm_queue(settings)),
        ],
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "result_backend": None,
        "task_acks_late": False,
        "task_create_missing_queues": True,
        "worker_pool": "wf_tasks.pool:ThreadPool",
        "worker_concurrency": 10,
        "worker_prefetch_multiplier": 4,  # for other pools; ours takes a message only when a thread is free
        "worker_disable_rate_limits": True,
        "worker_eta_task_limit": 1000,  # countdowns beyond are the alarm's
        "worker_soft_shutdown_timeout": 10,
        "worker_enable_soft_shutdown_on_idle": True,
        "worker_redirect_stdouts": False,
        "beat_scheduler": "celery.beat:Scheduler",  # intervals only: no file that can be stale or corrupt
        "beat_max_loop_interval": max(settings.alarm_tick / 2, 0.05),
        "beat_schedule": beat_schedule(settings),
    }
