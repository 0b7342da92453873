"""wf in Flask: the extension, its clients, transactions of Flask-SQLAlchemy, and the answers for our errors."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, abort, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text
from sqlalchemy.pool import NullPool

from tests.support.errands import Errand
from tests.support.processes import environment
from wf import Client, InstanceNotFound, JournalUnavailable, RateLimited
from wf.codec import CodecError
from wf.contrib.flask import Wf
from wf.errors import JournalRefused
from wf.settings import InvalidSettings
from wf.urls import database_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Rig
    from wf.settings import Settings

FORKS = """
import os, sys
from flask import Flask
from wf.contrib.flask import Wf

app = Flask("shop")
wf = Wf(app)

def backend():
    with app.app_context():
        return wf.client.database.rows("select pg_backend_pid()")[0][0]

first = backend()
if os.fork() == 0:
    print(backend(), flush=True)
    sys.exit()
os.wait()
print(first, backend())
"""
"""A server that has used its client before it forks, and whose child ends as any process does."""


def configured(settings: Settings) -> Flask:
    """An app whose config says where the servers are."""
    app = Flask("shop")
    app.config.from_mapping(
        WF_DATABASE_URL=settings.database_url,
        WF_REDIS_URL=settings.redis_url,
        WF_KEY_PREFIX=settings.key_prefix,
        WF_QUEUE=settings.queue,
    )
    return app


@pytest.fixture
def app(rig: Rig) -> Iterator[Flask]:
    """An app with our extension and Flask-SQLAlchemy."""
    app = configured(rig.settings)
    app.config["SQLALCHEMY_DATABASE_URI"] = database_url(rig.settings.database_url)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"poolclass": NullPool}
    SQLAlchemy(app)
    Wf(app)
    yield app
    app.extensions["wf"].close()


def test_the_config_of_the_app_wins(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each key of it stands above the variable of its name; what it does not have, the environment gives."""
    monkeypatch.setenv("WF_DATABASE_URL", "postgresql://127.0.0.1:1/nowhere")
    monkeypatch.setenv("WF_MAX_PAYLOAD", "17")
    app = configured(settings)
    Wf().init_app(app)
    used = app.extensions["wf"].settings
    assert (used.database_url, used.queue, used.max_payload) == (settings.database_url, settings.queue, 17)


@pytest.mark.parametrize(
    ("config", "error", "text"),
    [
        ({"WF_DATABASE_URL": ""}, JournalUnavailable, "set WF_DATABASE_URL"),
        ({"WF_POOL_SIZE": "many"}, InvalidSettings, "WF_POOL_SIZE"),
    ],
)
def test_a_wrong_config_is_told_at_the_start(
    settings: Settings, config: dict[str, str], error: type[Exception], text: str
) -> None:
    """By `init_app`, and not by the first request."""
    app = configured(settings)
    app.config.update(config)
    with pytest.raises(error, match=text):
        Wf(app)


def test_one_extension_serves_several_apps(rig: Rig) -> None:
    """Which client it is, the current app decides."""
    wf, apps = Wf(), [configured(rig.settings) for _ in range(2)]
    for app in apps:
        wf.init_app(app)
    clients = []
    for app in apps:
        with app.app_context():
            clients.append(wf.client)
            assert wf.client is clients[-1] is app.extensions["wf"].client
    assert len(set(clients)) == 2


def test_an_app_that_the_extension_does_not_know_is_an_error() -> None:
    """The error names the app and the call that is missing."""
    with Flask("shop").app_context(), pytest.raises(RuntimeError, match=r"the app 'shop': call wf.init_app\(app\)"):
        _ = Wf().client


def test_a_forked_process_has_a_client_of_its_own(settings: Settings) -> None:
    """Parent and child speak to Postgres on connections of their own, and the child's end does not end the parent's."""
    argv = [sys.executable, "-c", FORKS]
    done = subprocess.run(argv, env=environment(settings), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    child, before, after = done.stdout.split()
    assert child != before == after


def test_threads_share_the_client(app: Flask) -> None:
    """Even those that come first, all at once."""
    app.extensions["wf"].close()
    start = Barrier(8)

    def client(_: int) -> Client:
        start.wait(10)
        made: Client = app.extensions["wf"].client
        return made

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(client, range(8)))) == 1


def test_a_closed_client_is_made_anew(app: Flask) -> None:
    """A test may close it; the next request works."""
    with app.app_context():
        Wf().workflow(Errand).create("r-17")
        app.extensions["wf"].close()
        assert Wf().workflow(Errand).get("r-17").id == "r-17"


def test_an_instance_comes_with_the_commit_of_the_session(rig: Rig, app: Flask) -> None:
    """Invisible before, and nudged right after it, without the alarm."""
    wf, db = Wf(), app.extensions["sqlalchemy"]
    with app.app_context():
        instance = wf.workflow(Errand).create("r-17", session=db.session)
        with pytest.raises(InstanceNotFound):
            instance.status()
        assert rig.queued() == 0
        db.session.commit()
        assert rig.queued() == 1
    rig.settle()
    assert rig.client.workflow(Errand).get("r-17").status().status == "complete"


def test_a_request_without_a_commit_creates_nothing(rig: Rig, app: Flask) -> None:
    """Flask-SQLAlchemy rolls back at the end of a request, whether it fails or forgets to commit."""
    wf, db = Wf(), app.extensions["sqlalchemy"]

    @app.post("/<id>")
    def create(id: str) -> dict[str, str]:
        wf.workflow(Errand).create(id, session=db.session)
        if request.args.get("fail"):
            abort(422)
        return {}

    http = app.test_client()
    assert http.post("/r-17?fail=yes").status_code == 422
    assert http.post("/r-17").status_code == 200
    with app.app_context():  # in another request's session, which has no nudge of theirs
        db.session.execute(text("select 1"))
        db.session.commit()
    assert rig.queued() == 0
    assert rig.sql("select count(*) from wf.instance") == [(0,)]


def test_savepoints_of_the_session_are_respected(rig: Rig, app: Flask) -> None:
    """What one took back does not exist; the end of another one nudges nobody before the commit."""
    wf, db = Wf(), app.extensions["sqlalchemy"]
    with app.app_context():
        with db.session.begin_nested():
            wf.workflow(Errand).create("kept", session=db.session)
        savepoint = db.session.begin_nested()
        wf.workflow(Errand).create("lost", session=db.session)
        savepoint.rollback()
        assert rig.queued() == 0
        db.session.commit()
    rig.settle()
    assert [(each.id, each.status) for each in rig.client.workflow(Errand).list()] == [("kept", "complete")]


def failing(settings: Settings, error: Exception) -> Flask:
    """An app whose only page fails."""
    app = configured(settings)
    Wf(app)

    @app.get("/")
    def fail() -> str:
        raise error

    return app


def test_an_error_of_ours_is_answered(settings: Settings) -> None:
    """With status, detail and code, as JSON; a rate limit with the time to come back."""
    app = failing(settings, RateLimited("report", 5, 2.1, "WF_CREATION_RATE"))
    answer: Any = app.test_client().get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    assert (answer.json["code"], "5 times per second" in answer.json["detail"]) == ("rate_limited", True)


def test_an_outage_is_told_to_the_log_and_not_to_the_caller(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A subclass of an error in the table has its answer; the reason is for the operators."""
    answer = failing(settings, JournalRefused("no room on db-7")).test_client().get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "db-7" not in answer.text
    assert "no room on db-7" in capsys.readouterr().out


@pytest.mark.parametrize("error", [CodecError("stored data is damaged"), ValueError("a mistake")], ids=type)
def test_what_nobody_asked_for_stays_an_error_of_the_app(settings: Settings, error: Exception) -> None:
    """It reaches the app's own handlers, its log and its monitoring, as if we were not there."""
    app = failing(settings, error)
    app.testing = True
    with pytest.raises(type(error), match=str(error)):
        app.test_client().get("/")


def test_a_handler_of_the_app_wins(settings: Settings) -> None:
    """Whoever wants another answer for one of our errors adds a handler as for any other."""
    app = failing(settings, InstanceNotFound("report", "r-17"))
    app.register_error_handler(InstanceNotFound, lambda _: ("gone", 410))
    assert app.test_client().get("/").status_code == 410
