"""Actions on one instance: a page that says what will happen, and the form on it that does it.

What a page says is true of how the instance stood when it was made. If other words are true when the form comes back,
because the instance has ended meanwhile or was restarted, nothing is done and the page is shown anew.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from wf.errors import StepNotFound, WfError
from wf.lifecycle import Action
from wf.prospects import Prospects, Stand
from wf.status import Status
from wf_api.access import Caller, Writer
from wf_api.pages.beginnings import START, Count, From, StepType, asked, choice, from_step
from wf_api.pages.refusals import form
from wf_api.pages.render import path
from wf_api.pages.whynot import why_not
from wf_api.paths import ONE
from wf_api.problems import as_given

router = APIRouter(prefix="/workflows/{name}/instances", include_in_schema=False)

_SEE_OTHER = 303
MOVED_ON = "It has moved on since this page was made: it is {status} now. Nothing was done; read what is true now."


@router.get(ONE + "/{action:wish}")
def ask_to_act(
    request: Request,
    name: str,
    id: str,
    action: str,
    caller: Writer,
    from_: From = "",
    count: Count = 1,
    type: StepType = "do",
) -> Any:
    """Say what an action will do. `?from=name&count=2&type=do` names the step with which a restart shall begin."""
    page = _Page(request, caller, name, id, Action(action))
    try:
        return page.show(asked(from_, count, type))
    except StepNotFound as error:
        return page.show(None, error)


@router.post(ONE + "/{action:wish}")
def act(
    request: Request,
    name: str,
    id: str,
    action: str,
    caller: Writer,
    rollback: Annotated[str, Form()] = "",
    begin: Annotated[str, Form(max_length=300)] = START,
    seen: Annotated[str, Form()] = "",
) -> Any:
    """Do it, and lead back to the instance, or to the others if it is gone."""
    page = _Page(request, caller, name, id, Action(action))
    if page.action not in page.stand.offered:
        return page.show(None, status=409)
    if seen not in ("", page.stand.mark):
        return page.show(None, fault=MOVED_ON.format(status=page.stand.status), status=409)
    try:
        with as_given():
            said = _do(page, rollback=bool(rollback), begin=begin)
    except WfError as error:
        return page.show(None, error)
    if page.action is Action.DELETE:
        return RedirectResponse(path("workflows", name, "instances", said=said), _SEE_OTHER)
    return RedirectResponse(path("workflows", name, "instances", id, said=said), _SEE_OTHER)


def _do(page: _Page, *, rollback: bool, begin: str) -> str:
    """Carry a wish out; the word for what has happened."""
    instance = page.caller.workflow(page.name).get(page.id)
    match page.action:
        case Action.PAUSE:
            instance.pause()
            return "paused"
        case Action.RESUME:
            instance.resume()
            return "resumed"
        case Action.TERMINATE:
            instance.terminate(rollback=rollback)
            now = page.caller.client.catalog.status_of(page.name, page.id)
            return "rolling-back" if now == Status.ROLLING_BACK else "terminated"
        case Action.RESTART:
            instance.restart(from_step=from_step(begin))
            return "restarted"
        case Action.DELETE:
            instance.delete()
            return "deleted"
        case Action.SEND_EVENT:
            raise AssertionError("events have a page of their own: wf_api.pages.events")


class _Page:
    """The page of an action on an instance that its reader may move.

    Raises:
        Forbidden: They may not.
        InstanceNotFound: There is no such instance.
    """

    def __init__(self, request: Request, caller: Caller, name: str, id: str, action: Action) -> None:
        caller.check(name)
        self.request, self.caller, self.name, self.id, self.action = request, caller, name, id, action
        self.prospects = Prospects(caller.client.catalog)
        self.stand: Stand = self.prospects.look(name, id)

    def show(
        self, begin: str | None, error: WfError | None = None, *, fault: str = "", status: int = 200
    ) -> HTMLResponse:
        """The page.

        Args:
            begin: The step with which a restart shall begin; None leaves it to the page.
            error: Why what was wished was refused.
            fault: The same in words.
            status: The HTTP status, without an error.

        Raises:
            StepNotFound: There is no such step.
            WfError: The error, if the form cannot help.
        """
        possible = self.action in self.stand.offered
        return form(
            self.request, self.caller, f"actions/{self.action}.html", error, fault=fault, status=status, name=self.name,
            id=self.id, stand=self.stand, possible=possible,
            why="" if possible else why_not(self.action, self.stand.status),
            where=path("workflows", self.name, "instances", self.id, self.action),
            back=path("workflows", self.name, "instances", self.id), **(self._ahead(begin) if possible else {}),
        )  # fmt: skip

    def _ahead(self, begin: str | None) -> dict[str, Any]:
        """What this action would come to."""
        look, stand = self.prospects, self.stand
        match self.action:
            case Action.RESTART:
                return {"running": look.running(stand), **choice(look, stand, begin, look.failed(stand))}
            case Action.TERMINATE:
                return {"running": look.running(stand), "undone": look.undone(stand)}
            case Action.PAUSE | Action.DELETE:
                return {"running": look.running(stand)}
            case Action.RESUME | Action.SEND_EVENT:
                return {}
