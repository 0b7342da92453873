"""The jobs behind an API, as `wf.jobs.Jobs` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf import wire
from wf.answers import Answer, Page
from wf.errors import JobActive
from wf.filters import Filter
from wf.job_actions import JobAction
from wf.remote_http import ApiRefused, Http, part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wf.lifecycle import Stoppable


class RemoteJobs:
    """As `wf.jobs.Jobs`.

    Args:
        http: Asks the API.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    def preview(self, workflow: str, action: str, filter: Filter | Mapping[str, Any] | None = None) -> Answer:
        """As `Jobs.preview`."""
        each = JobAction.DELETE if action == JobAction.DELETE_WORKFLOW else action
        wish = {"action": each, "filter": Filter.of(filter).stored(), "dry_run": True}
        return wire.job_back(self._http.send("POST", f"/workflows/{part(workflow)}/instances/bulk", json=wish))

    def start(
        self,
        workflow: str,
        action: str,
        filter: Filter | Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Answer:
        """As `Jobs.start`, but the removal of a workflow that is being removed is that job."""
        if action == JobAction.DELETE_WORKFLOW:
            return self.get(self._http.send("DELETE", f"/workflows/{part(workflow)}")["job_id"])
        wish = {"action": action, "filter": Filter.of(filter).stored(), "options": _plain(options or {})}
        try:
            told = self._http.send("POST", f"/workflows/{part(workflow)}/instances/bulk", json=wish)
        except ApiRefused as error:
            if error.code == JobActive.code and (active := self._active(workflow, action)) is not None:
                raise JobActive(workflow, action, active) from None
            raise
        return wire.job_back(told)

    def terminate_all(self, workflow: str, status: Stoppable | None = None) -> Answer:
        """As `Jobs.terminate_all`."""
        query = {} if status is None else {"status": status}
        return Answer(self._http.send("PUT", f"/workflows/{part(workflow)}/instances/terminate", params=query))

    def get(self, id: int) -> Answer:
        """As `Jobs.get`."""
        return wire.job_back(self._http.get(f"/jobs/{id}"))

    def list(self, workflow: str | None = None, *, cursor: str | None = None, limit: int | None = None) -> Page:
        """As `Jobs.list`."""
        found = self._http.read("/jobs", workflow=workflow, cursor=cursor, per_page=limit)
        return Page([wire.job_back(told) for told in found["result"]], found["result_info"]["cursor"])

    def cancel(self, id: int) -> Answer:
        """As `Jobs.cancel`."""
        return wire.job_back(self._http.send("DELETE", f"/jobs/{id}"))

    def _active(self, workflow: str, action: str) -> int | None:
        """The job of a kind that is at work."""
        jobs = self.list(workflow, limit=100)
        return next((job.id for job in jobs if job.action == action and job.ended_on is None), None)


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as JSON; what is not given is left out."""
    step = options.get("from_step")
    found = dict(options)
    if step is not None:
        found["from_step"] = {name: value for name, value in step.items() if value is not None}
    return found
