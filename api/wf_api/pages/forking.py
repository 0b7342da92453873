"""Fork an instance: a new one that begins as a copy, perhaps from a step, perhaps with other params.

Params that come back from the form as it has shown them are those that are stored: what JSON cannot say, such as
decimals, dates and bytes, and what nobody can read here, gets into the fork as it is.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from wf.codec import CodecError, encode
from wf.errors import InstanceAlreadyExists, InvalidInstanceId, InvalidPayload, StepNotFound, WfError
from wf.forks import UNSET
from wf.plain import plain
from wf.prospects import Prospects
from wf.schemas import declared
from wf_api.access import Caller, Writer
from wf_api.filled import read_form, same
from wf_api.forms import fields, untouched
from wf_api.pages.actions import MOVED_ON
from wf_api.pages.beginnings import START, Count, From, StepType, asked, choice, from_step
from wf_api.pages.filled import Filled, Sent, digest, id_fault
from wf_api.pages.refusals import form
from wf_api.pages.render import path
from wf_api.paths import ONE
from wf_api.problems import as_given

router = APIRouter(prefix="/workflows/{name}/instances", include_in_schema=False)

_SEE_OTHER = 303
_ROOM = 65_536
"""Bytes of a request beside the params."""


@router.get(ONE + "/fork")
def ask_to_fork(
    request: Request,
    name: str,
    id: str,
    caller: Writer,
    from_: From = "",
    count: Count = 1,
    type: StepType = "do",
) -> Any:
    """What is copied, and what to fill in. `?from=name&count=2&type=do` names the step with which it shall begin."""
    page = _Page(request, caller, name, id, None)
    try:
        return page.show(asked(from_, count, type) or START)
    except StepNotFound as error:
        return page.show(START, error)


@router.post(ONE + "/fork")
def fork_by_page(request: Request, name: str, id: str, caller: Writer, sent: Sent) -> Any:
    """Fork it, and lead to the fork."""
    page, begin = _Page(request, caller, name, id, sent), sent.get("begin", START)
    if sent.get("seen") not in (None, page.seen):
        return page.show(START, fault=MOVED_ON.format(status=page.stand.status), status=409)
    try:
        return page.fork(begin)
    except WfError as error:
        return page.show(begin, error)


class _Params:
    """The params of an instance, as they are stored and as they are shown.

    Attributes:
        why: Why they are not shown; empty if they are.
        exact: Whether JSON says all that they are.
        filled: The inputs for them.

    Args:
        data: As they are stored.
        schema: What they must look like.
        sent: What was filled in.
        most: Bytes that a form may have.
    """

    def __init__(self, data: bytes, schema: dict[str, Any] | None, sent: dict[str, str] | None, most: int) -> None:
        self.why, self.exact, values = "", True, None
        try:
            values = plain(data)
            self.exact = encode(values) == data
        except (CodecError, WfError) as error:
            self.why = f"They cannot be read here: {error}"
        self._shown = untouched(fields(schema, values))
        if len(urlencode(self._shown)) > most - _ROOM:
            self.why = "They are too big to be edited here."
        edited = sent if sent is not None and "params" in sent and not self.why else None
        self.filled = Filled(schema, edited, values)
        self._edited = edited is not None

    @property
    def mark(self) -> str:
        """What changes when the form would show something else."""
        return digest(self._shown, self.why)

    def read(self) -> Any:
        """What the fork shall get: UNSET if it is what was shown.

        Raises:
            InvalidRequest: It cannot be read.
        """
        if not self._edited or same(self.filled.found, read_form(self.filled.schema, self._shown)):
            return UNSET
        return self.filled.read()


class _Page:
    """The page for one instance.

    Raises:
        Forbidden: Its reader may not touch it.
        InstanceNotFound: There is no such instance.
    """

    def __init__(self, request: Request, caller: Caller, name: str, id: str, sent: dict[str, str] | None) -> None:
        caller.check(name)
        self.request, self.caller, self.name, self.id, self.sent = request, caller, name, id, sent or {}
        self.prospects = Prospects(caller.client.catalog)
        self.stand = self.prospects.look(name, id)
        known = declared(caller.client.database, name, self.stand.version)
        most = caller.parts.settings.api_max_body
        self.params = _Params(self.prospects.params(self.stand), known and known.params, sent, most)
        self.seen = f"{self.stand.generation}-{self.params.mark}"
        self.wrong: dict[str, str] = {}

    def fork(self, begin: str) -> RedirectResponse:
        """Fork it as was filled in.

        Args:
            begin: The step with which it shall begin.

        Raises:
            WfError: It was refused.
        """
        params = self.params.read()
        instance = self.caller.workflow(self.name).get(self.id)
        try:
            if params is not UNSET:
                self.caller.parts.payloads.check_params(self.name, params, instance.version)
            with as_given():
                id = self.sent.get("id", "").strip() or None
                forked = instance.fork(id, from_step=from_step(begin), params=params)
        except InvalidPayload as error:
            raise self.params.filled.blame(error) from error
        except (InvalidInstanceId, InstanceAlreadyExists) as error:
            self.wrong["id"] = id_fault(error)
            raise
        return RedirectResponse(path("workflows", self.name, "instances", forked.id, said="forked"), _SEE_OTHER)

    def show(self, begin: str, error: WfError | None = None, *, fault: str = "", status: int = 200) -> HTMLResponse:
        """The page.

        Args:
            begin: The step with which it shall begin; with an error it may be none.
            error: Why what was wished was refused.
            fault: The same in words.
            status: The HTTP status, without an error.

        Raises:
            StepNotFound: There is no such step.
            WfError: The error, if the form cannot help.
        """
        return form(
            self.request, self.caller, "actions/fork.html", error, beside=bool(self.wrong), fault=fault, status=status,
            name=self.name, id=self.id,
            stand=self.stand, possible=True, params=self.params, sent=self.sent, wrong=self.wrong, seen=self.seen,
            where=path("workflows", self.name, "instances", self.id, "fork"),
            back=path("workflows", self.name, "instances", self.id), **self._choice(begin, error),
        )  # fmt: skip

    def _choice(self, begin: str, error: WfError | None) -> dict[str, Any]:
        try:
            return choice(self.prospects, self.stand, begin)
        except (StepNotFound, ValueError):
            if error is None:
                raise
            return choice(self.prospects, self.stand, START)
