"""The journal behind an API: what the commands use of a client and its catalog, over HTTP.

With WF_API_URL set, commands need neither Postgres nor Redis, only a token (WF_API_TOKEN). The objects here answer as
those of `wf.client` and `wf.catalog` do, so that a command does not know which of them it has.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx

from wf import wire
from wf.answers import Answer, Page
from wf.errors import WfError
from wf.http import PREFIX
from wf.ids import check_from_step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wf.ids import FromStep
    from wf.listing import Listing
    from wf.settings import Settings

TRIES = 3
"""How often something is read before it is given up; what changes something is asked for once."""

WAIT_MAX = 5.0
"""Seconds that a read waits at most when the API says when to come again."""

OUTPUT_LIMIT = 2**31
"""Characters of a step's output: all of them; commands cut by themselves."""

NEWEST_PAGE = 100


class ApiUnavailable(WfError):
    """The API at WF_API_URL does not answer."""

    code = "api.unavailable"


class ApiRefused(WfError):
    """The API at WF_API_URL refuses; the error's code and text are its own.

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code = status, code


class Http:
    """Requests to an API, answered by their results or by errors.

    Args:
        settings: `api_url` and `api_token` are used.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = settings.api_url.rstrip("/")
        headers = {"Authorization": f"Bearer {settings.api_token}"} if settings.api_token else {}
        try:
            self._http = httpx.Client(base_url=f"{self._url}/api", headers=headers, timeout=30)
        except (httpx.InvalidURL, ValueError):
            raise ApiUnavailable("WF_API_URL cannot be read as http://host:port.") from None

    def get(self, path: str, **query: Any) -> Any:
        """Read something, more than once if the API is away for a moment."""
        return self.read(path, **query)["result"]

    def read(self, path: str, **query: Any) -> dict[str, Any]:
        """As `get`, with the envelope, which tells of the page.

        Raises:
            ApiRefused: The API refuses.
            ApiUnavailable: It does not answer.
        """
        given = {name: value for name, value in query.items() if value is not None}
        for left in reversed(range(TRIES)):
            try:
                answer = self._http.get(path, params=given)
            except httpx.TransportError as error:
                if not left:
                    raise self._away(error) from error
                time.sleep(0.2)
                continue
            if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and left:
                time.sleep(min(float(answer.headers.get("Retry-After", 1)), WAIT_MAX))
                continue
            return self._opened(answer)
        raise AssertionError("the last try returns or raises")

    def send(self, method: str, path: str, **request: Any) -> Any:
        """Change something: once, because it may have been done when no answer comes.

        Raises:
            ApiRefused: The API refuses.
            ApiUnavailable: It does not answer.
        """
        try:
            answer = self._http.request(method, path, **request)
        except httpx.TransportError as error:
            raise self._away(error) from error
        return self._opened(answer)["result"]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _away(self, error: httpx.TransportError) -> ApiUnavailable:
        return ApiUnavailable(f"The API at {self._url} does not answer ({error}). Check WF_API_URL and that it runs.")

    def _opened(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            envelope: dict[str, Any] = answer.json()
            refused = None if envelope["success"] else envelope["errors"][0]
        except (ValueError, LookupError, TypeError):
            raise ApiUnavailable(
                f"What answers at {self._url} ({answer.status_code}) is no API of celery-wf. Check WF_API_URL."
            ) from None
        if refused is not None:
            raise ApiRefused(answer.status_code, refused["message"].removeprefix(PREFIX), refused["detail"])
        return envelope


class RemoteCatalog:
    """As `wf.catalog.Catalog`, for those who look."""

    def __init__(self, http: Http) -> None:
        self.http = http

    def describe_workflows(self, workflow: str | None = None) -> list[Answer]:
        """As `Catalog.describe_workflows`."""
        if workflow is not None:
            return [wire.workflow_back(self.http.get(f"/workflows/{_part(workflow)}"))]
        return [wire.workflow_back(told) for told in self._all("/workflows")]

    def versions(self, workflow: str | None = None) -> list[Answer]:
        """As `Catalog.versions`."""
        names = [found.name for found in self.describe_workflows()] if workflow is None else [workflow]
        return [wire.version_back(told) for name in names for told in self._all(f"/workflows/{_part(name)}/versions")]

    def list(self, workflow: str, listing: Listing) -> Page:
        """As `Catalog.list`."""
        found = self.http.read(
            f"/workflows/{_part(workflow)}/instances", status=listing.status, version=listing.version,
            date_start=None if listing.since is None else listing.since.isoformat(),
            date_end=None if listing.until is None else listing.until.isoformat(),
            cursor=listing.cursor, page=listing.page, per_page=listing.size,
            direction="asc" if listing.oldest_first else "desc",
        )  # fmt: skip
        return Page([wire.instance_back(told) for told in found["result"]], found["result_info"]["cursor"])

    def describe(self, workflow: str, id: str, **_: object) -> Answer:
        """As `Catalog.describe`; values come as JSON, however they should be read."""
        return wire.details_back(self.http.get(_path(workflow, id), output_limit=OUTPUT_LIMIT))

    def status_of(self, workflow: str, id: str) -> str:
        """As `Catalog.status_of`."""
        return str(self.http.get(_path(workflow, id), simple="true")["status"])

    def _all(self, path: str) -> Iterator[dict[str, Any]]:
        page, more = 1, True
        while more:
            found = self.http.read(path, page=page, per_page=NEWEST_PAGE)
            yield from found["result"]
            more, page = len(found["result"]) == NEWEST_PAGE, page + 1


class RemoteClient:
    """As `wf.client.Client`, for those who act.

    Args:
        settings: Where the API is, and the token.
    """

    def __init__(self, settings: Settings) -> None:
        self.http = Http(settings)
        self.catalog = RemoteCatalog(self.http)

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
        made = self._client.http.send("POST", f"/workflows/{_part(self.name)}/instances", json=body)
        return RemoteInstance(self._client, self.name, made["id"])

    def get(self, id: str) -> RemoteInstance:
        """As `Workflow.get`."""
        self._client.catalog.status_of(self.name, id)
        return RemoteInstance(self._client, self.name, id)

    def delete_batch(self, ids: Sequence[str]) -> Answer:
        """As `Workflow.delete_batch`."""
        path = f"/workflows/{_part(self.name)}/instances/batch/delete"
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
        self._client.http.send("POST", f"{_path(self.workflow, self.id)}/events/{_part(type)}", json=payload)

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
            key = check_from_step(from_step)
            change["from"] = {"name": key.name, "count": key.count, "type": str(key.kind)}
        self._change(change)

    def delete(self) -> None:
        """As `Instance.delete`."""
        self._client.http.send("DELETE", _path(self.workflow, self.id))

    def _change(self, change: Mapping[str, Any]) -> None:
        self._client.http.send("PATCH", f"{_path(self.workflow, self.id)}/status", json=change)


def _part(text: str) -> str:
    return quote(text, safe="")


def _path(workflow: str, id: str) -> str:
    return f"/workflows/{_part(workflow)}/instances/{_part(id)}"
