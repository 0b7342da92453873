"""`wf settings`: shown and set on the command line, at the journal itself and through an API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cli import Shell
from tests.support.errands import Errand
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from tests.support import Rig
    from tests.support.api import Api

NAME = "nightly-told"
DECLARED = {"limit": 2, "delay": 60.0, "backoff": "exponential", "on": ["ConnectionError"], "from": "failed"}


class Nightly(
    WorkflowEntrypoint, name=NAME, schedules=["0 9 * * *"], restart={"limit": 2, "on": [ConnectionError]},
    default_retention={"error_retention": "2 days"},
):  # fmt: skip
    """A workflow with settings."""

    async def run(self, event: Any, step: Any) -> None:
        await step.wait_for_event("permit", "go")


@pytest.fixture(params=["journal", "api"])
def wf(rig: Rig, api: Api, request: pytest.FixtureRequest) -> Callable[..., Result]:
    """`wf ...` with the URLs of the servers, or with nothing but that of an API."""
    for cls in (Nightly, Errand):
        rig.workers[0].catalog.register(cls)
    nowhere = {"WF_DATABASE_URL": "", "WF_REDIS_URL": "", "WF_API_URL": api.url}
    env = {} if request.param == "journal" else nowhere
    return lambda *args: Shell(rig.settings)(*args, **env)


def told(result: Result) -> Any:
    """What a command prints with --json."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(result: Result) -> str:
    """What a command that must fail says, in one line."""
    assert (result.exit_code in (1, 2), result.stdout, result.stderr.count("\n")) == (True, "", 1), result.output
    assert result.stderr.startswith("wf: ")
    return result.stderr


def test_what_is_declared_set_and_in_force_is_shown(wf: Callable[..., Result]) -> None:
    """For people and for programs; nothing is changed by looking."""
    shown = wf("settings", NAME)
    assert shown.exit_code == 0, shown.output
    assert f"{Nightly.__module__}.Nightly" in shown.stdout
    assert "The class says" in shown.stdout
    assert '"on": ["ConnectionError"]' in shown.stdout
    found = told(wf("settings", NAME, "--json"))
    assert (found["workflow"], found["version"], found["overrides"]) == (NAME, "1", {})
    assert found["declared"]["restart"] == found["settings"]["restart"] == DECLARED
    assert told(wf("audit", "--json")) == []
    assert "Nothing is set." in wf("settings", "errand").stdout
    assert "nope" in refused(wf("settings", "nope"))


def test_only_what_is_named_changes(rig: Rig, wf: Callable[..., Result]) -> None:
    """Each command adds to what the ones before have set; the audit has each."""
    told(wf("settings", NAME, "--concurrency", "7", "--json"))
    told(wf("settings", NAME, "--restart-limit", "0", "--json"))
    told(wf("settings", NAME, "--success-retention", "12 hours", "--schedule", "15 * * * *", "--json"))
    found = told(wf("settings", NAME, "--restart-delay", "90", "--restart-from", "start", "--json"))
    assert found["overrides"] == {
        "concurrency": {"limit": 7},
        "restart": {**DECLARED, "limit": 0, "delay": 90.0, "from": "start"},
        "default_retention": {"success_retention": 43_200.0, "error_retention": 172_800.0},
        "schedules": ["15 * * * *"],
    }
    entries = told(wf("audit", "--action", "configure", "--json"))
    assert [len(entry["detail"]) for entry in entries] == [4, 4, 2, 1]
    assert {entry["actor"] for entry in entries} <= {"cli", "api:local"}
    assert rig.sql("select concurrency from wf.workflow where name = %s", NAME) == [(7,)]


def test_errors_and_schedules_are_given_more_than_once(wf: Callable[..., Result]) -> None:
    """A list is set as a whole."""
    found = told(
        wf(
            "settings", NAME, "--restart-on", "TimeoutError", "--restart-on", "card declined", "--restart-backoff",
            "linear", "--schedule", "0 1 * * *", "--schedule", "0 2 * * *", "--json",
        )
    )  # fmt: skip
    assert found["overrides"]["restart"] == {**DECLARED, "on": ["TimeoutError", "card declined"], "backoff": "linear"}
    assert found["settings"]["schedules"] == ["0 1 * * *", "0 2 * * *"]
    assert told(wf("settings", NAME, "--no-schedules", "--json"))["settings"]["schedules"] == []


def test_settings_are_taken_back(wf: Callable[..., Result]) -> None:
    """One by one, also while others are set, or all at once."""
    told(wf("settings", NAME, "--concurrency", "7", "--restart-limit", "0", "--no-schedules", "--json"))
    found = told(
        wf("settings", NAME, "--unset", "restart", "--unset", "schedules", "--error-retention", "1 day", "--json")
    )
    assert found["overrides"] == {
        "concurrency": {"limit": 7}, "default_retention": {"error_retention": 86_400.0},
    }  # fmt: skip
    found = told(wf("settings", NAME, "--as-declared", "--json"))
    assert (found["overrides"], found["settings"]) == ({}, found["declared"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--schedule", "noon"), "'noon' is no cron expression"),
        (("--schedule", "0 9 * * *", "--no-schedules"), "exclude each other"),
        (("--restart-delay", "soon"), "--restart-delay 'soon' is not a duration"),
        (("--success-retention", "0"), "must be above zero"),
        (("--restart-on", "a\nb"), "cannot be the name of an exception class"),
        (("--restart-limit", "3", "--unset", "restart"), "--unset restart takes back what another option sets"),
        (("--as-declared", "--restart-limit", "3"), "give it alone"),
        (("--as-declared", "--unset", "restart"), "give it alone"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    rig: Rig, wf: Callable[..., Result], options: tuple[str, ...], says: str
) -> None:
    """And nothing is changed, whatever else is named."""
    assert says in refused(wf("settings", NAME, "--concurrency", "7", *options))
    assert rig.sql("select overrides from wf.workflow where name = %s", NAME) == [({},)]
    assert rig.sql("select 1 from wf.audit") == []


@pytest.mark.parametrize(
    "options",
    [
        ("--restart-limit", "-1"), ("--restart-backoff", "quadratic"), ("--unset", "limits"), ("--concurrency", "0"),
        ("--concurrency", "50001"),
    ],
)  # fmt: skip
def test_what_no_option_takes_is_a_wrong_usage(wf: Callable[..., Result], options: tuple[str, ...]) -> None:
    """With exit code 2, and what would be right."""
    assert wf("settings", NAME, *options).exit_code == 2
