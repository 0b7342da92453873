"""The page on which operators set a restart policy over a class."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.pages import HTML, Pages
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

PATH, PAGE = "/api/workflows/nightly-restarted/settings", "/workflows/nightly-restarted/settings"
WHOLE = {"limit": 5, "delay": 90061.5, "backoff": "linear", "on": ["card declined", "TimeoutError"], "from": "start"}


class Nightly(WorkflowEntrypoint, name="nightly-restarted", restart={"limit": 2, "on": [ConnectionError]}):
    """A workflow with a policy."""

    async def run(self, event: Any, step: Any) -> None:
        await step.wait_for_event("permit", "go")


@pytest.fixture(autouse=True)
def _known(rig: Rig) -> None:
    rig.workers[0].catalog.register(Nightly)


@pytest.fixture
def pages(api: Api) -> Pages:
    return Pages(api)


def over(api: Api) -> dict[str, Any]:
    """What is set over the class."""
    found: dict[str, Any] = api.ok("GET", PATH)["overrides"]
    return found


def lines(api: Api) -> list[list[str]]:
    """What the page tells of the policy: what the class says, what is set over it, and what is in force."""
    row = api("GET", PAGE, headers=HTML).text.partition('id="setting-restart"')[2].partition("</tr>")[0]
    return [re.findall(r'<bdi class="line">(.*?)</bdi>', cell) for cell in row.split("<td>")[1:]]


def test_the_page_tells_what_the_class_says_and_what_is_set(api: Api) -> None:
    """In words."""
    declared = ["limit: 2", "delay: 1 min, exponential", "on: ConnectionError", "goes on from what failed"]
    assert lines(api) == [declared, [], declared]
    api.ok("PATCH", PATH, json={"restart": {"limit": 0}})
    assert lines(api) == [declared, ["never"], ["never"]]
    api.ok("PATCH", PATH, json={"restart": {**WHOLE, "on": []}})
    told = ["limit: 5", "delay: 90061.5, linear", "on: any error", "begins anew"]
    assert lines(api) == [declared, told, told]


def test_the_form_never_loses_a_policy(api: Api, pages: Pages) -> None:
    """Sent as it is, or with something else changed, it sets the same policy again."""
    api.ok("PATCH", PATH, json={"restart": WHOLE})
    pages.send(PAGE)
    assert over(api) == {"restart": WHOLE}
    pages.send(PAGE, concurrency="7")
    assert over(api) == {"restart": WHOLE, "concurrency": {"limit": 7}}
    api.ok("PATCH", PATH, json={"restart": {**WHOLE, "limit": 0, "on": [], "from": "failed"}})
    pages.send(PAGE)
    assert over(api)["restart"] == {**WHOLE, "limit": 0, "on": [], "from": "failed"}


def test_a_policy_is_set_and_taken_back(api: Api, pages: Pages) -> None:
    """One field is enough, the others have their defaults; none at all is as the class says."""
    pages.send(PAGE, restart_limit="0")
    assert over(api) == {"restart": {"limit": 0, "delay": 60.0, "backoff": "exponential", "on": [], "from": "failed"}}
    pages.send(
        PAGE, restart_limit="5", restart_delay="1h30m", restart_backoff="constant", restart_from="start",
        restart_on="TimeoutError\r\n\r\n  card declined ",
    )  # fmt: skip
    assert over(api)["restart"] == {
        "limit": 5, "delay": 5400.0, "backoff": "constant", "on": ["TimeoutError", "card declined"], "from": "start",
    }  # fmt: skip
    fields = ("limit", "delay", "backoff", "on", "from")
    pages.send(PAGE, **{f"restart_{field}": "" for field in fields})
    assert over(api) == {}


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("restart_limit", "-1", "A whole number from 0 to 1,000,000 is needed."),
        ("restart_limit", "1000001", "A whole number from 0 to 1,000,000 is needed."),
        ("restart_limit", "often", "A whole number from 0 to 1,000,000 is needed."),
        ("restart_delay", "soon", "This delay 'soon' is not a duration"),
        ("restart_delay", "-5", "is not a duration"),
        ("restart_backoff", "quadratic", "It must be one of constant, linear, exponential."),
        ("restart_from", "middle", "It must be one of failed, start."),
        ("restart_on", "ok\na\x00b", "'a\\x00b' cannot be the name of an exception class."),
    ],
)
def test_what_cannot_be_is_told_beside_its_field(api: Api, pages: Pages, field: str, value: str, told: str) -> None:
    """Nothing is changed."""
    answer = pages.send(PAGE, **{"concurrency": "7", field: value})
    pages.read(answer, 400)
    wrong = answer.text.partition(f'id="{field}-wrong"')[2].partition("</p>")[0]
    assert told in wrong.replace("&#39;", "'")
    assert answer.text.count('aria-invalid="true"') == 1
    assert over(api) == {}


def test_a_policy_that_cannot_be_read_is_shown_as_that(rig: Rig, pages: Pages) -> None:
    """The page is there, and what it shows of it is no markup."""
    rig.sql("""update wf.workflow set overrides = '{"restart": "<b>often</b>"}'""")
    assert "cannot be read: '<b>often</b>'" in pages.get(PAGE).words
