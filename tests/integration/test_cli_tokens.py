"""`wf tokens`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import Shell
from wf.client import Client
from wf.clock import DatabaseClock
from wf.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.settings import Settings


@pytest.fixture
def wf(settings: Settings) -> Shell:
    return Shell(settings)


@pytest.fixture
def tokens(settings: Settings) -> Iterator[Tokens]:
    with Client(settings=settings) as client:
        yield Tokens(client.database, DatabaseClock())


def test_create_prints_the_token_alone(wf: Shell, tokens: Tokens) -> None:
    """Standard output can be piped into a file of secrets; what people should know is on standard error."""
    done = wf(
        "tokens", "create", "ci", "--scope", "write", "--workflow", "b", "--workflow", "a", "--expires", "90 days"
    )
    assert done.exit_code == 0, done.output
    assert re.fullmatch(r"wf_[\w-]{43}\n", done.stdout)
    assert "shown this once" in done.stderr
    found = tokens.find(done.stdout.strip())
    assert found is not None
    assert (found.name, found.scope.word, found.created_by) == ("ci", "write", "cli")
    assert found.workflows == frozenset({"a", "b"})
    assert found.expires_at is not None
    assert (found.expires_at - found.created_at).days == 90


def test_create_as_json_has_the_token(wf: Shell, tokens: Tokens) -> None:
    """One document with everything."""
    made = wf.json("tokens", "create", "me", "--scope", "admin")
    assert (made["name"], made["scope"], made["workflows"], made["expires_on"]) == ("me", "admin", None, None)
    assert tokens.find(made["token"]) is not None


def test_list_shows_tokens_but_not_themselves(wf: Shell) -> None:
    """Names, rights and times, as a table and as JSON."""
    assert "There are no tokens" in wf.text("tokens", "list")
    assert wf.json("tokens", "list") == []
    text = wf.text("tokens", "create", "ci", "--scope", "read", "--workflow", "report").strip()
    wf.text("tokens", "create", "me", "--scope", "admin", "--expires", "1 day")
    shown = wf.text("tokens", "list")
    assert "Showing 2 token(s):" in shown
    assert re.search(r"ci +│ read +│ report +│ .* UTC +│ cli +│ never +│ +│", shown)
    assert text not in shown
    first, second = wf.json("tokens", "list")
    assert (first["name"], first["scope"], first["workflows"], first["used_on"]) == ("ci", "read", ["report"], None)
    assert second["expires_on"]


def test_revoke_ends_a_token(wf: Shell, tokens: Tokens) -> None:
    """It counts no more, and is not listed."""
    text = wf.text("tokens", "create", "ci", "--scope", "read").strip()
    assert wf.text("tokens", "revoke", "ci") == "Token 'ci' was revoked.\n"
    assert tokens.find(text) is None
    wf.text("tokens", "create", "ci", "--scope", "read")
    assert wf.json("tokens", "revoke", "ci") == {"name": "ci"}


def test_refusals_take_one_line(wf: Shell) -> None:
    """A taken name, one that is not there, and one that cannot be."""
    wf.text("tokens", "create", "ci", "--scope", "read")
    assert "There is a token 'ci' already" in wf.refusal("tokens", "create", "ci", "--scope", "read")
    assert "There is no token 'cd'" in wf.refusal("tokens", "revoke", "cd")
    assert "No token was made" in wf.refusal("tokens", "create", "a b", "--scope", "read")
    assert "is not a duration" in wf.refusal("tokens", "create", "x", "--scope", "read", "--expires", "soon")
    assert wf("tokens", "create", "x", "--scope", "root").exit_code == 2
    assert wf("tokens", "create", "x").exit_code == 2
