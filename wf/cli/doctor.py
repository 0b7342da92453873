"""`wf doctor`."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from wf.cli.given import Refused, json_option
from wf.cli.surroundings import URLS, NotConfigured, adopt_session
from wf.errors import WfError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.doctor import Report
    from wf.settings import Settings

WRONG = 1
"""Exit code: something is wrong. 2: it could not be asked at all."""


@click.command()
@click.option("--quick", is_flag=True, help="Leave out what takes longest.")
@click.option("--app", metavar="MODULE:APP", help="Your own Celery app, if wf is attached to one.")
@json_option
def doctor(*, quick: bool, app: str | None, as_json: bool) -> None:
    """Find out what is wrong, and say what to do about it.

    It looks at Postgres, Redis, the journal's schema, clocks, Celery's settings, workers, queues and instances that
    stand still; it changes nothing, and is over within seconds however many instances there are. It asks the servers
    themselves, and never WF_API_URL.

    Exit code 0: nothing is wrong; there may be notes. 1: something is. 2: nothing could be asked.
    """
    from wf.cli.show import print_json  # noqa: PLC0415  (slow)

    try:
        report = _report(app, quick=quick)
    except WfError as error:  # not 1, which says that something was looked at
        raise Refused(str(error)) from error
    if as_json:
        print_json(report.told())
    else:
        from wf.cli.doctorview import show_report  # noqa: PLC0415  (slow)

        show_report(report)
    sys.exit(0 if report.well else WRONG)


def _report(app: str | None, *, quick: bool) -> Report:
    """Everything that is found.

    Raises:
        InvalidSettings: A variable has a value that cannot be used.
        NotConfigured: Neither Postgres nor Redis is named.
    """
    from wf.doctor import Check, Subject, examine, lanes  # noqa: PLC0415  (slow)
    from wf.doctor.celery import fits  # noqa: PLC0415
    from wf.settings import Settings  # noqa: PLC0415

    environ = dict(os.environ)
    adopt_session()
    settings = Settings()
    if not settings.database_url and not settings.redis_url:
        raise NotConfigured(URLS[0])
    subject = Subject(settings, environ=environ)
    checks = lanes()
    if app or not quick:  # Celery takes half a second to import: not while others measure how long they wait
        from wf_tasks.fitting import fitted  # noqa: PLC0415

        checks = lanes(Check("celery", partial(fits, _opener(app, settings), fitted)))
    try:
        return examine(subject, checks, quick=quick)
    finally:
        subject.close()


def _opener(app: str | None, settings: Settings) -> Callable[[], Any]:
    """What gives the app: the one that is named, or our own."""

    def ours() -> Any:
        from wf_tasks.celery import make_app  # noqa: PLC0415  (slow, and reads the environment)

        app = make_app(settings)
        app.conf.broker_transport = "redis"  # as for Flower: known by its name, the URL of the broker tells where it is
        return app

    def theirs() -> Any:
        from celery.app.utils import find_app  # noqa: PLC0415  (slow)

        from wf.settings import InvalidSettings  # noqa: PLC0415

        sys.path.insert(0, str(os.getcwd()))  # noqa: PTH109  (as Celery's own commands do)
        try:
            return find_app(app)
        except Exception as error:  # the team's own code, which may raise anything
            raise InvalidSettings(f"The Celery app {app!r} cannot be imported: {error}") from error

    return ours if app is None else theirs
