"""`wf migrate`."""

from __future__ import annotations

import click

from wf.cli.surroundings import settings


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 if the schema does not fit this release.")
@click.option("--sql", is_flag=True, help="Change nothing; print the SQL for an empty database.")
def migrate(*, check: bool, sql: bool) -> None:
    """Bring the journal's schema up to date."""
    from wf import migrations  # noqa: PLC0415  (slow)

    if check and sql:
        raise click.UsageError("Use either --check or --sql.")
    if sql:
        click.echo(migrations.script())
        return
    with settings(redis=False, schema=check) as found:
        if not check:
            migrations.migrate(found.database_url)
            migrations.check(found.database_url)
    click.echo(f"The journal's schema is up to date ({migrations.head()}).")
