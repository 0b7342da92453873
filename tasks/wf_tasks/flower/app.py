"""Flower's application with our pages, and what runs it."""

from __future__ import annotations

import atexit
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import flower.app
import flower.command
import flower.urls
from flower.options import options
from tornado.web import StaticFileHandler, url

from wf.errors import WfError
from wf_tasks.flower import pages

if TYPE_CHECKING:
    from celery import Celery

    from wf.settings import Settings

_PAGES = (
    (r"/instance/([^/]+)/([^/]+)", pages.InstancePage),
    (r"/step/([^/]+)/([^/]+)/(\d{1,9})/(\d{1,9})", pages.StepPage),
    (r"/process/([^/]+)", pages.ProcessPage),
    (r"/dashboard/(.+)", pages.ToDashboard),
    (r"/task/(.+)", pages.TaskPage),
    (r"/tasks", pages.TasksPage),
)


class CannotListen(WfError):
    """The address cannot be listened on."""

    code = "flower.cannot_listen"


class Flower(flower.app.Flower):
    """Flower with our pages before its own.

    Args:
        settings: Whose WF_DASHBOARD_URL counts.
        **others: As Flower takes them.
    """

    def __init__(self, settings: Settings, **others: Any) -> None:
        super().__init__(**others)
        self.dashboard = pages.Dashboard(settings.dashboard_url)
        static = url(r"/wf/(.+)", StaticFileHandler, {"path": str(pages.STATIC_FOLDER)}, "wf_static")
        ours = [*(url(path, page, name=page.__name__) for path, page in _PAGES), static]
        if self.options.url_prefix:
            ours = [flower.app.rewrite_handler(one, self.options.url_prefix) for one in ours]
        self.add_handlers(".*", ours)


def serve(app: Celery, settings: Settings, *, port: int, address: str) -> None:
    """Do what `celery flower` does, with our pages, until Ctrl-C or SIGTERM. Call it in the main thread.

    Args:
        app: Whose workers are looked at.
        settings: Whose WF_DASHBOARD_URL counts.
        port: Where to listen.
        address: Where to listen.

    Raises:
        CannotListen: The address is not there, or taken.
    """
    command = flower.command
    command.apply_env_options()
    command.apply_options("wf flower", [f"--port={port}", f"--address={address}"])
    command.extract_settings()
    command.setup_logging()
    served = Flower(settings, capp=app, options=options, **flower.urls.settings)
    atexit.register(served.stop)
    signal.signal(signal.SIGTERM, command.sigterm_handler)
    try:
        listening = served.start_http_server()
    except OSError as error:
        raise CannotListen(f"Cannot listen on {address}, port {port}: {error.strerror or error}.") from None
    command.print_banner(app, "ssl_options" in flower.urls.settings, listening)
    with suppress(KeyboardInterrupt, SystemExit):
        served.start()
