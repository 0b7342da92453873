"""The worker processes of the apps that have our tasks: what each of them does when it starts and when it ends.

Celery's signals reach every worker of a process, whatever its app; those of other apps are left alone.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import structlog
from celery import signals

from wf.errors import WfError
from wf_tasks import presence
from wf_tasks.runtime import Watch, configure, runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Celery

    from wf.settings import Settings

log = structlog.get_logger("wf")


@dataclass
class Service:
    """Workflows on the workers of one app.

    Attributes:
        settings: Gives the settings when a worker starts; raises what keeps it from working.
        queues: Names of the queues whose workers run workflows; empty: all workers do, and do nothing else.
        running: Whether this process, or the one that it was forked from, is such a worker.
    """

    settings: Callable[[], Settings]
    queues: frozenset[str]
    running: bool = False


_services: WeakKeyDictionary[Celery, Service] = WeakKeyDictionary()


def serve(app: Celery, settings: Callable[[], Settings], queues: frozenset[str] = frozenset()) -> None:
    """Make workers of this app run workflows; the arguments are the attributes of `Service`."""
    _services[app] = Service(settings, queues)


def is_served(app: Celery) -> bool:
    """Whether this app has our tasks already."""
    return app in _services


@signals.worker_init.connect
def _prepare(sender: Any = None, **_: object) -> None:
    """Refuse to start what cannot work: the error says which command mends it."""
    service = _services.get(sender.app) if sender is not None else None
    if service is None:
        return  # a worker of another Celery app in this process
    if service.queues and not service.queues & set(sender.app.amqp.queues.consume_from):
        log.info("this worker runs no workflows; one with -Q would", queues=",".join(sorted(service.queues)))
        return
    try:
        configure(service.settings())
        runtime().prepare()
    except WfError as error:
        raise SystemExit(f"wf: {error}") from None
    service.running = True
    if not service.queues:
        _tune_collector()


def _tune_collector() -> None:
    """Spare the collector what it need not look at; only where the process is ours alone.

    What was imported is no garbage: the collector need not look at it again and again, and the pages that forked
    children share stay shared. A step leaves next to no cycles behind, so it need not look at each of them either:
    measured, a fifth of the steps per second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@signals.worker_ready.connect
def _watch(sender: Any = None, **_: object) -> None:
    service = _services.get(sender.app) if sender is not None else None
    if service is not None and service.running:
        Watch(runtime()).start()
        presence.appear(sender)


@signals.worker_shutdown.connect
def _leave(**_: object) -> None:
    presence.disappear()
    if _runs_workflows():
        runtime().feeder.stop()
        runtime().engine.runner.lines.close()
        runtime().meter.close()


@signals.worker_process_init.connect
def _make_env(**_: object) -> None:
    """Ask for `env` in a forked child, before it has work: what its parent has may not be shared."""
    if _runs_workflows():
        presence.name_child()
        runtime().environment.load()


@signals.worker_process_shutdown.connect
def _close(**_: object) -> None:
    if _runs_workflows():
        runtime().close()


def _runs_workflows() -> bool:
    """Whether this process is a child of a worker that does; these signals do not say of which app it is."""
    return any(service.running for service in _services.values())
