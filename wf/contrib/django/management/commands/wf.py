"""`manage.py wf ...`: the command line `wf`, with the settings of the project, and Django set up."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from click import ClickException
from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser
from django.db import connections

from wf.cli import main
from wf.contrib.django.conf import variables
from wf.errors import WfError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Command(BaseCommand):
    """Passes its words on to `wf`.

    In `wf worker` it is Celery's own Django support that closes the connections of the ORM after each task, and in
    forked children: it wakes up by itself where DJANGO_SETTINGS_MODULE is set, as `manage.py` does.
    """

    help = "Workflows: `manage.py wf worker`, `wf beat`, `wf migrate`, `wf instances ...`; `manage.py wf -h` tells all."

    def run_from_argv(self, argv: Sequence[str]) -> None:
        """Take every option for one of `wf`, but for the two that Django has read already."""
        django = CommandParser(add_help=False, allow_abbrev=False)
        django.add_argument("--settings")
        django.add_argument("--pythonpath")
        _, words = django.parse_known_args(argv[2:])
        try:
            with _environment():
                main.main(words, prog_name=f"{os.path.basename(argv[0])} wf")  # noqa: PTH119  # as Django does
        except WfError as error:
            self.stderr.write(f"wf: {error}")
            sys.exit(1)
        finally:
            connections.close_all()

    def add_arguments(self, parser: Any) -> None:
        """Of `call_command("wf", "migrate")`."""
        parser.add_argument("words", nargs=argparse.REMAINDER)

    def handle(self, *args: str, words: Sequence[str] = (), **_: object) -> None:
        """Run it as `call_command` does.

        Raises:
            CommandError: It failed.
        """
        try:
            with _environment():
                main.main([*args, *words], prog_name="wf", standalone_mode=False)
        except (WfError, ClickException) as error:
            raise CommandError(str(error)) from error
        except SystemExit as error:  # it has said why
            if error.code:
                raise CommandError("wf has failed") from error


@contextmanager
def _environment() -> Iterator[None]:
    """The settings as variables, from which the command line, its workers and their children read them."""
    given = variables()
    before = {name: os.environ.get(name) for name in given}
    _set(given)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
