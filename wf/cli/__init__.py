"""The command `wf`. Each module holds commands of one kind; they import what they need when they run."""

from __future__ import annotations

import sys
from typing import Any

import click

from wf.cli import (
    api,
    attention,
    audit,
    breakers,
    bulk,
    completing,
    dev,
    doctor,
    instances,
    jobs,
    lint,
    migrate,
    processes,
    replaying,
    settings,
    tokens,
    top,
    versions,
    workflows,
)
from wf.errors import WfError


class _Main(click.Group):
    """Turns errors that have a name into one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except WfError as error:
            click.echo(f"wf: {error}", err=True)
            sys.exit(1)


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(None, "--version", "-v", package_name="celery-wf", prog_name="wf")
def main() -> None:
    """Durable workflows on Celery, Redis and Postgres.

    WF_DATABASE_URL and WF_REDIS_URL say where these are; while `wf dev` runs in this folder, its own are taken instead
    of those that are not set.
    """


for _command in (
    dev.dev,
    processes.worker,
    processes.beat,
    processes.flower,
    api.api,
    migrate.migrate,
    lint.lint,
    workflows.list_workflows,
    workflows.describe_workflow,
    settings.settings,
    workflows.trigger,
    bulk.delete_workflow,
    versions.versions,
    replaying.replay_check,
    instances.instances,
    jobs.jobs,
    breakers.breaker,
    top.top,
    attention.attention,
    audit.audit,
    doctor.doctor,
    tokens.tokens,
    completing.completion,
):
    main.add_command(_command)
