"""`wf api`."""

from __future__ import annotations

import click

from wf.cli.surroundings import settings
from wf.errors import WfError


class ExtraMissing(WfError):
    """A package of the extra `api` is not installed."""

    code = "api.extra_missing"

    def __init__(self, package: str) -> None:
        super().__init__(f'There is no {package}: run `pip install "celery-wf[api]"`.')


@click.command("api")
@click.option("--host", envvar="WF_API_HOST", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", envvar="WF_API_PORT", type=click.IntRange(0, 65535), default=8000, show_default=True)
def api(host: str, port: int) -> None:
    """Serve the REST API and signed webhooks over HTTP.

    Until there is a token (`wf tokens create`), everybody on this machine may use it, and nobody else: then it refuses
    to listen on more than loopback. WF_API_HOST and WF_API_PORT take the place of the options.
    """
    try:
        from wf_api.serving import serve  # noqa: PLC0415  (slow, and an extra)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in {"wf", "wf_api"}:
            raise
        raise ExtraMissing(error.name) from None
    with settings() as found:
        serve(found, host, port, click.echo)
