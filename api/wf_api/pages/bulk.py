"""An action on many instances: which one and on which, then what it would come to, then the job that does it."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel

from wf.errors import InvalidBatch, JobActive, WfError
from wf.filters import IDS_MAX, Filter
from wf.job_actions import OPTIONS, JobAction, read_options
from wf.listing import InvalidQuery, read_moment
from wf.status import Status
from wf_api.access import Caller, Writer
from wf_api.pages.refusals import form
from wf_api.pages.render import path
from wf_api.problems import InvalidRequest

router = APIRouter(prefix="/workflows/{name}/bulk", include_in_schema=False)

ACTIONS = tuple(action for action in JobAction if action is not JobAction.DELETE_WORKFLOW)
TRIGGERS = ("api", "binding", "cron", "event", "fork")

_NO_TICK = "No instance of the list was ticked. Tick some there, or say here which ones are meant."
_BOUNDS = {"since": time.min, "until": time.max}


class Wish(BaseModel):
    """What somebody has filled in, or an address says; what is empty is not meant."""

    action: str = ""
    status: list[str] = []
    version: str = ""
    trigger: str = ""
    since: str = ""
    until: str = ""
    ids: list[str] = []
    rollback: str = ""
    step: str = ""
    count: str = ""
    type: str = "do"
    ticked: str = ""

    @property
    def named(self) -> list[str]:
        """The ids: one on a line, because those of schedules have blanks."""
        return [line.strip() for given in self.ids for line in given.splitlines() if line.strip()]

    def filter(self) -> dict[str, Any]:
        """As `wf.filters.Filter` takes it.

        Raises:
            InvalidQuery: A time cannot be read.
        """
        found: dict[str, Any] = {
            "status": [status for status in self.status if status], "version": self.version.strip(),
            "trigger": self.trigger, "ids": self.named,
        }  # fmt: skip
        found |= {
            name: read_moment(name, given.strip(), day_part)
            for name, day_part in _BOUNDS.items()
            if (given := getattr(self, name)).strip()
        }
        return {name: value for name, value in found.items() if value}

    def options(self) -> dict[str, Any]:
        """How it is to be done, as far as that is a question of the action."""
        count: object = int(self.count) if self.count.isdecimal() and len(self.count) < 10 else self.count or None
        given: dict[str, Any] = {}
        if self.rollback:
            given["rollback"] = True
        if self.step:
            given["from_step"] = {"name": self.step, "count": count, "type": self.type}
        return {name: value for name, value in given.items() if name in OPTIONS.get(self.kind, ())}

    @property
    def kind(self) -> JobAction:
        """The action.

        Raises:
            InvalidBatch: There is none of this name, or not here.
        """
        if (kind := JobAction.of(self.action)) not in ACTIONS:
            raise InvalidBatch("The removal of a workflow has a page of its own")
        return kind

    def field(self, name: str) -> tuple[str, str]:
        """The type and the value of the field for a time: in UTC, without saying so.

        One that cannot be read stays as it is, in a field of text: with an empty one, more instances would be meant.
        """
        try:
            given = getattr(self, name).strip()
            at = read_moment(name, given, _BOUNDS[name]) if given else None
        except InvalidQuery:
            return "text", given
        return "datetime-local", "" if at is None else _local(at)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """All of it, to be sent once more."""
        told: list[tuple[str, str]] = []
        for name, value in self.model_dump().items():
            told += [(name, each) for each in (value if isinstance(value, list) else [value]) if each]
        return told


@router.get("")
def ask_for_many(request: Request, name: str, caller: Writer, wish: Annotated[Wish, Query()]) -> Any:
    """Choose the action and the instances; `?status=errored&action=restart&ids=a&ids=b` fills it in before."""
    page = _Bulk(request, caller, name, wish)
    if wish.ticked and not wish.named:
        return page.form(InvalidRequest(_NO_TICK))
    try:
        Filter.of(wish.filter())
    except WfError as error:
        return page.form(error)
    return page.form()


@router.post("")
def act_on_many_by_page(
    request: Request, name: str, caller: Writer, wish: Annotated[Wish, Form()], do: Annotated[str, Form()] = ""
) -> Any:
    """Say what it would come to; sent from there with `do=start`, begin it."""
    page = _Bulk(request, caller, name, wish)
    try:
        if do == "change":
            return page.form()
        if do == "start":
            return page.start()
        return page.preview()
    except WfError as error:
        return page.form(error)


class _Bulk:
    """The pages of one wish.

    Raises:
        Forbidden: Its reader may not touch this workflow.
        WorkflowNotFound: There is no such workflow.
    """

    def __init__(self, request: Request, caller: Caller, name: str, wish: Wish) -> None:
        caller.check(name)
        caller.client.catalog.check_known(name)
        self.request, self.caller, self.name, self.wish = request, caller, name, wish

    def form(self, error: WfError | None = None) -> HTMLResponse:
        """Where it is filled in.

        Raises:
            WfError: The error, if the form cannot help.
        """
        return self._form(
            "bulk.html", error, actions=ACTIONS, statuses=list(Status), most=IDS_MAX,
            triggers=TRIGGERS if self.wish.trigger in ("", *TRIGGERS) else (*TRIGGERS, self.wish.trigger),
        )  # fmt: skip

    def preview(self, active: JobActive | None = None) -> HTMLResponse:
        """What it would come to now.

        Args:
            active: The job that is in the way.

        Raises:
            InvalidBatch: It cannot be done like this.
            InvalidQuery: A time cannot be read.
            InvalidInstanceId: No instance can have one of the ids.
        """
        options = read_options(self.wish.kind, self.wish.options())
        meant = Filter.of(self.wish.filter())
        found = self.caller.client.jobs.preview(self.name, self.wish.action, meant)
        return self._form(
            "bulk_preview.html", active, active=active, found=found, meant=meant, options=options,
            matching=sum(found.matching.values()), untouched=sum(found.noEffect.values()), why="",
        )  # fmt: skip

    def start(self) -> RedirectResponse | HTMLResponse:
        """Begin the job.

        Raises:
            InvalidBatch: It cannot be done like this; nothing was begun.
            InvalidQuery: A time cannot be read.
            InvalidInstanceId: No instance can have one of the ids.
        """
        jobs = self.caller.client.jobs
        try:
            job = jobs.start(self.name, self.wish.kind, self.wish.filter(), self.wish.options())
        except JobActive as error:
            return self.preview(error)
        return RedirectResponse(path("jobs", job.id, said="started"), 303)

    def _form(self, template: str, error: WfError | None, **values: Any) -> HTMLResponse:
        return form(
            self.request, self.caller, template, error, name=self.name, wish=self.wish,
            where=path("workflows", self.name, "bulk"), back=path("workflows", self.name, "instances"), possible=True,
            **values,
        )  # fmt: skip


def _local(at: datetime) -> str:
    there = at.astimezone(UTC).replace(tzinfo=None)
    return there.isoformat(timespec="milliseconds" if there.microsecond else "seconds")
