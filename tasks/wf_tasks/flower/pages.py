"""The pages that our Flower has more, or with a line more. All of them ask who is there, as Flower's own do."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flower.views import BaseHandler
from flower.views.tasks import TasksView, TaskView
from tornado import web

from wf.task_ids import TaskId
from wf_tasks.flower.seen import ran, tasks_of

_HERE = Path(__file__).parent
STATIC_FOLDER = _HERE / "static"


class Dashboard:
    """Where the pages of the dashboard are.

    Args:
        url: WF_DASHBOARD_URL; empty if there are to be no links.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def __bool__(self) -> bool:
        return bool(self._url)

    def workflow(self, workflow: str) -> str:
        """The page of a workflow."""
        return f"{self._url}/workflows/{quote(workflow, safe='')}"

    def instance(self, workflow: str, id: str) -> str:
        """The page of an instance."""
        return f"{self.workflow(workflow)}/instances/{quote(id, safe='')}"


class Page(BaseHandler):
    """A page of our own, in Flower's frame."""

    @property
    def dashboard(self) -> Dashboard:
        """Where our links lead to."""
        found: Dashboard = self.application.dashboard
        return found

    def show_tasks(self, workflow: str, id: str, step: int | None = None) -> None:
        """The tasks of an instance that Flower has seen; 404 if there are none."""
        tasks = self.tasks_of(workflow, id)
        if not tasks:
            self.set_status(HTTPStatus.NOT_FOUND)
        kept = self.application.options.max_tasks
        self.render(
            _template("instance"), workflow=workflow, instance=id, step=step, tasks=tasks, kept=kept,
            dashboard=self.dashboard,
        )  # fmt: skip

    def tasks_of(self, workflow: str, id: str) -> list[Any]:
        """What Flower remembers of an instance, newest first."""
        return tasks_of(self.application.events.state.tasks, workflow, id)


class InstancePage(Page):
    """`/instance/WORKFLOW/ID`: all tasks of an instance."""

    @web.authenticated
    def get(self, workflow: str, id: str) -> None:
        """Show them."""
        self.show_tasks(workflow, id)


class StepPage(Page):
    """`/step/WORKFLOW/ID/GENERATION/SEQ?rev=REV`: on to the task that ran the step."""

    @web.authenticated
    def get(self, workflow: str, id: str, generation: str, seq: str) -> None:
        """Find it, or show what may be meant."""
        rev = self.get_argument("rev", type=int)
        found = ran(self.tasks_of(workflow, id), int(generation), int(seq), rev)
        if found is not None:
            self.redirect(self.reverse_url("task", str(found.id)))
        else:
            self.show_tasks(workflow, id, int(seq))


class ProcessPage(Page):
    """`/process/HOST:PID`: on to the worker that the journal calls so; a child process is named after its parent."""

    @web.authenticated
    def get(self, process: str) -> None:
        """Find it."""
        host, _, pids = process.rpartition(":")
        pid = pids.partition("/")[0]
        for name, worker in self.application.events.state.workers.items():
            if name.rpartition("@")[2] == host and str(worker.pid) == pid:
                self.redirect(self.reverse_url("worker", name))
                return
        raise web.HTTPError(HTTPStatus.NOT_FOUND, f"Flower has not heard of a worker with the process {process}")


class ToDashboard(Page):
    """`/dashboard/TASK`: on to the instance that a task is about."""

    @web.authenticated
    def get(self, task: str) -> None:
        """Its id tells."""
        told = TaskId.parse(task)
        if told is None:
            raise web.HTTPError(HTTPStatus.NOT_FOUND, f"Task '{task}' is not about an instance of a workflow")
        if not self.dashboard:
            raise web.HTTPError(HTTPStatus.NOT_FOUND, "WF_DASHBOARD_URL does not say where the dashboard is")
        self.redirect(self.dashboard.instance(told.workflow, told.id))


class TaskPage(TaskView, Page):
    """Flower's page of a task, with links to its instance and workflow."""

    def render(self, template_name: str, **values: Any) -> None:
        """Take our template for a task of ours; Flower's own also shows errors."""
        told = TaskId.parse(values["task"].uuid) if template_name == "task.html" else None
        if told is not None:
            template_name = _template("task")
            values |= {"told": told, "dashboard": self.dashboard}
        super().render(template_name, **values)


class TasksPage(TasksView, Page):
    """Flower's list of tasks, with a link to the instance in every line of ours."""

    def render(self, template_name: str, **values: Any) -> None:
        """Take our template, if there is somewhere to lead to."""
        if template_name == "tasks.html" and self.dashboard:
            template_name = _template("tasks")
        super().render(template_name, **values)


def _template(name: str) -> str:
    """An absolute path, which Flower's own loader takes, too; so our templates can extend Flower's."""
    return str(_HERE / "templates" / f"{name}.html")
