"""The file of WF_HOOKS: which rules it may hold."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from wf_api import hooks
from wf_api.hooks import InvalidHooks, read_hooks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "whsec_" + b64encode(b"k" * 24).decode()


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_NEW", SECRET)
    monkeypatch.setenv("HOOK_PLAIN", "plain")
    monkeypatch.setenv("HOOK_SHORT", b64encode(b"short").decode())


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    """Writes a file of rules."""

    def written(text: str) -> str:
        file = tmp_path / "hooks.toml"
        file.write_text(text)
        return str(file)

    return written


FAULTS = {
    'scheme = "github"': "rule 'x', scheme: Input should be 'standard', 'stripe' or 'slack'",
    'workflow = "a b"': "rule 'x', workflow: no workflow can have this name",
    "secret_env = []": "rule 'x', secret_env: Value should have at least 1 item",
    'secret_env = ["A", "B", "C"]': "rule 'x', secret_env: Value should have at most 2 items",
    'secret_env = "HOOK_NONE"': "rule 'x', secret_env: the secret in HOOK_NONE: it is empty",
    'secret_env = "HOOK_SHORT"': "rule 'x', secret_env: the secret in HOOK_SHORT: its key is shorter than 16 bytes",
    'secret_env = "HOOK_PLAIN"': "rule 'x', secret_env: the secret in HOOK_PLAIN: it is not whsec_ and base64",
    'window = "soon"': "rule 'x', window: window 'soon' is not a duration",
    'window = "2 days"': "rule 'x', window: use something between 1 second and 1 day",
    'instance = "{order}"': "rule 'x', instance: {order} cannot be filled in",
    'instance = "{body}"': "rule 'x', instance: {body} cannot be filled in",
    'instance = "{body.a"': "rule 'x', instance: a brace has no partner",
    'event = "{env.HOME}"': "rule 'x', event: {env.HOME} cannot be filled in",
    'event = ""': "rule 'x', event: String should have at least 1 character",
    'events = {a = "b.c"}': "rule 'x', events: Event type 'b.c' is invalid",
    'payload = "{body.a}"': "rule 'x', payload: this is no path",
    'payload = "headers.x"': "rule 'x', payload: this is no path",
    'secret = "plain"': "rule 'x', secret: Extra inputs are not permitted",
    'id = "a"': "rule 'x': id is for create = true",
    'instance = "{headers.x-order}"': "rule 'x', instance: {headers.x-order} cannot be filled in; there is {body.a.b}",
    'event = "{headers.webhook-timestamp}"': "rule 'x', event: {headers.webhook-timestamp} cannot be filled in",
    'delivery = "{headers.x-request-id}"': "rule 'x', delivery: {headers.x-request-id} cannot be filled in",
    "create = true": "rule 'x': create = true makes an instance, so instance and event has no meaning",
}
GOOD = {
    "scheme": 'scheme = "standard"', "secret_env": 'secret_env = "HOOK_NEW"', "workflow": 'workflow = "ordered"',
    "instance": 'instance = "a"', "event": 'event = "b"',
}  # fmt: skip


@pytest.mark.parametrize("line", FAULTS)
def test_a_rule_that_cannot_be_used_is_named(secrets: None, write: Callable[[str], str], line: str) -> None:
    """With its key and what is wrong; no secret is shown."""
    lines = GOOD | {line.partition(" ")[0]: line}
    file = write("[x]\n" + "\n".join(lines.values()))
    with pytest.raises(InvalidHooks) as caught:
        read_hooks(file)
    assert str(caught.value).startswith(f"WF_HOOKS: {file!r} cannot be used: {FAULTS[line]}")
    assert not re.search(r"plain|short=|whsec_\w", str(caught.value))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[x", "cannot be read"),
        ("x = 1", "rule 'x': Input should be a valid dictionary"),
        ('["a b"]\n', "rule 'a b': String should match pattern"),
        ("[x]\n", "rule 'x', scheme: Field required; rule 'x', secret_env: Field required"),
        (
            '[x]\nscheme = "stripe"\nsecret_env = "HOOK_PLAIN"\nworkflow = "w"\ndelivery = "{headers.webhook-id}"',
            "rule 'x': delivery names {headers.webhook-id}, which is signed with scheme standard only",
        ),
        ('[x]\nscheme = "slack"\nsecret_env = "HOOK_PLAIN"\nworkflow = "w"', "rule 'x': instance and event is missing"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(secrets: None, write: Callable[[str], str], text: str, says: str) -> None:
    """Whether it is not TOML, or has not the form of rules."""
    with pytest.raises(InvalidHooks, match=re.escape(says)):
        read_hooks(write(text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The error names it; without a name there are no hooks."""
    with pytest.raises(InvalidHooks, match=r"nowhere\.toml' cannot be read"):
        read_hooks(str(tmp_path / "nowhere.toml"))
    assert read_hooks("") == {}


def test_the_example_of_the_documentation_is_a_good_one(
    monkeypatch: pytest.MonkeyPatch, write: Callable[[str], str]
) -> None:
    """Its rules are read as they stand there."""
    monkeypatch.setenv("STRIPE_SECRET", "plain")
    monkeypatch.setenv("SIGNUP_SECRET", SECRET)
    assert hooks.__doc__ is not None
    text = "\n".join(line[4:] for line in hooks.__doc__.splitlines() if line.startswith("    "))
    assert set(read_hooks(write(text))) == {"order-paid", "signup"}
