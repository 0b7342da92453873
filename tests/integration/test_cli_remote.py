"""The command line against an API: the same words as against the journal itself, without Postgres or Redis at hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.attempts import one_step
from tests.support.cli import Shell
from tests.support.errands import Errand
from tests.support.web import free_port
from wf.answers import Answer
from wf.cli.watching import follow
from wf.errors import JournalBusy, JournalUnavailable
from wf.remote import RemoteClient
from wf.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from tests.support import Rig
    from tests.support.api import Api

LOOKING = [
    ("list",), ("describe", "errand"), ("versions",), ("versions", "errand"),
    ("instances", "list", "errand"), ("instances", "list", "errand", "--reverse", "--per-page", "2"),
    ("instances", "list", "errand", "--status", "errored"),
    ("instances", "list", "errand", "--id", "i-f", "--version", "1"),
    ("instances", "list", "errand", "--error", "ORDER 7"), ("instances", "list", "errand", "--search", '"do": "wait"'),
    ("instances", "list", "errand", "--date-start", "2027-01-15", "--date-end", "2027-01-15"),
    ("instances", "describe", "errand", "latest"), ("instances", "describe", "errand", "i-fail"),
    ("instances", "describe", "errand", "i-flaky", "--no-step-output"),
    ("instances", "describe", "heartbeat-remote", "i-long", "--truncate-output-limit", "30"),
    ("instances", "describe", "heartbeat-remote", "i-huge", "--truncate-output-limit", "30"),
]  # fmt: skip
"""Commands that look."""


@pytest.fixture
def remote(rig: Rig, api: Api) -> Callable[..., Result]:
    """`wf ...` with nothing but the URL of an API, which has instances of every kind to show."""
    rig.workers[0].catalog.register(Errand)
    for doing in ("fail", "flaky", "sleep", "wait", ""):
        rig.create(Errand, f"i-{doing}", {"do": doing})
    for name, length in (("i-long", 1000), ("i-huge", 100_000)):
        rig.create(one_step(lambda length=length: 'say "x"' * length, "remote"), name)
        rig.settle()
    nowhere = {"WF_DATABASE_URL": "", "WF_REDIS_URL": "", "WF_API_URL": api.url}

    def run(*args: str, **env: str) -> Result:
        found = Shell(rig.settings)(*args, **nowhere | env)
        api.app.state.parts.nudging.flush()  # what it wanted nudged is in the queue
        return found

    return run


def said(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_looking_through_an_api_shows_the_same(
    rig: Rig, remote: Callable[..., Result], command: tuple[str, ...]
) -> None:
    """Text and JSON are those of the journal itself."""
    local = Shell(rig.settings)
    assert said(remote(*command, "--json")) == said(local(*command, "--json"))
    assert said(remote(*command)) == said(local(*command))


def test_an_instance_lives_through_an_api(rig: Rig, remote: Callable[..., Result]) -> None:
    """Triggered, sent an event, paused, resumed, terminated, restarted and deleted: all of it arrives."""
    assert "has been queued successfully" in said(remote("trigger", "errand", '{"do": "wait"}', "--id", "r-17"))
    rig.settle()
    assert "was paused successfully" in said(remote("instances", "pause", "errand", "latest"))
    assert json.loads(said(remote("instances", "resume", "errand", "r-17", "--json")))["status"] == "queued"
    rig.settle()
    assert 'with type "go"' in said(remote("instances", "send-event", "errand", "r-17", "--type", "go"))
    rig.settle()
    assert rig.client.workflow(Errand).get("r-17").status().status == "complete"
    said(
        remote(
            "instances", "restart", "errand", "r-17", "--from-step-name", "permit", "--from-step-type", "waitForEvent"
        )
    )
    rig.settle()
    assert json.loads(said(remote("instances", "terminate", "errand", "r-17", "--json")))["status"] == "terminated"
    gone = remote("instances", "delete", "errand", "r-17", "nobody", "--json")
    assert (gone.exit_code, json.loads(gone.stdout)["deleted"]) == (1, [{"id": "r-17"}])
    assert "nobody: Workflow 'errand' has no instance 'nobody'" in gone.stderr
    assert rig.sql("select actor from wf.audit where instance = 'r-17' group by 1") == [("api:local",)]


def refused(result: Result, code: int = 1) -> str:
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_tokens_are_made_listed_and_revoked_through_an_api(rig: Rig, remote: Callable[..., Result]) -> None:
    """The first one by whoever is on the API's machine; from then on an administrator's is needed."""
    admin = said(remote("tokens", "create", "me", "--scope", "admin")).strip()
    assert "Send a token" in refused(remote("tokens", "list"))
    made = said(remote("tokens", "create", "ci", "--scope", "read", "--workflow", "errand", WF_API_TOKEN=admin)).strip()
    local = Shell(rig.settings)
    names = [token["name"] for token in json.loads(said(remote("tokens", "list", "--json", WF_API_TOKEN=admin)))]
    assert names == [token["name"] for token in local.json("tokens", "list")] == ["ci", "me"]
    assert "scope admin" in refused(remote("tokens", "revoke", "ci", WF_API_TOKEN=made))
    said(remote("tokens", "revoke", "ci", WF_API_TOKEN=admin))
    assert [token["name"] for token in local.json("tokens", "list")] == ["me"]


def test_what_an_api_refuses_is_said_in_its_words(remote: Callable[..., Result]) -> None:
    """One line on standard error, as against the journal itself, and exit code 1."""
    assert "has no instance 'nobody'" in refused(remote("instances", "pause", "errand", "nobody"))
    assert "Did you mean 'errand'?" in refused(remote("trigger", "errands"))
    assert "it is complete" in refused(remote("instances", "terminate", "errand", "i-"))
    assert "is invalid" in refused(remote("instances", "send-event", "errand", "i-wait", "--type", "a.b"))


@pytest.mark.parametrize("args", [("list",), ("trigger", "errand")], ids=" ".join)
def test_an_api_that_is_not_there_is_named(rig: Rig, args: tuple[str, ...]) -> None:
    """The error says which URL was asked, and what to check."""
    url = f"http://127.0.0.1:{free_port()}"
    error = refused(Shell(rig.settings)(*args, WF_API_URL=url))
    assert f"The API at {url} does not answer" in error
    assert "WF_API_URL" in error


def test_no_message_shows_a_password_in_the_url(rig: Rig, api: Api) -> None:
    """Of a proxy before the API, say: neither when nobody answers, nor when somebody else does, nor the settings."""
    for host, says in ((f"127.0.0.1:{free_port()}", "does not answer"), (f"{api.url[7:]}/healthz?", "is no API")):
        error = refused(Shell(rig.settings)("list", WF_API_URL=f"http://ada:hush@{host}"))
        assert f"at http://{host}" in error
        assert says in error
        assert "hush" not in error
    assert "hush" not in refused(Shell(rig.settings)("list", WF_API_URL="ada:hush@wf.example"))
    assert "hush" not in repr(Settings(api_url="http://ada:hush@wf.example"))


def test_something_else_that_answers_is_no_api(rig: Rig, api: Api) -> None:
    """A page of another server is not taken for an answer."""
    assert "is no API of celery-wf" in refused(Shell(rig.settings)("list", WF_API_URL=f"{api.url}/healthz?"))


@pytest.mark.parametrize("said_wait", [0, -1, "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "inf"])
def test_an_api_without_its_journal_is_asked_again(
    rig: Rig, api: Api, monkeypatch: pytest.MonkeyPatch, said_wait: object
) -> None:
    """A read waits as long as the API says, or a proxy in its way, and succeeds when Postgres is back."""
    monkeypatch.setattr("wf.http._RETRY_AFTER", said_wait)
    monkeypatch.setattr("wf.remote_http.WAIT_MAX", 0.1)
    rig.workers[0].catalog.register(Errand)
    tries: list[Any] = []
    read = api.app.state.parts.client.database.rows

    def away_once(*args: Any) -> Any:
        tries.append(args)
        if len(tries) == 1:
            raise JournalBusy("it is restarting")
        return read(*args)

    monkeypatch.setattr(api.app.state.parts.client.database, "rows", away_once)
    found = json.loads(said(Shell(rig.settings)("list", "--json", WF_API_URL=api.url, WF_DATABASE_URL="")))
    assert [workflow["name"] for workflow in found] == ["errand"]
    assert len(tries) > 1


def test_whoever_only_looks_may_look_again(rig: Rig, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """An API that has lost its journal, or is restarted, is away as Postgres is: live views go on."""

    def away(*_: Any) -> Any:
        raise JournalUnavailable("it is restarting")

    monkeypatch.setattr("wf.remote_http.WAIT_MAX", 0.01)
    monkeypatch.setattr(api.app.state.parts.client.database, "rows", away)
    for url in (api.url, f"http://127.0.0.1:{free_port()}"):
        with RemoteClient(Settings(api_url=url)) as client:
            with pytest.raises(JournalUnavailable):
                client.overview.look()
            with pytest.raises(JournalUnavailable):
                client.workflow("errand").create("r-17")


def test_watching_without_a_terminal_outlives_an_outage(capsys: pytest.CaptureFixture[str]) -> None:
    """What is in the way is said once."""
    answers: list[Any] = [
        Answer(status="running"), JournalUnavailable("away"), JournalUnavailable("away"), Answer(status="complete"),
    ]  # fmt: skip

    def look() -> Answer:
        found = answers.pop(0)
        if isinstance(found, Answer):
            return found
        raise found

    follow(look, quiet=True)
    assert answers == []
    assert capsys.readouterr().err.count("Postgres does not answer (away)") == 1
