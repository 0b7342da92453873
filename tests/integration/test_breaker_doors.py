"""Breakers as people meet them: the API, the command line, and pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.access import make_token
from tests.support.cli import Shell
from tests.support.errands import Errand
from tests.support.pages import Pages
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

PATH = "/api/workflows/breaker-shop/breaker"
PAGE = "/workflows/breaker-shop/breaker"


class Shop(
    WorkflowEntrypoint, name="breaker-shop", breaker={"failures": 3, "within": "1 minute", "pause": "2 minutes"}
):
    """Something to hold."""

    async def run(self, event: Any, step: Any) -> None:
        await step.do("work", lambda: None)


@pytest.fixture(autouse=True)
def known(rig: Rig) -> None:
    """A worker has told of a workflow with a breaker, and of one without."""
    for cls in (Shop, Errand):
        rig.workers[0].catalog.register(cls)


@pytest.fixture
def pages(api: Api) -> Pages:
    return Pages(api)


def held(rig: Rig) -> None:
    """It is open, and two instances wait."""
    rig.client.breakers.open("breaker-shop")
    for n in range(2):
        rig.create(Shop, f"held-{n}")
    rig.settle()


def test_the_api_opens_and_closes_and_shows(rig: Rig, api: Api) -> None:
    """Each answer tells how it stands then; the audit has the caller, and everybody goes on in the end."""
    assert (api.ok("GET", PATH)["state"], api.ok("GET", PATH)["since"]) == ("closed", None)
    assert api.ok("POST", PATH, json={"action": "open"})["state"] == "open"
    held(rig)
    found = api.ok("GET", PATH)
    assert found == {
        "workflow": "breaker-shop", "state": "open", "since": "2027-01-15T08:00:00Z", "until": "2027-01-15T08:02:00Z",
        "failures": 0, "times": 1, "policy": {"failures": 3, "within": 60.0, "pause": 120.0}, "queued": 2,
    }  # fmt: skip
    assert api.ok("POST", PATH, json={"action": "close"})["queued"] == 0
    rig.settle()
    assert {entry.status for entry in rig.client.workflow(Shop).list()} == {"complete"}
    assert {entry["action"] for entry in api.ok("GET", "/api/audit")} == {"breaker_open", "breaker_close"}


def test_the_api_refuses_what_it_should(rig: Rig, api: Api) -> None:
    """Workflows without a breaker, unknown ones, other actions, and callers who may only read or see others."""
    assert api.refusal("GET", "/api/workflows/errand/breaker")[0] == 409
    assert api.refusal("POST", "/api/workflows/errand/breaker", json={"action": "open"})[2].endswith("no_breaker")
    assert api.refusal("GET", "/api/workflows/nobody/breaker")[0] == 404
    assert api.refusal("POST", PATH, json={"action": "kick"})[0] == 400
    for headers in (make_token(rig, "r", "read"), make_token(rig, "w", "write", workflows=["errand"])):
        assert api.refusal("POST", PATH, json={"action": "open"}, headers=headers)[0] == 403
    assert rig.sql("select breaker from wf.workflow where name = 'breaker-shop'") == [(None,)]


def test_the_command_line_opens_and_closes_and_shows(rig: Rig, api: Api) -> None:
    """On its own, and through an API, in the same words."""
    local, nowhere = Shell(rig.settings), {"WF_DATABASE_URL": "", "WF_REDIS_URL": "", "WF_API_URL": api.url}
    for env in ({}, nowhere):
        assert "Open" in local("breaker", "open", "breaker-shop", **env).stdout
        assert "by hand" in local("breaker", "describe", "breaker-shop", **env).stdout
        assert json.loads(local("breaker", "close", "breaker-shop", "--json", **env).stdout)["state"] == "closed"
        assert "Closed" in local("breaker", "describe", "breaker-shop", **env).stdout
        refused = local("breaker", "close", "errand", **env)
        assert (refused.exit_code, "has no breaker" in refused.stderr) == (1, True)


def test_what_wants_a_human_tells_of_it(rig: Rig, api: Api, pages: Pages) -> None:
    """In the API, on the command line and on the page; closed ones want nobody."""
    assert api.ok("GET", "/api/attention")["breakers"] == []
    held(rig)
    (found,) = api.ok("GET", "/api/attention")["breakers"]
    assert found == api.ok("GET", PATH)
    page = pages.get("/attention")
    assert page.numbers["breakers"] == "1"
    assert page.numbers["breakers.0.queued"] == "2"
    assert PAGE in page.links
    shown = Shell(rig.settings)("attention")
    assert "breaker-shop open until" in shown.stdout
    assert "2 held" in shown.stdout
    remote = {"WF_DATABASE_URL": "", "WF_REDIS_URL": "", "WF_API_URL": api.url}
    told = Shell(rig.settings)("attention", "--json", **remote).stdout
    assert json.loads(told)["breakers"] == json.loads(Shell(rig.settings)("attention", "--json").stdout)["breakers"]


def test_the_page_of_the_workflow_warns(rig: Rig, api: Api, pages: Pages) -> None:
    """While it is open or probes; without a breaker, or with a closed one, there is nothing to say."""
    assert "Its breaker" not in pages.get("/workflows/breaker-shop").words
    assert "/workflows/errand/breaker" not in pages.get("/workflows/errand").links
    held(rig)
    page = pages.get("/workflows/breaker-shop")
    assert "Its breaker is open" in page.words
    assert (page.numbers["breaker.queued"], PAGE in page.links) == ("2", True)
    rig.clock.advance(120)
    rig.client.breakers.tend()
    assert "Its breaker probes" in pages.get("/workflows/breaker-shop").words
    assert api.ok("GET", PATH)["state"] == "probing"


def test_the_page_of_the_breaker_opens_and_closes(rig: Rig, pages: Pages) -> None:
    """It explains what the button would do, does it, and leads back to the workflow."""
    page = pages.get(PAGE)
    assert page.buttons == ["Open it: hold everybody"]
    answer = pages.send(PAGE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/workflows/breaker-shop?said=breaker-open")
    held(rig)
    page = pages.get(PAGE)
    assert (page.numbers["queued"], page.buttons) == ("2", ["Close it: let everybody go on"])
    assert pages.send(PAGE).status_code == 303
    rig.settle()
    assert rig.client.breakers.get("breaker-shop").state == "closed"
    assert {entry.status for entry in rig.client.workflow(Shop).list()} == {"complete"}


def test_who_may_only_read_sees_how_it_stands(rig: Rig, api: Api) -> None:
    """And no button; a form that somebody makes up is refused."""
    held(rig)
    reader = Pages(api, make_token(rig, "r", "read"))
    page = reader.get(PAGE)
    assert (page.numbers["queued"], page.forms) == ("2", {})
    assert reader.post(PAGE, {"action": "close"}).status_code == 403
    assert rig.client.breakers.get("breaker-shop").state == "open"
