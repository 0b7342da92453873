"""The engine's own Celery app."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import logging
import sys
from pathlib import Path
from typing import Any

from celery import Celery, signals

from wf.errors import WfError
from wf.settings import InvalidSettings, Settings
from wf_tasks import presence
from wf_tasks.defaults import celery_settings
from wf_tasks.runtime import Watch, runtime

USER_MODULE = "celeryconfig"

QUIET = ("celery.worker.strategy", "celery.app.trace")
"""Loggers that write two lines for every task; the journal tells the same, better."""


def make_app(settings: Settings | None = None) -> Celery:
    """A Celery app with the package's defaults, overlaid by a `celeryconfig` module of the current folder."""
    settings = settings or Settings()
    app = Celery("wf")
    app.conf.update(celery_settings(settings) | user_settings())
    return app


def user_settings() -> dict[str, Any]:
    """What the module `celeryconfig` sets, if there is one."""
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    if importlib.util.find_spec(USER_MODULE) is None:
        return {}
    try:
        module = importlib.import_module(USER_MODULE)
    except Exception as error:  # the user's own code, which may raise anything
        raise InvalidSettings(f"{USER_MODULE}.py cannot be imported: {type(error).__name__}: {error}") from error
    return {name: value for name, value in vars(module).items() if name.islower() and not name.startswith("_")}


app = make_app()


TICKS = ("Scheduler: Sending due task", "Discarding revoked task")
"""How the lines begin that would drown all others."""


@signals.after_setup_logger.connect
def _quiet(**_: object) -> None:
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("celery.beat").addFilter(_no_tick)
    logging.getLogger("celery.worker.request").addFilter(_no_tick)


def _no_tick(record: logging.LogRecord) -> bool:
    """Whether a line says more than that beat ticks, once a second, or that a tick has come too late to matter."""
    return record.levelno > logging.INFO or not str(record.msg).startswith(TICKS)


@signals.worker_init.connect
def _prepare(sender: Any = None, **_: object) -> None:
    """Refuse to start what cannot work: the error says which command mends it."""
    if sender is None or sender.app.main != "wf":
        return  # a worker of another Celery app in this process
    try:
        runtime().prepare()
    except WfError as error:
        raise SystemExit(f"wf: {error}") from None
    # What was imported is no garbage: the collector need not look at it again and again, and the pages that forked
    # children share stay shared. A step leaves next to no cycles behind, so it need not look at each of them either:
    # measured, a fifth of the steps per second.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@signals.worker_ready.connect
def _watch(sender: Any = None, **_: object) -> None:
    if sender is not None and sender.app.main == "wf":
        Watch(runtime()).start()
        presence.appear(sender)


@signals.worker_shutdown.connect
def _leave(**_: object) -> None:
    presence.disappear()


@signals.worker_process_init.connect
def _make_env(**_: object) -> None:
    """Ask for `env` in a forked child, before it has work: what its parent has may not be shared."""
    presence.name_child()
    runtime().environment.load()


@signals.worker_process_shutdown.connect
def _close(**_: object) -> None:
    runtime().close()
