"""Tokens: what is kept of them, and when they count."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet

from wf.client import Client
from wf.errors import InvalidToken, TokenExists, TokenNotFound
from wf.tokens import Scope, Tokens

if TYPE_CHECKING:
    from typing import Any

    from tests.support import Rig


@pytest.fixture
def tokens(rig: Rig) -> Tokens:
    return Tokens(rig.client.database, rig.clock)


def make(tokens: Tokens, name: str = "ci", scope: str = "write", **more: Any) -> str:
    return tokens.create(name, scope, created_by="test", **more)


def test_a_token_is_found_by_its_text(rig: Rig, tokens: Tokens) -> None:
    """It has the form that scanners know, and comes back with everything that was said of it."""
    text = make(tokens, workflows=["b", "a"], expires_in="90 days")
    assert re.fullmatch(r"wf_[A-Za-z0-9_-]{43}", text)
    found = tokens.find(text)
    assert found is not None
    assert (found.name, found.scope, found.created_by) == ("ci", Scope.WRITE, "test")
    assert found.workflows == frozenset({"a", "b"})
    assert found.created_at.timestamp() == rig.clock.now()
    assert found.expires_at is not None
    assert found.expires_at.timestamp() == rig.clock.now() + 90 * 86_400
    assert tokens.find(text[:-1]) is None
    assert tokens.find("") is None
    assert tokens.find("wf_\udce9\0") is None


def test_whoever_makes_a_token_is_told_what_is_known_of_it(rig: Rig, tokens: Tokens) -> None:
    """Also if somebody revokes it at the same moment."""
    text, made = tokens.make("ci", "write", ["a"], created_by="test")
    assert [made] == tokens.list()
    assert tokens.find(text) == made
    rig.sql(
        "create function wf.revoke_at_once() returns trigger language plpgsql "
        "as 'begin new.revoked_at := now(); return new; end'"
    )
    rig.sql("create trigger quick before insert on wf.token for each row execute function wf.revoke_at_once()")
    assert tokens.make("gone", "read", created_by="test")[1].name == "gone"


def test_only_the_hash_is_kept(rig: Rig, tokens: Tokens) -> None:
    """No column of the journal holds the token, or a part of it."""
    text = make(tokens)
    assert rig.sql("select hash from wf.token") == [(sha256(text.encode()).digest(),)]
    everything = str(rig.sql("select * from wf.token")) + str(rig.sql("select * from wf.audit"))
    assert text not in everything
    assert text[3:20] not in everything


def test_encrypted_journals_find_tokens_too(rig: Rig) -> None:
    """A hash is compared, so it must not be sealed as payloads are, with another result each time."""
    keys = rig.settings.model_copy(update={"encryption_keys": Fernet.generate_key().decode()})
    with Client(settings=keys, clock=rig.clock) as client:
        tokens = Tokens(client.database, rig.clock)
        text = make(tokens)
        assert tokens.find(text) is not None


def test_a_name_is_taken_until_its_token_is_revoked(tokens: Tokens) -> None:
    """Then it is free, and the old token stays dead."""
    first = make(tokens)
    with pytest.raises(TokenExists, match="'ci' already"):
        make(tokens)
    tokens.revoke("ci", revoked_by="test")
    assert tokens.find(first) is None
    second = make(tokens)
    assert tokens.find(first) is None
    assert tokens.find(second) is not None
    assert [token.name for token in tokens.list()] == ["ci"]


def test_a_token_ends_with_its_time(rig: Rig, tokens: Tokens) -> None:
    """It is listed still, because its name is taken, but counts no more."""
    text = make(tokens, expires_in=60)
    rig.clock.advance(59)
    assert tokens.find(text) is not None
    assert tokens.any_active()
    rig.clock.advance(1)
    assert tokens.find(text) is None
    assert not tokens.any_active()
    assert [token.name for token in tokens.list()] == ["ci"]


def test_there_is_an_active_token_until_all_are_revoked(tokens: Tokens) -> None:
    """But one that was made has been made: that decides whether callers without one are let in."""
    assert (tokens.any(), tokens.any_active()) == (False, False)
    make(tokens)
    assert (tokens.any(), tokens.any_active()) == (True, True)
    tokens.revoke("ci", revoked_by="test")
    assert (tokens.any(), tokens.any_active()) == (True, False)


def test_its_use_is_noted_once_a_minute(rig: Rig, tokens: Tokens) -> None:
    """Not at every request: that would be a write for each."""
    text = make(tokens)
    used = []
    for _ in range(4):
        tokens.find(text)
        used.append(rig.sql("select extract(epoch from used_at)::float8 from wf.token")[0][0])
        rig.clock.advance(30)
    assert used == [used[0], used[0], used[0] + 60, used[0] + 60]


def test_what_is_done_to_tokens_is_in_the_audit(rig: Rig, tokens: Tokens) -> None:
    """Who made it, with which rights, and who ended it."""
    make(tokens, workflows=["report"])
    tokens.revoke("ci", revoked_by="ada")
    assert rig.sql("select actor, action, workflow, instance, detail from wf.audit order by id") == [
        ("test", "token_create", "", "ci", {"scope": "write", "workflows": ["report"]}),
        ("ada", "token_revoke", "", "ci", {}),
    ]


@pytest.mark.parametrize("name", ["ci", "", "a\0b"])
def test_what_is_not_there_cannot_be_revoked(tokens: Tokens, name: str) -> None:
    """The error says so."""
    with pytest.raises(TokenNotFound, match="There is no token"):
        tokens.revoke(name, revoked_by="test")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"name": ""}, "The name '' is invalid"),
        ({"name": "a b"}, "The name 'a b' is invalid"),
        ({"name": "-a"}, "begin with a letter"),
        ({"name": "x" * 101}, "1 to 100"),
        ({"name": "ci\n"}, "is invalid"),
        ({"name": "local"}, "stands for callers without a token"),
        ({"scope": "root"}, "There is no scope 'root'; there are read, write, admin"),
        ({"workflows": []}, "The list of workflows is empty"),
        ({"workflows": ["a b"]}, "No workflow can be called 'a b'"),
        ({"expires_in": "soon"}, "expires_in 'soon' is not a duration"),
        ({"expires_in": 0}, "is not between 0 and 100 years"),
        ({"expires_in": "300 years"}, "is not between 0 and 100 years"),
    ],
)
def test_what_cannot_be_a_token_is_refused(rig: Rig, tokens: Tokens, given: dict[str, Any], says: str) -> None:
    """The message says what is wrong, and nothing was made."""
    with pytest.raises(InvalidToken, match=re.escape(says)) as caught:
        make(tokens, **given)
    assert str(caught.value).endswith(". No token was made.")
    assert rig.sql("select count(*) from wf.token") == [(0,)]
