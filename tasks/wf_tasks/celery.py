"""The engine's own Celery app. Importing this module makes it Celery's current app."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from pathlib import Path
from typing import Any

from celery import Celery, signals

from wf.settings import InvalidSettings, Settings
from wf_tasks.defaults import celery_settings
from wf_tasks.serving import serve
from wf_tasks.tasks import register
from wf_tasks.ticks import is_no_tick

USER_MODULE = "celeryconfig"

QUIET = ("celery.worker.strategy", "celery.app.trace")
"""Loggers that write two lines for every task; the journal tells the same, better."""


def make_app(settings: Settings | None = None) -> Celery:
    """A Celery app with the package's defaults, overlaid by a `celeryconfig` module of the current folder."""
    settings = settings or Settings()
    app = Celery("wf")
    app.conf.update(celery_settings(settings) | user_settings())
    register(app)
    serve(app, Settings)
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


@signals.after_setup_logger.connect
def _quiet(**_: object) -> None:
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("celery.beat").addFilter(is_no_tick)
    logging.getLogger("celery.worker.request").addFilter(is_no_tick)
