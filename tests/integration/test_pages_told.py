"""What pages say is true: also an old page, one with words in its address, and the page after the last."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support.access import make_token
from tests.support.dashboard import Shipment, fill
from tests.support.errands import Errand
from tests.support.pages import HTML, Pages
from tests.support.parcels import Parcel
from tests.support.plans import plan_of, scans
from tests.support.told import told_by
from wf.prospects import SHOWN
from wf.sql import statements
from wf.versions import CAP

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

ONE = "/workflows/errand/instances/r-17"


@pytest.fixture
def pages(api: Api) -> Pages:
    return Pages(api)


@pytest.fixture
def waiting(rig: Rig) -> Any:
    """An instance that waits for an event."""
    rig.workers[0].catalog.register(Errand)
    instance = rig.create(Errand, "r-17", {"do": "wait"})
    rig.settle()
    return instance


@pytest.mark.parametrize("action", ["pause", "terminate", "restart", "delete"])
def test_of_many_steps_that_run_the_number_is_told(rig: Rig, waiting: Any, pages: Pages, action: str) -> None:
    """A few are named."""
    rig.sql(
        "insert into wf.step"
        " (instance, generation, seq, kind, name, count, status, attempt, lost, started_rev, rev, wake_at)"
        " select key, 1, 100 + n, 'do', 'part', n, 'running', 1, 0, 1, 1, to_timestamp(%s)"
        " from wf.instance, generate_series(1, %s) n",
        rig.clock.now() + 60, SHOWN + 7,
    )  # fmt: skip
    page = pages.get(f"{ONE}/{action}")
    assert page.words.partition("from the start")[0].count("part-") == SHOWN
    assert page.numbers["running.more"] == "7"
    assert "and 7 more" in page.words
    rig.sql("delete from wf.step where count > %s", SHOWN)
    assert "running.more" not in pages.get(f"{ONE}/{action}").numbers


def test_a_resume_is_of_the_pause_that_was_read_about(rig: Rig, waiting: Any, pages: Pages) -> None:
    """To call a pause off and to go on after one are told in other words; to run and to wait are not."""

    def stands(status: str) -> None:
        due = "null" if status == "paused" else "now()"
        rig.sql(f"update wf.instance set status = %s, due_at = {due}", status)

    for before, after in (("waitingForPause", "paused"), ("paused", "waitingForPause")):
        stands(before)
        fields = pages.get(f"{ONE}/resume").forms[f"{ONE}/resume"]
        stands(after)
        assert f"it is {after} now" in pages.read(pages.post(f"{ONE}/resume", fields), 409).words
    stands("running")
    fields = pages.get(f"{ONE}/pause").forms[f"{ONE}/pause"]
    stands("waiting")
    assert pages.post(f"{ONE}/pause", fields).status_code == 303


def test_what_was_done_is_said_on_the_page_that_its_form_leads_to(waiting: Any, pages: Pages) -> None:
    """Elsewhere a link with the same word makes no page say it."""
    assert "A pause was asked for" in pages.get(f"{ONE}?said=paused").words
    assert "was removed" in pages.get("/workflows/errand/instances?said=deleted").words
    assert "are in force" in pages.get("/workflows/errand/settings?said=configured").words
    for word in ("deleted", "configured", "started", "nonsense"):
        assert 'class="said"' not in pages.api("GET", f"{ONE}?said={word}", headers=pages.headers).text, word
    for path in ("/", "/jobs", "/attention", "/workflows/errand", f"{ONE}/delete"):
        for word in ("paused", "deleted", "configured", "started"):
            assert 'class="said"' not in pages.api("GET", f"{path}?said={word}", headers=pages.headers).text, path


def test_a_page_beyond_the_last_one_says_so(waiting: Any, pages: Pages) -> None:
    """There are workflows, but no more of them."""
    assert "There are no more workflows." in pages.get("/?page=9999").words
    assert "There are no more workflows with “err” in their names." in pages.get("/?page=2&search=err").words
    assert "No workflow has “nope” in its name" in pages.get("/?search=nope").words


def test_no_page_of_no_workflows_claims_that_there_are_some(pages: Pages) -> None:
    """Whichever page it is."""
    for path in ("/", "/?page=2"):
        assert "No worker has registered a workflow yet" in pages.get(path).words


def test_a_node_of_the_diagram_leads_to_those_that_stand_there(rig: Rig, api: Api, pages: Pages) -> None:
    """By the status that most of them are in, and of the version that is shown; where nobody stands, nowhere."""
    fill(rig)
    for id in ("asleep-2", "asleep-3"):
        rig.create(Shipment, id, "sleep")
    rig.settle()
    shown = "/workflows/shipment"
    drawn = [node for node in api("GET", shown, headers=HTML).text.split('<a href="') if '"><g class="node' in node]
    led = {
        re.findall(r"<title>\w+[^:]*: (.*)", node)[0]: node.partition('"')[0].replace("&amp;", "&") for node in drawn
    }
    assert led == {
        "let it settle": f"{shown}/instances?status=waiting", "charge": f"{shown}/instances?status=waiting",
        "signature": f"{shown}/instances?status=waiting",
    }  # fmt: skip
    rig.sql("update wf.instance set status = 'paused', due_at = null where status = 'waiting'")
    for query, version in (("", ""), ("?version=1", "&version=1")):
        links = [link for link in pages.get(shown + query).links if "status=" in link and "paused" in link]
        assert f"{shown}/instances?status=paused{version}" in links


def test_a_version_that_there_is_not_is_refused_as_by_the_api(waiting: Any, api: Api, pages: Pages) -> None:
    """One that instances are of, though no worker knows it, is shown."""
    assert "no version 'nope'" in pages.get("/workflows/errand?version=nope", 404).words
    assert api.refusal("GET", "/api/workflows/errand/versions/nope")[0] == 404
    pages.get("/workflows/errand?version=1")


def test_an_error_names_no_workflow_that_its_reader_may_not_see(rig: Rig, waiting: Any, api: Api) -> None:
    """Nor does the API's."""
    rig.workers[0].catalog.register(Parcel)
    token = make_token(rig, "bob", "admin", workflows=["ghost", "errand"])
    theirs, everything = Pages(api, token), Pages(api, make_token(rig, "eve", "read"))
    for path in ("", "/instances", "/settings", "/create", "/instances/r-17", "/instances/r-17/pause"):
        words = theirs.get(f"/workflows/ghost{path}", 404).words
        assert "Known workflows: 'errand'." in words, path
        assert "parcel" not in words, path
    for method, path in (("GET", ""), ("GET", "/instances"), ("GET", "/versions"), ("POST", "/instances")):
        answer = api(method, f"/api/workflows/ghost{path}", headers=token, json={} if method == "POST" else None)
        assert (answer.status_code, "parcel" in answer.text, "'errand'" in answer.text) == (404, False, True), path
    assert "'errand', 'parcel'" in everything.get("/workflows/ghost", 404).words


def test_who_is_known_finds_the_way_on_from_an_error(rig: Rig, waiting: Any, api: Api, pages: Pages) -> None:
    """Whom nobody knows is shown no way."""
    for path, status in (("/workflows/ghost", 404), (f"{ONE}0", 404), ("/?page=0", 400), ("/jobs/17", 404)):
        answer = api("GET", path, headers=HTML)
        assert (answer.status_code, '<nav aria-label="Main">' in answer.text) == (status, True), path
    theirs = HTML | make_token(rig, "eve", "read")
    answer = api("GET", f"{ONE}/pause", headers=theirs)
    assert (answer.status_code, 'href="/attention"' in answer.text, ">eve<" in answer.text) == (403, True, True)
    answer = api("GET", "/nowhere", headers=theirs)
    assert (answer.status_code, '<nav aria-label="Main">' in answer.text) == (404, False)


def fleet(rig: Rig, version: str, number: int) -> None:
    """Instances of a version that wait."""
    rig.sql(
        "insert into wf.instance (workflow, id, version, status, due_at)"
        " select 'errand', %s || '-' || n, %s, 'waiting', now() from generate_series(1, %s) n",
        version, version, number,
    )  # fmt: skip


def test_an_old_version_is_seen_behind_many_new_ones(waiting: Any, rig: Rig, api: Api, pages: Pages) -> None:
    """No worker knows it. Which numbers may be too low, and that others may be missing, is said."""
    rig.sql("delete from wf.instance")
    fleet(rig, "0", 1)
    fleet(rig, "1", CAP - 2)
    page = pages.get("/workflows/errand")
    assert (page.numbers["versions.0.waiting"], page.numbers["versions.1.waiting"]) == ("1", f"{CAP - 2}")
    assert "may be missing" not in page.words
    fleet(rig, "1x", 50)
    page = pages.get("/workflows/errand")
    assert {name: shown for name, shown in page.numbers.items() if name.startswith("versions.")} == {
        "versions.0.waiting": "1+", "versions.1.waiting": "949+", "versions.1x.waiting": "50+",
    }  # fmt: skip
    assert "Of those that are waiting, only the 500 newest and the 500 oldest were looked at" in page.words
    assert "wf versions errand counts them all" in page.words
    told = {one["id"]: one for one in api.ok("GET", "/api/workflows/errand/versions?exact=false")}
    assert {id: one["instances"]["waiting"] for id, one in told.items()} == {"0": 1, "1": 949, "1x": 50}
    assert [one["capped"] for one in told.values()] == [["waiting"]] * 3
    assert [one["capped"] for one in api.ok("GET", "/api/workflows/errand/versions")] == [[]] * 3
    pages.get("/workflows/errand?version=0")


def test_versions_are_looked_for_by_the_index(waiting: Any, rig: Rig) -> None:
    """However many instances there are."""
    fleet(rig, "0", 3 * CAP)
    rig.sql("vacuum analyze wf.instance")
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        assert "instance" not in set(scans(plan_of(connection, statements()["version_looked"])))


def test_each_number_of_a_workflow_is_the_api_s(rig: Rig, api: Api, pages: Pages) -> None:
    """Those of the last hour, of steps that no diagram knows, of versions, and of the diagram in words."""
    fill(rig)
    rig.sql("update wf.step set name = 'elsewhere' where name = 'let it settle'")
    of = "/api/workflows/shipment"
    versions = api.ok("GET", f"{of}/versions?exact=false")
    told: dict[str, Any] = {
        "totals": api.ok("GET", "/api/metrics/series?range=1h&workflow=shipment")["totals"],
        "standing": api.ok("GET", f"{of}/standing"), "instances": api.ok("GET", of)["instances"],
        "versions": {one["id"]: one["instances"] for one in versions},
    }  # fmt: skip
    told["outline"] = {step["name"]: step["statuses"] for step in told["standing"]["steps"]}
    shown = pages.get("/workflows/shipment").numbers
    assert shown == {name: told_by(told, name) for name in shown}
    assert {"totals.steps_per_second", "totals.p50", "outline.charge.retrying", "versions.1.paused"} <= set(shown)
    (at,) = (n for n, step in enumerate(told["standing"]["steps"]) if step["name"] == "elsewhere")
    assert shown[f"standing.steps.{at}.instances"] == "2"


def test_each_number_of_an_instance_is_the_api_s(waiting: Any, rig: Rig, api: Api, pages: Pages) -> None:
    """Also how often it was restarted, by whomever, and how many attempts were lost."""
    waiting.restart()
    rig.settle()
    rig.sql("update wf.instance set restarts = 3")
    rig.sql("update wf.step set attempt = 1234, lost = 1200")
    told = api.ok("GET", f"/api{ONE}")
    shown = pages.get(ONE).numbers
    for name in ("step_count", "retries", "recoveries", "restarts", "generation"):
        assert shown[name] == f"{told[name]:,}", name
    assert (shown["restarts"], shown["generation"], shown["steps.1.attempt"]) == ("3", "2", "1,234")
    step = pages.get(f"{ONE}/steps/1").numbers
    assert (step["attempts"], step["lost"]) == ("1,234", "1,200")


@pytest.mark.parametrize(
    ("status", "first", "last"),
    [
        ("waiting", "send-event", ["restart", "terminate", "delete"]),
        ("queued", "send-event", ["restart", "terminate", "delete"]),
        ("waitingForPause", "resume", ["restart", "terminate", "delete"]),
        ("complete", "restart", ["fork", "delete"]), ("rollingBack", "send-event", ["restart", "terminate", "delete"]),
    ],
)  # fmt: skip
def test_actions_stand_in_the_order_of_what_they_cost(
    waiting: Any, rig: Rig, api: Api, pages: Pages, status: str, first: str, last: list[str]
) -> None:
    """The one that is most likely wanted comes first, and what cannot be undone last."""
    due = "null" if status == "complete" else "now()"
    rig.sql(f"update wf.instance set status = %s, due_at = {due}", status)
    html = api("GET", ONE, headers=pages.headers).text
    offered = re.findall(rf'<a class="button( main| danger|)" href="{ONE}/([\w-]+)" data-over>', html)
    assert [action for _, action in offered][:1] + [action for _, action in offered][-len(last) :] == [first, *last]
    assert [action for kind, action in offered if kind == " main"] == [first] * (status != "rollingBack")
    assert [action for kind, action in offered if kind == " danger"] == [
        a for a in last if a in {"terminate", "delete"}
    ]
