"""`wf dev`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from wf.cli.surroundings import SESSION, URLS


@click.command()
@click.argument("modules", metavar="[MODULE]...", nargs=-1)
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Worker processes.")
@click.option("--flower/--no-flower", default=True, show_default=True, help="Flower listens on FLOWER_PORT, or 5555.")
@click.option(
    "--api/--no-api", default=True, show_default=True, help="API and dashboard listen on WF_API_PORT, or 8000."
)
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), default=SESSION.parent, show_default=True)
def dev(modules: tuple[str, ...], workers: int, data: Path, *, flower: bool, api: bool) -> None:
    """Run everything on this machine: Postgres, Valkey, workers, beat, the API with the dashboard, Flower.

    MODULEs define the workflows, as for `wf worker`. A server whose WF_DATABASE_URL or WF_REDIS_URL is set is used, the
    other one is embedded and keeps its data in the --data folder.
    """
    from wf.dev.run import run  # noqa: PLC0415  (slow, and an extra)

    database_url, redis_url = (os.environ.get(name, "") for name in URLS)
    run(
        modules,
        workers=workers,
        flower=flower,
        api=api,
        data=data,
        note=SESSION,
        database_url=database_url,
        redis_url=redis_url,
    )
