"""`wf worker`, `wf beat`, `wf flower`: Celery's own commands with the engine's app, and with errors in one line."""

from __future__ import annotations

import importlib
import os
import warnings

import click

from wf.cli.surroundings import settings

_LEVELS = ("debug", "info", "warning", "error", "critical", "fatal")
_loglevel = click.option(
    "--loglevel", "-l", type=click.Choice(_LEVELS, case_sensitive=False), default="info", show_default=True
)


@click.command()
@click.argument("modules", metavar="[MODULE]...", nargs=-1)
@click.option("--concurrency", "-c", type=click.IntRange(1), help="Threads or child processes; 10 by default.")
@click.option("--pool", "-P", type=click.Choice(["threads", "prefork", "solo"]), help="`threads` by default.")
@click.option("--queue", "-Q", help="The queue to work on; WF_QUEUE, or `wf`, by default.")
@click.option("--compat", type=click.Choice(["cloudflare"]), help="Take MODULEs that are written for another system.")
@_loglevel
def worker(  # noqa: PLR0917  # click passes them by name
    modules: tuple[str, ...],
    concurrency: int | None,
    pool: str | None,
    queue: str | None,
    compat: str | None,
    loglevel: str,
) -> None:
    """Run steps.

    MODULEs define the workflows; they are imported, from the current folder too. Without any, WF_WORKFLOWS names them,
    comma-separated.
    """
    if modules:
        os.environ["WF_WORKFLOWS"] = ",".join(modules)
    if queue:
        os.environ["WF_QUEUE"] = queue
    options = ["--without-gossip", "--without-mingle", "--loglevel", loglevel]
    options += ["--hostname", f"wf-{os.getpid()}@%h"]  # several workers of one machine need several names
    if concurrency:
        options += ["--concurrency", str(concurrency)]
    if pool:
        options += ["--pool", pool]
    if compat:
        importlib.import_module(f"wf.compat.{compat}")
    with settings():
        pass  # the connections of this check are closed before any child is forked
    _celery("--quiet", "worker", *options, pool=pool)


@click.command()
@_loglevel
def beat(loglevel: str) -> None:
    """Send the ticks of alarm and reaper. One beat is enough; while there is none, workers stand in."""
    with settings():
        pass
    _celery("--quiet", "beat", "--loglevel", loglevel)


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), envvar="FLOWER_PORT", default=5555, show_default=True)
@click.option("--address", envvar="FLOWER_ADDRESS", default="127.0.0.1", show_default=True, help="Where to listen.")
def flower(port: int, address: str) -> None:
    """Show workers and tasks in a web page, with links to the pages of `wf api` at WF_DASHBOARD_URL.

    FLOWER_BASIC_AUTH=user:password protects it: set that before you let it listen on more than this machine. All other
    FLOWER_... variables count as usual. It has workers tell of each task, which takes time of theirs, until they are
    started anew: FLOWER_ENABLE_EVENTS=false spares them that, and shows workers and queues alone.
    """
    with settings(schema=False) as found:
        pass
    from wf_tasks.celery import app  # noqa: PLC0415  (slow, and reads the environment)
    from wf_tasks.flower.app import serve  # noqa: PLC0415

    serve(app, found, port=port, address=address)


def _celery(*argv: str, pool: str | None = None) -> None:
    """Run a Celery command in this process; it reads the settings from the environment."""
    from celery.platforms import SecurityWarning  # noqa: PLC0415  (slow)

    from wf_tasks.celery import app  # noqa: PLC0415  (slow, and reads the environment)

    warnings.simplefilter("ignore", SecurityWarning)  # of running as root: messages are JSON and hold ids only
    if pool:  # Celery takes "prefork" for its default, and would use the pool of our settings instead
        app.conf.worker_pool = pool
    app.start(argv=list(argv))
