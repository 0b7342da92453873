"""Send an event to an instance: its type, its payload by the model of that type, and the sender's own id."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from wf.errors import InvalidEventType, InvalidPayload, WfError
from wf.ids import check_event_id
from wf.lifecycle import Action
from wf.prospects import Prospects
from wf.schemas import declared
from wf_api.access import Caller, Writer
from wf_api.filled import ABSENT, read_form
from wf_api.pages.actions import MOVED_ON
from wf_api.pages.filled import Filled, Sent
from wf_api.pages.refusals import form
from wf_api.pages.render import path
from wf_api.pages.whynot import why_not
from wf_api.paths import ONE
from wf_api.problems import as_given

router = APIRouter(prefix="/workflows/{name}/instances", include_in_schema=False)

_SEE_OTHER = 303
_OTHER_FIELDS = "Nothing was sent yet: these are the fields of the other type now."


@router.get(ONE + "/send-event")
def ask_to_send(
    request: Request, name: str, id: str, caller: Writer, type: Annotated[str, Query(max_length=300)] = ""
) -> Any:
    """What to fill in, and who waits for it; `?type=approved` fills that in before."""
    return _Page(request, caller, name, id, None, type).show()


@router.post(ONE + "/send-event")
def send_by_page(request: Request, name: str, id: str, caller: Writer, sent: Sent) -> Any:
    """Send it, and lead back to the instance; with `do=fields`, or if the type is another one, show its fields."""
    type = sent.get("type", "").strip()
    page = _Page(request, caller, name, id, sent, type)
    if not page.possible:
        return page.show(status=409)
    if sent.get("seen") not in (None, page.stand.mark):
        return page.show(fault=MOVED_ON.format(status=page.stand.status), status=409)
    if sent.get("do") == "fields":
        return page.show()
    if not page.fits:
        return page.show(fault=_OTHER_FIELDS, status=409)
    try:
        page.send()
    except WfError as error:
        return page.show(error)
    return RedirectResponse(path("workflows", name, "instances", id, said="sent"), _SEE_OTHER)


class _Page:
    """The page for one instance.

    Raises:
        Forbidden: Its reader may not touch it.
        InstanceNotFound: There is no such instance.
    """

    def __init__(
        self, request: Request, caller: Caller, name: str, id: str, sent: dict[str, str] | None, type: str
    ) -> None:
        caller.check(name)
        self.request, self.caller, self.name, self.id, self.sent = request, caller, name, id, sent or {}
        prospects = Prospects(caller.client.catalog)
        self.stand = prospects.look(name, id)
        self.possible = Action.SEND_EVENT in self.stand.offered
        self.waits = prospects.waits(self.stand) if self.possible else []
        known = declared(caller.client.database, name, self.stand.version)
        self.events = known.events if known else {}
        awaited = list(dict.fromkeys(wait.type for wait in self.waits))
        self.type = type or (awaited[0] if len(awaited) == 1 and sent is None else "")
        self.types = list(dict.fromkeys([*awaited, *self.events]))
        self.payload = self._payload(sent)
        self.wrong: dict[str, str] = {}

    def _payload(self, sent: dict[str, str] | None) -> Filled:
        """The inputs of the type; of another one, what was filled in there as JSON, or would be JSON here."""
        schema, shown = self.events.get(self.type), self.sent.get("shown", self.type)
        if shown == self.type or (self.fits and self.sent.get("do") != "fields"):
            return Filled(schema, sent)
        read = read_form(self.events.get(shown), self.sent)
        if read.faults or (schema and "json:payload" not in self.sent):
            return Filled(schema, sent if "json:payload" in self.sent else None)
        return Filled(schema, None, ABSENT if read.payload is None else read.payload)

    @property
    def fits(self) -> bool:
        """Whether the fields that were filled in are those of the type; JSON is at home in any."""
        return not self.sent or "json:payload" in self.sent or self.sent.get("shown", self.type) == self.type

    def send(self) -> None:
        """Send what was filled in.

        Raises:
            WfError: It was refused.
        """
        event_id = self.sent.get("event_id") or None
        payload = self.payload.read()
        try:
            with as_given():
                check_event_id(event_id)
        except WfError as error:
            self.wrong["event_id"] = str(error)
            raise
        instance = self.caller.workflow(self.name).get(self.id)
        try:
            self.caller.parts.payloads.check_event(self.name, instance.version, self.type, payload)
            with as_given():
                instance.send_event(self.type, payload, event_id=event_id)
        except InvalidPayload as error:
            raise self.payload.blame(error) from error
        except InvalidEventType as error:
            self.wrong["type"] = str(error)
            raise

    def show(self, error: WfError | None = None, *, fault: str = "", status: int = 200) -> HTMLResponse:
        """The page.

        Args:
            error: Why what was wished was refused.
            fault: The same in words.
            status: The HTTP status, without an error.

        Raises:
            WfError: The error, if the form cannot help.
        """
        return form(
            self.request, self.caller, "actions/send_event.html", error, beside=bool(self.wrong), fault=fault,
            status=status, name=self.name, id=self.id,
            stand=self.stand, possible=self.possible, type=self.type, types=self.types, waits=self.waits,
            takers=[wait for wait in self.waits if wait.type == self.type], declared=self.type in self.events,
            payload=self.payload, sent=self.sent | {"type": self.type}, wrong=self.wrong,
            why="" if self.possible else why_not(Action.SEND_EVENT, self.stand.status),
            where=path("workflows", self.name, "instances", self.id, "send-event"),
            back=path("workflows", self.name, "instances", self.id),
        )  # fmt: skip
