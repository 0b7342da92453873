"""The example `examples/django_project`, with its own server and a worker: `manage.py` and nothing else."""

from __future__ import annotations

import html
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.acceptance.looking import look
from wf import Client
from wf.testing.processes import free_port
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wf import Settings
    from wf.testing.processes import Process, Processes

EXAMPLE = Path(__file__).parents[2] / "examples" / "django_project"
PATIENCE = 30.0  # seconds
HOSTILE = "<script>alert('x')</script>"


def give_search_path(settings: Settings) -> None:
    """Let Django find its tables; this server has no search_path, and PgBouncer passes no options on."""
    name = conninfo_to_dict(settings.database_url)["dbname"]
    look(settings, f'alter database "{name}" set search_path = public')
    with suppress(psycopg.OperationalError):  # those that were there before do not know of it, and this is one
        look(settings, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()")


class Project:
    """The example, with its tables and the journal in a database of the test.

    Attributes:
        http: Speaks to its server, once that is started.
        client: Looks at its journal.
    """

    def __init__(self, settings: Settings, processes: Processes) -> None:
        database = conninfo_to_dict(settings.database_url)
        self._env: dict[str, Any] = {
            "SECRET_KEY": "test",
            "DB_NAME": str(database["dbname"]),
            "DB_USER": str(database.get("user", "")),
            "DB_PASSWORD": str(database.get("password", "")),
            "DB_HOST": str(database.get("host", "")),
            "DB_PORT": str(database.get("port", "")),
            "REDIS_URL": settings.redis_url,
            "WF_DATABASE_URL": "",
            "WF_REDIS_URL": "",
            "WF_WORKFLOWS": "tests.acceptance.flows",  # beside those of the project's apps
        }
        self._settings, self._processes = settings, processes
        give_search_path(settings)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{free_port()}", timeout=PATIENCE)
        self.client = Client(settings=settings)

    def manage(self, *argv: str, code: int = 0) -> str:
        """What `manage.py ...` prints; it must end with this exit code."""
        done = self._processes.run("manage.py", *argv, settings=self._settings, cwd=EXAMPLE, **self._env)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def serve(self) -> None:
        """Start the server."""
        self._start("server", "runserver", "--noreload", f"127.0.0.1:{self.http.base_url.port}", ready=self._answers)

    def work(self, *options: str) -> Process:
        """Start a worker."""
        return self._start("worker", "wf", "worker", *options, ready=" ready.")

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Look into the database."""
        return look(self._settings, query)

    def log_in(self, name: str) -> None:
        """Log into the admin; the password is the name."""
        self.http.get("/admin/login/")
        form = {"username": name, "password": name, "csrfmiddlewaretoken": self.http.cookies["csrftoken"]}
        assert self.http.post("/admin/login/?next=/admin/", data=form).status_code == 302

    def act(self, action: str, *keys: int, **more: str) -> httpx.Response:
        """Choose an action of the admin for instances."""
        token = {"csrfmiddlewaretoken": self.http.cookies["csrftoken"]}
        data = {"action": action, "_selected_action": [str(key) for key in keys], **token, **more}
        return self.http.post("/admin/wf/instance/", data=data, follow_redirects=True)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()
        self.client.close()

    def _start(self, name: str, *argv: str, ready: str | Callable[[], bool]) -> Process:
        return self._processes.start(
            name, "manage.py", *argv, ready=ready, settings=self._settings, cwd=EXAMPLE, **self._env
        )

    def _answers(self) -> bool:
        try:
            return self.http.get("/admin/login/").status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
def project(wf_settings: Settings, wf_processes: Processes) -> Iterator[Project]:
    """The example with its tables, a product of which there are three, and two users."""
    made = Project(wf_settings.model_copy(update={"alarm_tick": 0.2}), wf_processes)
    try:
        made.manage(
            "shell", "--no-imports", "-c",
            "from django.core.management import call_command; call_command('migrate', verbosity=0)\n"
            "from django.contrib.auth.models import Permission, User; from shop.models import Product\n"
            "Product.objects.create(name='pen', stock=3); User.objects.create_superuser('root', password='root')\n"
            "User.objects.create_user('viewer', password='viewer', is_staff=True).user_permissions.add("
            "Permission.objects.get(content_type__app_label='wf', codename='view_instance'))",
        )  # fmt: skip
        yield made
    finally:
        made.close()


def order(project: Project, quantity: int = 1) -> Any:
    """Order pens, which must work."""
    answer = project.http.post("/orders", json={"product": "pen", "quantity": quantity})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_an_order_is_paid_and_a_failing_one_leaves_nothing(project: Project, pool: str) -> None:
    """Order, wait, pay, done, with the ORM in the steps; what is sold out has neither order nor workflow.

    While the order waits, Postgres ends every connection of Django's: no step notices, because none is kept.
    """
    project.serve()
    project.work("--pool", pool, "--concurrency", "1")
    assert [project.client.version_of(name) for name in ("order", "journey")] == ["1", "1"]
    first, number = order(project, 1), order(project, 2)
    instance = project.client.workflow("order").get(f"order-{number}")
    wait_until(lambda: instance.status().status == "waiting", PATIENCE, "the order waits for its payment")

    answer = project.http.post("/orders", json={"product": "pen", "quantity": 1})
    assert (answer.status_code, answer.json()) == (409, {"error": "sold out"})
    assert project.sql("select count(*) from public.shop_order") == [(2,)]
    assert [found.id for found in project.client.workflow("order").list()] == [f"order-{number}", f"order-{first}"]

    for paid in (first, number):
        project.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and application_name = '' and pid <> pg_backend_pid()"
        )
        assert project.http.post(f"/orders/{paid}/pay", json={"amount": 7}).status_code == 202
        payment = project.client.workflow("order").get(f"order-{paid}")
        assert payment.result(timeout=PATIENCE) == {"receipt": f"R-{paid}-7"}
        (step,) = [step for step in payment.describe().steps if step.name == "mark paid-1"]
        assert [attempt.outcome for attempt in step.attempts] == ["complete"]
        shown = project.http.get(f"/orders/{paid}").json()
        assert shown == {"id": paid, "product": "pen", "status": "paid", "receipt": f"R-{paid}-7"}
    assert project.http.post(f"/orders/{number}/pay", json={"amount": 7}).status_code == 409


def test_the_admin_shows_instances_and_moves_them(project: Project) -> None:
    """List, search, filters, details and actions; whatever comes from outside is text, not markup."""
    project.serve()
    project.work()
    orders = project.client.workflow("order")
    for id in ("o-1", "o-2"):
        orders.create(id, {"order": HOSTILE})
    wait_until(lambda: len(orders.list(status="waiting")) == 2, PATIENCE, "both wait")
    keys = dict(project.sql("select id, key from wf.instance"))

    assert project.http.get("/admin/wf/instance/").status_code == 302  # to the login
    project.log_in("root")
    assert "/admin/wf/instance/" in project.http.get("/admin/").text
    page = project.http.get("/admin/wf/instance/").text
    assert re.findall(r">(o-\d)</a>", page) == ["o-2", "o-1"]
    assert "?workflow=order" in page
    assert "?version=1" in page
    assert re.findall(r">(o-\d)</a>", project.http.get("/admin/wf/instance/?q=o-1").text) == ["o-1"]
    assert ">o-" not in project.http.get("/admin/wf/instance/?status=complete").text
    assert re.findall(r">(o-\d)</a>", project.http.get("/admin/wf/instance/?status=waiting&p=1").text) == ["o-2", "o-1"]

    project.act("pause", keys["o-1"], keys["o-2"])
    assert [orders.get(id).status().status for id in keys] == ["paused", "paused"]
    project.act("resume", keys["o-2"])
    asked = project.act("terminate", keys["o-2"])
    assert "stopped for good" in asked.text
    assert orders.get("o-2").status().status == "waiting"
    assert "1 instance(s) terminated" in project.act("terminate", keys["o-2"], confirmed="yes").text
    refused = project.act("terminate", keys["o-2"], confirmed="yes").text
    assert "it is terminated" in html.unescape(refused)
    project.act("restart", keys["o-2"])
    assert orders.get("o-2").describe().generation == 2
    done = project.sql("select action, instance, actor from wf.audit order by id")
    moves = [("pause", "o-2"), ("pause", "o-1"), ("resume", "o-2"), ("terminate", "o-2"), ("restart", "o-2")]
    assert [(action, id) for action, id, _ in done] == moves
    assert {actor for *_, actor in done} == {"django:root"}

    detail = project.http.get(f"/admin/wf/instance/{keys['o-1']}/change/").text
    assert HOSTILE not in detail
    assert html.escape(HOSTILE) in detail
    assert project.http.get("/admin/wf/instance/4711/change/").status_code == 302
    assert project.http.post(f"/admin/wf/instance/{keys['o-1']}/change/", data={}).status_code == 403  # no token


def test_who_may_only_view_moves_nothing(project: Project) -> None:
    """Without the right to change there are no actions, on the page or behind it."""
    project.serve()
    project.work().stop()
    project.client.workflow("order").create("o-1")
    [(key,)] = project.sql("select key from wf.instance")
    project.log_in("viewer")
    assert "o-1" in project.http.get("/admin/wf/instance/").text
    assert "o-1" in project.http.get(f"/admin/wf/instance/{key}/change/").text
    project.act("terminate", key, confirmed="yes")
    assert project.client.workflow("order").get("o-1").status().status == "queued"
    assert project.http.get("/admin/wf/instance/add/").status_code == 403
    assert project.http.get(f"/admin/wf/instance/{key}/delete/").status_code == 403


def test_manage_py_is_the_command_line(project: Project) -> None:
    """`check` is content, `wf ...` takes its own options and Django's, and an error is one line."""
    project.work().stop()
    project.client.workflow("order").create("o-1")
    assert "no issues" in project.manage("check")
    assert "o-1" in project.manage("wf", "instances", "list", "order")
    shown = project.manage("wf", "instances", "describe", "order", "latest", "--json", "--settings=settings")
    assert json.loads(shown)["id"] == "o-1"
    assert project.manage("wf", "instances", "describe", "order", "o-2", code=1).startswith("wf: ")
    assert project.manage("wf", "--help").startswith("Usage: manage.py wf ")
