"""Create an instance: its id, its params by the model of the workflow, and how long it is kept."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from wf.errors import InstanceAlreadyExists, InvalidInstanceId, InvalidPayload, WfError
from wf.overrides import settings_of
from wf.prospects import Prospects
from wf.schemas import declared
from wf_api.access import Caller, Writer
from wf_api.pages.durations import read_retention, written
from wf_api.pages.filled import Filled, Sent, digest, id_fault
from wf_api.pages.refusals import BESIDE, form
from wf_api.pages.render import path
from wf_api.problems import InvalidRequest, as_given

router = APIRouter(prefix="/workflows/{name}/create", include_in_schema=False)

_SEE_OTHER = 303
_NEW_VERSION = "Its code has changed since this page was made. Nothing was created; read what is true now."


@router.get("")
def ask_to_create(request: Request, name: str, caller: Writer) -> Any:
    """What to fill in, and what will happen then."""
    return _Page(request, caller, name, None).show()


@router.post("")
def create_by_page(request: Request, name: str, caller: Writer, sent: Sent) -> Any:
    """Create it, and lead to it."""
    page = _Page(request, caller, name, sent)
    if sent.get("seen") not in (None, page.seen):
        return page.show(fault=_NEW_VERSION, status=409)
    try:
        return page.create()
    except WfError as error:
        return page.show(error)


class _Page:
    """The page for one workflow.

    Raises:
        Forbidden: Its reader may not touch it.
        WorkflowNotFound: No worker has registered it.
    """

    def __init__(self, request: Request, caller: Caller, name: str, sent: dict[str, str] | None) -> None:
        caller.check(name)
        self.request, self.caller, self.name, self.sent = request, caller, name, sent or {}
        self.found = settings_of(caller.client.catalog, name)
        known = declared(caller.client.database, name, self.found.version)
        self.params = Filled(known and known.params, sent)
        self.seen = digest(self.found.version, self.params.schema)
        self.wrong: dict[str, str] = {}

    def create(self) -> RedirectResponse:
        """Create what was filled in.

        Raises:
            WfError: It was refused.
        """
        keep, self.wrong = read_retention(self.sent)
        params = self.params.read()
        if self.wrong:
            raise InvalidRequest(BESIDE)
        workflow = self.caller.workflow(self.name)
        try:
            self.caller.parts.payloads.check_params(self.name, params)
            with as_given():
                id = self.sent.get("id", "").strip() or None
                created = workflow.create({"id": id, "params": params, "retention": keep or None}, trigger="api")
        except InvalidPayload as error:
            raise self.params.blame(error) from error
        except (InvalidInstanceId, InstanceAlreadyExists) as error:
            self.wrong["id"] = id_fault(error)
            raise
        return RedirectResponse(path("workflows", self.name, "instances", created.id, said="created"), _SEE_OTHER)

    def show(self, error: WfError | None = None, *, fault: str = "", status: int = 200) -> HTMLResponse:
        """The page.

        Args:
            error: Why what was wished was refused.
            fault: The same in words.
            status: The HTTP status, without an error.

        Raises:
            WfError: The error, if the form cannot help.
        """
        settings, force = self.caller.client.settings, self.found.settings.get("default_retention", {})
        return form(
            self.request, self.caller, "create.html", error, beside=bool(self.wrong), fault=fault, status=status,
            name=self.name, found=self.found,
            room=Prospects(self.caller.client.catalog).room(self.name), params=self.params, sent=self.sent,
            wrong=self.wrong, seen=self.seen, possible=True, where=path("workflows", self.name, "create"),
            back=path("workflows", self.name),
            kept={
                key: written(force.get(key, getattr(settings, key))) for key in ("success_retention", "error_retention")
            },
        )  # fmt: skip
