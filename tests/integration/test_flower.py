"""`wf flower`: from a step to the task that ran it, and from a task to its instance."""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import partial
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import psycopg
import pytest
from celery import Celery
from celery.events import EventDispatcher

from tests.support import Processes, wait_until
from tests.support.web import free_port
from wf.client import Client
from wf.settings import Settings
from wf.task_ids import TaskId
from wf_api.flower_links import instance_link, step_link, worker_link
from wf_tasks.defaults import celery_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Databases

LOGIN = ("me", "secret")
DASHBOARD = "https://wf.example/pages"
STEP = "<b>&\"quoted\" 'name'"
HOSTILE = "bad,*/#_- id"  # ids of schedules hold such signs
WORKFLOW = f"""
from wf import WorkflowEntrypoint

class Greet(WorkflowEntrypoint, name="greet"):
    async def run(self, event, step):
        await step.do("first", lambda: 1)
        await step.do({STEP!r}, fail_once, config={{"retries": {{"limit": 1, "delay": 0.01}}}})
        await step.sleep("nap", 0.01)
        return await step.do("last", lambda: 3)

def fail_once(ctx):
    if ctx.attempt == 1:
        raise RuntimeError("no")
"""


class World:
    """A worker, a Flower, and an instance that Flower has seen from its first task to its last."""

    def __init__(self, settings: Settings, worker: str, http: httpx.Client) -> None:
        self.settings, self.worker, self.http = settings, worker, http
        self.marks: dict[tuple[str, int], tuple[int, int]] = {}

    def link(self, name: str, attempt: int, *, rev: bool = True) -> str:
        """The link of the attempt of a step."""
        seq, begun = self.marks[name, attempt]
        found = step_link(self.settings, "greet", "g-1", 1, seq, rev=begun if rev else None)
        assert found is not None
        return found

    def follow(self, link: str | None) -> httpx.Response:
        """Go where a link leads."""
        assert link is not None
        return self.http.get(link)


@pytest.fixture(scope="module")
def world(
    databases: Databases, template: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One for all tests of this file: workers begin to tell Flower of tasks only some seconds after its start."""
    folder, port = tmp_path_factory.mktemp("flower"), free_port()
    (folder / "greetings.py").write_text(WORKFLOW)
    with databases.clone(template) as database_url:
        token = folder.name + str(port)
        settings = Settings(
            database_url=database_url, redis_url=redis_url, key_prefix=f"{token}:", queue=token,
            flower_url=f"http://127.0.0.1:{port}/tools/", dashboard_url=DASHBOARD,
        )  # fmt: skip
        with Processes(settings, folder) as processes:
            processes.start(
                "flower", "-m", "wf", "flower", ready="Visit me at",
                FLOWER_PORT=str(port), FLOWER_BASIC_AUTH=":".join(LOGIN), FLOWER_URL_PREFIX="tools",
            )  # fmt: skip
            worker = processes.celery_worker("wf_tasks", "-E", settings=settings, WF_WORKFLOWS="greetings")
            with httpx.Client(auth=LOGIN, follow_redirects=True) as http, Client(settings=settings) as client:
                made = World(settings, worker.name, http)
                wait_until(lambda: "greet" in client.catalog.workflows(), 20, "the worker is there")
                url = f"{settings.flower_url}/metrics"
                wait_until(lambda: "flower_worker_online{" in http.get(url).text, 20, "Flower hears the worker")
                assert client.workflow("greet").create("g-1").result(timeout=20) == 3
                made.marks = marks(settings)
                told = f"{settings.flower_url}/api/tasks?limit=50"
                wait_until(lambda: len(states(http.get(told).json())) >= 4, 20, "Flower has heard of all tasks")
                yield made


def marks(settings: Settings) -> dict[tuple[str, int], tuple[int, int]]:
    """The seq of each attempt's step, and the rev with which it began."""
    with psycopg.connect(settings.database_url) as connection:
        rows = connection.execute(
            "select name, attempt, seq, attempt_rev from wf.step where kind = 'do'"
            " union all select s.name, a.attempt, a.seq, a.started_rev"
            " from wf.attempt a join wf.step s using (instance, generation, seq)"
        ).fetchall()
    return {(name, attempt): (seq, rev) for name, attempt, seq, rev in rows}


def states(tasks: dict[str, Any]) -> list[str]:
    return [task["state"] for id, task in tasks.items() if ":g-1:" in id and task["state"] in {"SUCCESS", "RETRY"}]


def shown_task(answer: httpx.Response) -> TaskId:
    """The task whose page this is."""
    assert answer.status_code == 200, answer.text
    (text,) = re.findall(r'id="taskid"[^>]*>([^<]*)<', answer.text)
    found = TaskId.parse(unescape(text))
    assert found is not None
    return found


def text_of(answer: httpx.Response) -> str:
    """What people read."""
    return " ".join(unescape(re.sub("<[^>]*>", "", answer.text)).split())


def hrefs(answer: httpx.Response) -> list[str]:
    return [unescape(found) for found in re.findall(r'href="([^"]*)"', answer.text)]


def test_a_step_leads_to_the_task_that_ran_it_and_back(world: World) -> None:
    """The link of a step opens Flower's page of its task, and there are links to the instance and its workflow."""
    answer = world.follow(world.link(STEP, 2))
    told = shown_task(answer)
    assert (told.workflow, told.id, told.seq) == ("greet", "g-1", world.marks[STEP, 2][0])
    assert {f"{DASHBOARD}/workflows/greet", f"{DASHBOARD}/workflows/greet/instances/g-1"} <= set(hrefs(answer))
    assert "SUCCESS" in answer.text


def test_each_attempt_has_its_own_task(world: World) -> None:
    """The first attempt, which failed, is another task than the second one, and shows as one to be retried."""
    first = world.follow(world.link(STEP, 1))
    assert shown_task(first).rev < shown_task(world.follow(world.link(STEP, 2))).rev
    assert ">RETRY<" in first.text
    assert "RuntimeError: no" in unescape(first.text)


@pytest.mark.parametrize(("name", "sent_for"), [("first", 0), ("last", 3)])
def test_a_step_is_found_that_its_task_was_not_sent_for(world: World, name: str, sent_for: int) -> None:
    """The first step is run by the task that begins the instance, the one after a sleep by the one that wakes it."""
    told = shown_task(world.follow(world.link(name, 1)))
    assert told.seq in {sent_for, -1}  # or by the alarm
    assert told.rev < world.marks[name, 1][1]


def test_without_a_rev_what_is_not_certain_is_left_to_people(world: World) -> None:
    """A step that tasks were sent for leads to the newest of them; for others there is a list of what may be meant."""
    assert shown_task(world.follow(world.link(STEP, 1, rev=False))) == shown_task(world.follow(world.link(STEP, 2)))
    answer = world.follow(world.link("first", 1, rev=False))
    assert answer.status_code == 200
    assert "no task that was sent for step number 1" in answer.text


def test_all_tasks_of_an_instance(world: World) -> None:
    """They are listed with links to their pages and to the instance; names of steps are text, whatever they hold."""
    answer = world.follow(instance_link(world.settings, "greet", "g-1"))
    assert answer.status_code == 200
    tasks = [link for link in hrefs(answer) if "/task/" in link]
    assert len(tasks) >= 4
    assert all(shown_task(world.http.get(f"{origin(world)}{link}")).id == "g-1" for link in tasks[:2])
    assert f"{DASHBOARD}/workflows/greet/instances/g-1" in hrefs(answer)
    assert f"greet/{STEP}" in unescape(answer.text)
    assert "<b>" not in answer.text


def test_a_task_leads_to_the_page_of_its_instance(world: World) -> None:
    """`/dashboard/TASK`, to which the list of tasks links, redirects to the instance."""
    url = f"{world.settings.flower_url}/dashboard/{quote('greet:g-1:1.0.0', safe='')}"
    answer = world.http.get(url, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, f"{DASHBOARD}/workflows/greet/instances/g-1")
    assert world.http.get(f"{world.settings.flower_url}/dashboard/x", follow_redirects=False).status_code == 404


def test_the_list_of_tasks_brings_its_script(world: World) -> None:
    """Flower's own list is there, with a script of ours from the same place."""
    answer = world.http.get(f"{world.settings.flower_url}/tasks")
    (script,) = re.findall(r'<script type="module" src="([^"]*)"', answer.text)
    assert 'id="tasks-table"' in answer.text
    assert "/dashboard/" in world.http.get(f"{origin(world)}{script}").text


def test_a_worker_is_found_by_its_name_in_the_journal(world: World) -> None:
    """Host and process id lead to Flower's page of the worker, also those of a child; another one is unknown."""
    with Client(settings=world.settings) as client:
        name = client.workflow("greet").get("g-1").describe().steps[0].worker
    assert name is not None
    for worker in (name, f"{name}/17"):
        link = worker_link(world.settings, worker)
        wait_until(partial(shows, world, link), what="Flower has heard of the worker")
        assert world.follow(link).url.path.startswith(f"/tools/worker/{world.worker}@")
    unknown = world.follow(worker_link(world.settings, "<i>elsewhere</i>:1"))
    assert unknown.status_code == 404
    assert "a worker with the process &lt;i&gt;elsewhere&lt;/i&gt;:1" in unknown.text


@pytest.mark.parametrize("id", ["g-2", HOSTILE, '"><script>alert(1)</script>'])
def test_what_flower_has_not_seen_is_said_clearly(world: World, id: str) -> None:
    """An instance without tasks in Flower's memory is a page with status 404 that says why; any id is text on it."""
    for link in (step_link(world.settings, "greet", id, 1, 1, rev=5), instance_link(world.settings, "greet", id)):
        answer = world.follow(link)
        assert answer.status_code == 404
        assert "Flower has seen no task of this instance" in answer.text
        assert "last 100,000 tasks" in answer.text
        assert f"{DASHBOARD}/workflows/greet/instances/{quote(id, safe='')}" in hrefs(answer)
        assert f"Instance {id} of workflow greet" in text_of(answer)
        assert "<script>alert" not in answer.text


def test_hostile_ids_and_names_are_text_on_the_page_of_a_task(world: World) -> None:
    """What somebody else has sent as a task of ours cannot put anything but text and our links onto its page."""
    told = TaskId("greet", HOSTILE, 1, 4, 9)
    with events(world.settings) as dispatcher:
        hostile = {"name": "greet/<img src=x>", "kwargs": "<script>alert(1)</script>", "args": "<b>"}
        dispatcher.send("task-received", uuid=str(told), retries=0, **hostile)
    link = step_link(world.settings, "greet", HOSTILE, 1, 4, rev=10)
    wait_until(partial(shows, world, link), what="Flower has heard of it")
    answer = world.follow(link)
    assert shown_task(answer) == told
    assert f"{DASHBOARD}/workflows/greet/instances/{quote(HOSTILE, safe='')}" in hrefs(answer)
    assert not {"<img src=x>", "<script>alert", "<b>"} & set(re.findall(r"<[^>]*>|<script>alert", answer.text))


def test_tasks_of_others_have_flowers_own_page(world: World) -> None:
    """A task that is not about an instance is shown as ever."""
    with events(world.settings) as dispatcher:
        dispatcher.send("task-received", uuid="of-another-app", name="mail.send", args="()", kwargs="{}")
    url = f"{world.settings.flower_url}/task/of-another-app"
    wait_until(partial(shows, world, url), what="Flower has heard of it")
    assert 'id="wf-instance"' not in world.http.get(url).text


@pytest.mark.parametrize("path", ["instance/greet/g-1", "step/greet/g-1/1/1", "process/a:1", "dashboard/x", "tasks"])
def test_nobody_gets_in_without_a_login(world: World, path: str) -> None:
    """Every page of ours asks for user and password, as those of Flower do."""
    assert httpx.get(f"{world.settings.flower_url}/{path}").status_code == 401
    assert httpx.get(f"{world.settings.flower_url}/{path}", auth=("me", "wrong")).status_code == 401


def test_links_need_a_place_to_lead_to(settings: Settings) -> None:
    """Without WF_FLOWER_URL pages show no links; ids in them are quoted."""
    assert step_link(settings, "greet", "g-1", 1, 1) is None
    there = settings.model_copy(update={"flower_url": "http://flower"})
    assert step_link(there, "greet", "a/b #1", 2, 3, rev=4) == "http://flower/step/greet/a%2Fb%20%231/2/3?rev=4"
    assert worker_link(there, "host:12/13") == "http://flower/process/host%3A12%2F13"


def shows(world: World, link: str | None) -> bool:
    return world.follow(link).status_code == 200


def origin(world: World) -> str:
    return world.settings.flower_url.removesuffix("/tools")


@contextmanager
def events(settings: Settings) -> Iterator[EventDispatcher]:
    """Tells Flower what a worker would."""
    app = Celery("events", set_as_current=False)
    app.conf.update(celery_settings(settings) | {"broker_transport": "redis"})
    with app.connection_for_write() as connection:
        yield EventDispatcher(connection, hostname="celery@elsewhere", app=app)
