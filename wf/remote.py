"""The journal behind an API: what the commands use of a client and its catalog, over HTTP.

With WF_API_URL set, commands need neither Postgres nor Redis, only a token (WF_API_TOKEN). The objects here answer as
those of `wf.client` and `wf.catalog` do, so that a command does not know which of them it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from wf import wire
from wf.answers import Answer, Page
from wf.descriptions import ALL, CHARACTERS_MAX, Extent
from wf.forks import UNSET
from wf.http import PREFIX
from wf.ids import check_from_step
from wf.remote_audit import RemoteAudit
from wf.remote_breakers import RemoteBreakers
from wf.remote_http import Http, part
from wf.remote_jobs import RemoteJobs
from wf.remote_overrides import RemoteOverrides
from wf.remote_tokens import RemoteTokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wf.ids import FromStep
    from wf.listing import Listing
    from wf.settings import Settings

NEWEST_PAGE = 100


class RemoteCatalog:
    """As `wf.catalog.Catalog`, for those who look."""

    def __init__(self, http: Http) -> None:
        self.http = http

    def workflows(self) -> dict[str, str]:
        """As `Catalog.workflows`."""
        return {found.name: found.version for found in self.describe_workflows()}

    def describe_workflows(self, workflow: str | None = None) -> list[Answer]:
        """As `Catalog.describe_workflows`."""
        if workflow is not None:
            return [wire.workflow_back(self.http.get(f"/workflows/{part(workflow)}"))]
        return [wire.workflow_back(told) for told in self._all("/workflows")]

    def versions(self, workflow: str | None = None) -> list[Answer]:
        """As `Catalog.versions`."""
        names = [found.name for found in self.describe_workflows()] if workflow is None else [workflow]
        return [wire.version_back(told) for name in names for told in self._all(f"/workflows/{part(name)}/versions")]

    def list(self, workflow: str, listing: Listing) -> Page:
        """As `Catalog.list`."""
        found = self.http.read(
            f"/workflows/{part(workflow)}/instances", status=listing.status, version=listing.version,
            id=listing.id, error=listing.error, search=listing.search,
            date_start=None if listing.since is None else listing.since.isoformat(),
            date_end=None if listing.until is None else listing.until.isoformat(),
            cursor=listing.cursor, page=listing.page, per_page=listing.size,
            direction="asc" if listing.oldest_first else "desc",
        )  # fmt: skip
        return Page([wire.instance_back(told) for told in found["result"]], found["result_info"]["cursor"])

    def describe(self, workflow: str, id: str, *, extent: Extent = ALL, **_: object) -> Answer:
        """As `Catalog.describe`, as far as an API tells; values come as JSON, however they should be read."""
        limit = min(extent.characters, CHARACTERS_MAX)
        return wire.details_back(self.http.get(_path(workflow, id), output_limit=limit))

    def status_of(self, workflow: str, id: str) -> str:
        """As `Catalog.status_of`."""
        return str(self.http.get(_path(workflow, id), simple="true")["status"])

    def lines(
        self, workflow: str, id: str, step: str, type: str = "step", *, attempt: int | None = None,
        cursor: str | None = None, limit: int = 200,
    ) -> Page:  # fmt: skip
        """As `Catalog.lines`."""
        found = self.http.read(
            f"{_path(workflow, id)}/step/lines", name=step, type=type, attempt=attempt, cursor=cursor, per_page=limit
        )
        return Page([wire.line_back(told) for told in found["result"]], found["result_info"]["cursor"])

    def _all(self, path: str) -> Iterator[dict[str, Any]]:
        page, more = 1, True
        while more:
            found = self.http.read(path, page=page, per_page=NEWEST_PAGE)
            yield from found["result"]
            more, page = len(found["result"]) == NEWEST_PAGE, page + 1


class RemoteOverview:
    """As `wf.overview.Overview`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def look(self) -> Answer:
        """As `Overview.look`, of what the token may see."""
        found: Answer = wire.overview_back(self._http.get("/overview"))
        return found


class RemoteAttention:
    """As `wf.attention.Attention`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def look(self) -> Answer:
        """As `Attention.look`, of what the token may see."""
        found: Answer = wire.overview_back(self._http.get("/attention"))
        return found


class RemoteClient:
    """As `wf.client.Client`, for those who act.

    Args:
        settings: Where the API is, and the token.
    """

    def __init__(self, settings: Settings) -> None:
        self.http = Http(settings)
        self.catalog, self.overview = RemoteCatalog(self.http), RemoteOverview(self.http)
        self.attention = RemoteAttention(self.http)

    @property
    def tokens(self) -> RemoteTokens:
        """As `wf.tokens.Tokens`."""
        return RemoteTokens(self.http)

    @property
    def jobs(self) -> RemoteJobs:
        """As `Client.jobs`."""
        return RemoteJobs(self.http)

    @property
    def audit(self) -> RemoteAudit:
        """As `Client.audit`."""
        return RemoteAudit(self.http)

    @property
    def breakers(self) -> RemoteBreakers:
        """As `Client.breakers`."""
        return RemoteBreakers(self.http)

    @property
    def overrides(self) -> RemoteOverrides:
        """As `Client.overrides`."""
        return RemoteOverrides(self.http)

    def workflow(self, workflow: str) -> RemoteWorkflow:
        """As `Client.workflow`."""
        return RemoteWorkflow(self, workflow)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RemoteWorkflow:
    """As `wf.client.Workflow`."""

    def __init__(self, client: RemoteClient, name: str) -> None:
        self._client, self.name = client, name

    def create(self, id: str | None = None, params: Any = None, **_: object) -> RemoteInstance:
        """As `Workflow.create`; the trigger is the API."""
        body = {"instance_id": id, "params": params}
        made = self._client.http.send("POST", f"/workflows/{part(self.name)}/instances", json=body)
        return RemoteInstance(self._client, self.name, made["id"])

    def get(self, id: str) -> RemoteInstance:
        """As `Workflow.get`."""
        self._client.catalog.status_of(self.name, id)
        return RemoteInstance(self._client, self.name, id)

    def delete_batch(self, ids: Sequence[str]) -> Answer:
        """As `Workflow.delete_batch`."""
        path = f"/workflows/{part(self.name)}/instances/batch/delete"
        done = self._client.http.send("POST", path, json={"instances": list(ids)})
        errors = [
            Answer(id=error["id"], code=error["message"].removeprefix(PREFIX), message=error["detail"])
            for error in done["errors"]
        ]
        return Answer(deleted=[Answer(gone) for gone in done["deleted"]], errors=errors)


class RemoteInstance:
    """As `wf.instance.Instance`."""

    def __init__(self, client: RemoteClient, workflow: str, id: str) -> None:
        self._client, self.workflow, self.id = client, workflow, id

    def status(self) -> Answer:
        """As `Instance.status`, without the output."""
        return Answer(status=self._client.catalog.status_of(self.workflow, self.id))

    def send_event(self, type: str, payload: Any = None) -> None:
        """As `Instance.send_event`."""
        self._client.http.send("POST", f"{_path(self.workflow, self.id)}/events/{part(type)}", json=payload)

    def pause(self) -> None:
        """As `Instance.pause`."""
        self._change({"status": "pause"})

    def resume(self) -> None:
        """As `Instance.resume`."""
        self._change({"status": "resume"})

    def terminate(self, *, rollback: bool = False) -> None:
        """As `Instance.terminate`."""
        self._change({"status": "terminate", "rollback": rollback})

    def restart(self, *, from_step: FromStep | None = None) -> None:
        """As `Instance.restart`."""
        change: dict[str, Any] = {"status": "restart"}
        if from_step is not None:
            change["from"] = _from(from_step)
        self._change(change)

    def fork(self, id: str | None = None, *, from_step: FromStep | None = None, params: Any = UNSET) -> RemoteInstance:
        """As `Instance.fork`."""
        body: dict[str, Any] = {"id": id} if params is UNSET else {"id": id, "params": params}
        if from_step is not None:
            body["from"] = _from(from_step)
        made = self._client.http.send("POST", f"{_path(self.workflow, self.id)}/fork", json=body)
        return RemoteInstance(self._client, self.workflow, made["id"])

    def delete(self) -> None:
        """As `Instance.delete`."""
        self._client.http.send("DELETE", _path(self.workflow, self.id))

    def _change(self, change: Mapping[str, Any]) -> None:
        self._client.http.send("PATCH", f"{_path(self.workflow, self.id)}/status", json=change)


def _from(from_step: FromStep) -> dict[str, Any]:
    key = check_from_step(from_step)
    return {"name": key.name, "count": key.count, "type": str(key.kind)}


def _path(workflow: str, id: str) -> str:
    return f"/workflows/{part(workflow)}/instances/{part(id)}"
