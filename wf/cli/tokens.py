"""`wf tokens`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from wf.cli.given import json_option
from wf.cli.surroundings import remote, settings
from wf.cli.words import moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.remote_tokens import RemoteTokens
    from wf.tokens import Token, Tokens

_ACTOR = "cli"


@click.group("tokens")
def tokens() -> None:
    """Say who may use the REST API.

    Until a token is made, everybody on the API's own machine may use it, and nobody else; from then on a token is
    needed, even if the last one has ended. With WF_API_URL set, these commands go there, and WF_API_TOKEN must be an
    administrator's; without it they go to the journal itself, at WF_DATABASE_URL: so there is a way to the first token,
    and back in without one.
    """


@tokens.command("create")
@click.argument("name")
@click.option(
    "--scope", required=True, type=click.Choice(["read", "write", "admin"]), help="Each holds those before it."
)
@click.option("--workflow", "workflows", multiple=True, help="For this workflow only; may be given several times.")
@click.option("--expires", metavar="DURATION", help='When it ends by itself, such as "90 days"; never by default.')
@json_option
def create(name: str, scope: str, workflows: tuple[str, ...], expires: str | None, *, as_json: bool) -> None:
    """Create a token and print it, this once: only its hash is kept.

    Standard output has nothing but the token, so that it can be piped into wherever secrets are kept.
    """
    from wf.cli.show import print_json  # noqa: PLC0415  (slow)

    with _open() as found:
        text, made = found.make(name, scope, workflows or None, expires, created_by=_ACTOR)
    if as_json:
        print_json({**made.describe(), "token": text})
    else:
        click.echo(f"Token {name!r} was created. It is shown this once:", err=True)
        click.echo(text)


@tokens.command("list")
@json_option
def list_tokens(*, as_json: bool) -> None:
    """Show the tokens that have not been revoked."""
    from wf.cli.show import print_json, show, table  # noqa: PLC0415  (slow)

    with _open() as found:
        there = found.list()
    if as_json:
        print_json([token.describe() for token in there])
    elif not there:
        show("There are no tokens. Create one: wf tokens create NAME --scope admin")
    else:
        head = ("Name", "Scope", "Workflows", "Created", "By", "Expires", "Last used")
        show(f"Showing {len(there)} token(s):", table(head, map(_row, there)))


@tokens.command("revoke")
@click.argument("name")
@json_option
def revoke(name: str, *, as_json: bool) -> None:
    """End a token, and every login with it. A running API notices within two seconds."""
    from wf.cli.show import print_json, show  # noqa: PLC0415  (slow)

    with _open() as found:
        found.revoke(name, revoked_by=_ACTOR)
    if as_json:
        print_json({"name": name})
    else:
        show(f"Token {name!r} was revoked.")


def _row(token: Token) -> tuple[object, ...]:
    only = "all" if token.workflows is None else ", ".join(sorted(token.workflows))
    expires = "never" if token.expires_at is None else moment(token.expires_at)
    return (
        token.name, token.scope.word, only, moment(token.created_at), token.created_by, expires, moment(token.used_at),
    )  # fmt: skip


@contextmanager
def _open() -> Iterator[Tokens | RemoteTokens]:
    """The tokens; they need no Redis. Raises what `settings` raises."""
    if (there := remote()) is not None:
        with there:
            yield there.tokens
        return
    from wf.clock import DatabaseClock  # noqa: PLC0415  (slow)
    from wf.database import Database  # noqa: PLC0415
    from wf.tokens import Tokens  # noqa: PLC0415

    with settings(redis=False) as found:
        database = Database(found)
        try:
            yield Tokens(database, DatabaseClock())
        finally:
            database.close()
