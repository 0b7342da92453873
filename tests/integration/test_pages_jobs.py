"""Pages of jobs and of the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.access import make_token
from tests.support.errands import Errand
from tests.support.jobs import break_at, fill, work
from tests.support.pages import Pages
from wf_api.pages.audit import PER_PAGE

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api


@pytest.fixture(autouse=True)
def _known(rig: Rig) -> None:
    rig.workers[0].catalog.register(Errand)


@pytest.fixture
def pages(api: Api) -> Pages:
    return Pages(api)


def test_a_job_has_the_numbers_of_the_api(rig: Rig, api: Api, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it begins, and at its end; an instance that could not be moved is linked, with the reason."""
    ids = fill(rig, "waiting", 3)
    job = rig.client.jobs.start("errand", "terminate", {"status": "waiting", "version": "1"}, {"rollback": True}).id
    for status in ("queued", "complete"):
        told = api.ok("GET", f"/api/jobs/{job}")
        page = pages.get(f"/jobs/{job}")
        assert told["status"] == status
        assert page.numbers == {name: str(told[name]) for name in ("total", "done", "failed", "percent")}
        assert f"Job {job}: terminate with rollback {status}" in page.words
        assert "waiting of version 1" in page.words
        assert (f"/jobs/{job}/cancel" in page.links) == (status == "queued")
        if status == "queued":
            break_at(monkeypatch, ids[1], RuntimeError("unlucky"))
            work(rig)
    assert page.numbers["failed"] == "1"
    assert f"/workflows/errand/instances/{ids[1]}" in page.links
    assert "Something went wrong in the server" in page.words


def test_jobs_are_listed_with_the_numbers_of_the_api(rig: Rig, api: Api, pages: Pages) -> None:
    """Newest first, a page at a time, or those of one workflow."""
    fill(rig, "waiting", 2)
    fill(rig, "waiting", 1, workflow="other")
    for _ in range(21):
        rig.client.jobs.cancel(rig.client.jobs.start("errand", "pause").id)
    rig.client.jobs.start("other", "terminate")
    first = pages.get("/jobs")
    told = api("GET", "/api/jobs").json()
    for job in told["result"]:
        for name in ("total", "done", "failed"):
            assert first.numbers[f"{job['id']}.{name}"] == str(job[name])
    older = f"/jobs?cursor={told['result_info']['cursor']}"
    assert older in first.links
    assert len(pages.get(older).numbers) == 2 * 3
    assert len(pages.get("/jobs?workflow=other").numbers) == 3
    assert "No job has moved instances of “nope”" in pages.get("/jobs?workflow=nope").words


def test_a_job_is_cancelled_by_a_form_that_says_what_that_means(rig: Rig, api: Api, pages: Pages) -> None:
    """Asked again, there is nothing to cancel."""
    fill(rig, "waiting", 2)
    job = rig.client.jobs.start("errand", "pause").id
    page = pages.get(f"/jobs/{job}/cancel")
    assert "What it has moved by then stays moved" in page.words
    answer = pages.send(f"/jobs/{job}/cancel")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/jobs/{job}?said=cancelled")
    assert api.ok("GET", f"/api/jobs/{job}")["status"] == "cancelled"
    again = pages.get(f"/jobs/{job}/cancel")
    assert "It has ended: it is cancelled." in again.words
    assert again.forms == {}


def test_one_that_has_ended_is_not_said_to_be_cancelled(rig: Rig, api: Api, pages: Pages) -> None:
    """By a form that comes too late."""
    fill(rig, "waiting", 1)
    job = rig.client.jobs.start("errand", "pause").id
    form = pages.get(f"/jobs/{job}/cancel").forms[f"/jobs/{job}/cancel"]
    work(rig)
    assert pages.post(f"/jobs/{job}/cancel", form).headers["Location"] == f"/jobs/{job}"
    assert api.ok("GET", f"/api/jobs/{job}")["status"] == "complete"


def test_who_may_do_less_sees_less(rig: Rig, api: Api) -> None:
    """Neither jobs of workflows of others, nor forms that would be refused."""
    fill(rig, "waiting", 1, workflow="other")
    jobs = rig.client.jobs
    pause, hidden, removal = (
        jobs.start("errand", "pause").id, jobs.start("other", "pause").id, jobs.start("errand", "delete_workflow").id,
    )  # fmt: skip
    reader = Pages(api, make_token(rig, "eve", "read"))
    assert f"/jobs/{pause}/cancel" not in reader.get(f"/jobs/{pause}").links
    reader.get(f"/jobs/{pause}/cancel", 403)
    assert reader.post(f"/jobs/{pause}/cancel", {}).status_code == 403
    writer = Pages(api, make_token(rig, "ci", "write", workflows=["errand"]))
    assert f"/jobs/{pause}/cancel" in writer.get(f"/jobs/{pause}").links
    assert f"/jobs/{removal}/cancel" not in writer.get(f"/jobs/{removal}").links
    writer.get(f"/jobs/{removal}/cancel", 403)
    assert writer.post(f"/jobs/{removal}/cancel", {}).status_code == 403
    for path in (f"/jobs/{hidden}", f"/jobs/{hidden}/cancel"):
        writer.get(path, 404)
    writer.get("/jobs?workflow=other", 403)
    assert set(writer.get("/jobs").numbers) == {
        f"{job}.{name}" for job in (pause, removal) for name in ("done", "total", "failed")
    }
    assert [jobs.get(job).status for job in (pause, hidden, removal)] == ["queued"] * 3


@pytest.mark.parametrize(("id", "status"), [("99", 404), ("0", 400), ("x", 400)])
def test_there_is_no_such_job(pages: Pages, id: str, status: int) -> None:
    """It is said in words."""
    assert str(status) in pages.get(f"/jobs/{id}", status).words


@pytest.fixture
def acted(rig: Rig, api: Api) -> None:
    """Things that were done to instances, by whom and how."""
    for id in ("i-0", "i-1"):
        rig.create(Errand, id, {"do": "sleep"})
    rig.settle()
    first, second = (rig.client.workflow(Errand).get(id) for id in ("i-0", "i-1"))
    first.restart()
    rig.settle()
    first.restart(from_step={"name": "nap", "type": "sleep"})
    rig.settle()
    second.terminate(rollback=True)
    second.delete()
    api.ok("POST", "/api/workflows/errand/instances/bulk", json={"action": "pause"})
    told = {"script_name": Errand.__module__, "class_name": "Errand", "concurrency": {"limit": 7}}
    api.ok("PUT", "/api/workflows/errand", json=told)


@pytest.mark.usefixtures("acted")
def test_the_audit_tells_everything_in_words(api: Api, pages: Pages) -> None:
    """The newest first, with links to what it is about."""
    page = pages.get("/audit")
    order = [page.words.index(words) for words in ("configure", "job_start", "delete", "with rollback", "from nap-1")]
    assert order == sorted(order)
    assert "from the start" in page.words
    assert '{"concurrency": {"limit": 7}}' in page.words
    (job,) = api.ok("GET", "/api/jobs")
    for link in ("/workflows/errand/instances/i-0", "/workflows/errand", f"/jobs/{job['id']}"):
        assert link in page.links
    assert f"job {job['id']}: pause of 1" in page.words


@pytest.mark.usefixtures("acted")
@pytest.mark.parametrize(
    "query",
    ["workflow=errand", "workflow=nope", "instance=i-1", "actor=api:local", "action=restart", "action=delete&actor=x"],
)
def test_the_audit_is_filtered_as_by_the_api(api: Api, pages: Pages, query: str) -> None:
    """The same entries; the form shows the filters."""
    html = api("GET", f"/audit?{query}", headers=pages.headers).text
    shown = [entry["id"] for entry in api.ok("GET", f"/api/audit?{query}") if f'id="audit-{entry["id"]}"' in html]
    assert shown == [entry["id"] for entry in api.ok("GET", f"/api/audit?{query}")]
    assert html.count('<tr id="audit-') == len(shown)
    for name, value in (pair.split("=") for pair in query.split("&")):
        assert f'name="{name}" value="{value}"' in html
    if not shown:
        assert "Nobody has done anything like this" in html


def test_the_audit_comes_in_pages(rig: Rig, api: Api, pages: Pages) -> None:
    """Each entry once; a filter stays."""
    rig.sql(
        "insert into wf.audit (actor, action, workflow, instance, detail)"
        " select 'cli', 'pause', 'errand', 'i-' || n, '{}' from generate_series(1, %s) n",
        PER_PAGE + 5,
    )
    first = api("GET", "/audit?actor=cli", headers=pages.headers).text
    (older,) = [link for link in Pages.read_links(first) if "cursor=" in link]
    assert older.startswith("/audit?actor=cli&cursor=")
    second = api("GET", older, headers=pages.headers).text
    assert (first.count('<tr id="audit-'), second.count('<tr id="audit-')) == (PER_PAGE, 5)
    assert "/audit?actor=cli" in Pages.read_links(second)


def test_a_page_of_the_audit_without_a_hit_says_how_far_it_has_looked(rig: Rig, pages: Pages) -> None:
    """And leads on."""
    insert = "insert into wf.audit (actor, action, workflow, instance, detail) select '{}', 'pause', 'w', 'i', '{{}}'"
    rig.sql(insert.format("early"))
    rig.sql(insert.format("late") + " from generate_series(1, 100000)")
    page = pages.get("/audit?actor=early")
    assert "Nothing like this is among the newest 100,000 entries" in page.words
    assert "/audit?actor=early&cursor=2" in page.links


def test_who_may_touch_some_workflows_sees_what_was_done_to_them(rig: Rig, api: Api) -> None:
    """And nothing else."""
    for workflow in ("errand", "other"):
        rig.sql("insert into wf.audit (actor, action, workflow, instance) values ('x', 'pause', %s, 'i')", workflow)
    theirs = Pages(api, make_token(rig, "bob", "read", workflows=["errand"]))
    assert "other" not in theirs.get("/audit").words
    theirs.get("/audit?workflow=other", 403)


def test_what_users_have_named_is_text(rig: Rig, pages: Pages, api: Api) -> None:
    """In the audit and in jobs."""
    evil = '"><img src=x onerror=alert(1)><script>alert(1)</script>\u202e'
    rig.sql(
        "insert into wf.audit (actor, action, workflow, instance, detail) values (%s, %s, %s, %s, %s)",
        *[evil] * 4, '{"<script>": "</script><img src=x>"}',
    )  # fmt: skip
    made: Any = rig.sql(
        "insert into wf.job (workflow, action, filter, options, actor, total, upto_key, failed, errors)"
        " values (%s, 'restart', '{}', '{\"from_step\": {\"name\": \"<script>\", \"count\": 1}}', %s, 1, 1, 1, %s)"
        " returning id",
        evil, evil, '[{"id": "<script>x", "code": "<script>", "message": "<img src=x>"}]',
    )  # fmt: skip
    for path in ("/audit", "/jobs", f"/jobs/{made[0][0]}", f"/jobs/{made[0][0]}/cancel"):
        html = api("GET", path, headers=pages.headers).text
        main = html[html.index("<main") :]
        assert "<img" not in main
        assert "<script" not in main
