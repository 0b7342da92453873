"""wf in Flask: an extension with a client for each process, and HTTP answers for our errors.

::

    from wf.contrib.flask import Wf

    db, wf = SQLAlchemy(), Wf()

    def create_app():
        app = Flask(__name__)
        app.config["SQLALCHEMY_DATABASE_URI"] = app.config["WF_DATABASE_URL"] = "postgresql://..."
        db.init_app(app)
        wf.init_app(app)
        return app

    @orders.post("/orders")
    def create():
        order = Order(id=request.json["id"])
        db.session.add(order)
        wf.workflow("order").create(order.id, session=db.session)    # exists if the session commits
        db.session.commit()
        return {}, 201
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import structlog
from flask import Flask, Response, current_app, jsonify

from wf.client import Client
from wf.http import ROWS, answer_for
from wf.settings import Settings

if TYPE_CHECKING:
    from wf.client import Workflow
    from wf.workflow import WorkflowEntrypoint

log = structlog.get_logger("wf")


class Clients:
    """The clients of an app, as `app.extensions["wf"]`: one for each process.

    Args:
        settings: For all of them.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # A server that forks leaves us the client of its parent, on sockets that both would write to. It is not used
        # here, and not let go either: closing it would end the parent's connections.
        self._of_process: dict[int, Client] = {}

    @property
    def client(self) -> Client:
        """The client of this process."""
        pid = os.getpid()
        client = self._of_process.get(pid)
        if client is None:  # of two threads that come here at once, the second throws away what never was connected
            client = self._of_process.setdefault(pid, Client(settings=self.settings))
        return client

    def close(self) -> None:
        """Close the client of this process, as tests do; the next use makes another."""
        client = self._of_process.pop(os.getpid(), None)
        if client is not None:
            client.close()


class Wf:
    """The extension. One object may serve several apps.

    Each `WF_...` key of `app.config` wins over the variable of the same name: `WF_DATABASE_URL`, `WF_REDIS_URL`, and
    the rest of the settings.

    Args:
        app: The app, unless `init_app` gets it.
    """

    def __init__(self, app: Flask | None = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Prepare an app: `app.extensions["wf"]`, and handlers that answer our errors with `detail` and `code`.

        Nothing is connected before the first use. What is neither the caller's fault nor an outage stays an error of
        the app, for its own handlers and logs.

        Raises:
            InvalidSettings: A setting has a value that cannot be used.
            JournalUnavailable: There is no URL of Postgres, or it cannot be read.
            BrokerUnavailable: There is no URL of Redis, or it cannot be read.
        """
        given = {name: app.config.get(f"WF_{name.upper()}") for name in Settings.model_fields}
        clients = Clients(Settings(**{name: value for name, value in given.items() if value is not None}))
        _ = clients.client  # tells now what is wrong with the URLs
        app.extensions["wf"] = clients
        for kind in ROWS:
            app.register_error_handler(kind, _answer)

    @property
    def client(self) -> Client:
        """The client of the current app in this process.

        Raises:
            RuntimeError: There is no current app, or `init_app` has not seen it.
        """
        clients: Clients | None = current_app.extensions.get("wf")
        if clients is None:
            raise RuntimeError(f"Wf does not know the app {current_app.name!r}: call wf.init_app(app) once.")
        return clients.client

    def workflow(self, workflow: str | type[WorkflowEntrypoint]) -> Workflow:
        """A workflow, by its name or by its class; see `Client.workflow`."""
        return self.client.workflow(workflow)


def _answer(error: Exception) -> tuple[Response, int, dict[str, str]]:
    problem = answer_for(error)
    if problem.status >= 500:
        log.warning("workflows out of reach", code=problem.name, reason=str(error))  # which the answer keeps to itself
    return jsonify(problem.body), problem.status, problem.headers
