"""Settings of a workflow: what its class declares, and what operators set over that."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel

from wf.answers import Answer
from wf.crons import CRON_MAX, is_cron
from wf.deployments import TooManySchedules
from wf.errors import WfError
from wf.keywords import CONCURRENCY_MAX, RETENTION_KEYS
from wf_api.access import Admin, Caller, Reader, Scope
from wf_api.pages.durations import read_retention, written
from wf_api.pages.policies import RESTART_DEFAULTS, RESTART_FIELDS, read_restart, restart_fields, restart_lines
from wf_api.pages.refusals import form
from wf_api.pages.render import path
from wf_api.problems import as_given

router = APIRouter(prefix="/workflows/{name}/settings", include_in_schema=False)

_NO_CRON = "{} is no cron expression of five fields, such as '0 9 * * MON-FRI', that ever fires."
_SHOWN = ("concurrency", "schedules", "default_retention", "restart", "limits", "breaker", "strict")


class Wanted(BaseModel):
    """What somebody has filled in; what is empty is as the class says."""

    concurrency: str = ""
    success_retention: str = ""
    error_retention: str = ""
    restart_limit: str = ""
    restart_delay: str = ""
    restart_backoff: str = ""
    restart_on: str = ""
    restart_from: str = ""
    own_schedules: str = ""
    schedules: str = ""

    @classmethod
    def of(cls, overrides: dict[str, Any]) -> Wanted:
        """What is set at the moment."""
        retention = overrides.get("default_retention", {})
        return cls(
            concurrency=str(overrides.get("concurrency", {}).get("limit", "")),
            own_schedules="yes" if "schedules" in overrides else "",
            schedules="\n".join(overrides.get("schedules", ())),
            **{key: written(retention[key]) for key in RETENTION_KEYS if key in retention},
            **restart_fields(overrides.get("restart")),
        )  # fmt: skip

    def read(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What is to be set, and what is wrong, by its field."""
        found: dict[str, Any] = {}
        wrong: dict[str, str] = {}
        if given := self.concurrency.strip():
            if given.isdecimal() and len(given) < 10 and 1 <= int(given) <= CONCURRENCY_MAX:
                found["concurrency"] = {"limit": int(given)}
            else:
                wrong["concurrency"] = f"A whole number from 1 to {CONCURRENCY_MAX:,} is needed."
        kept, faults = read_retention(self.model_dump(include=set(RETENTION_KEYS)))
        found |= {"default_retention": kept} if kept else {}
        wrong |= faults
        policy, faults = read_restart(self.model_dump(include=set(RESTART_FIELDS)))
        found |= {"restart": policy} if policy else {}
        wrong |= faults
        if self.own_schedules:
            lines = [" ".join(line.split()) for line in self.schedules.splitlines()]
            found["schedules"] = crons = [line for line in lines if line]
            if bad := [cron for cron in crons if not is_cron(cron)]:
                wrong["schedules"] = _NO_CRON.format(f"{bad[0]!r:.{CRON_MAX}}")
        return found, wrong


@router.get("")
def settings_page(request: Request, name: str, caller: Reader) -> Any:
    """What is set, by whom, and the form to change it for who may."""
    return _page(request, caller, name)


@router.post("")
def set_by_page(
    request: Request, name: str, caller: Admin, wanted: Annotated[Wanted, Form()], do: Annotated[str, Form()] = ""
) -> Any:
    """Set what is filled in over the class; with `do=back`, take everything back."""
    caller.check(name)
    given, wrong = ({}, {}) if do == "back" else wanted.read()
    if wrong:
        return _page(request, caller, name, wanted, wrong=wrong)
    try:
        with as_given():
            caller.client.overrides.replace(name, given)
    except TooManySchedules as error:
        return _page(request, caller, name, wanted, error=error, wrong={"schedules": str(error)})
    except WfError as error:
        return _page(request, caller, name, wanted, error=error)
    return RedirectResponse(path("workflows", name, "settings", said="configured"), 303)


def _page(
    request: Request, caller: Caller, name: str, wanted: Wanted | None = None, *, error: WfError | None = None,
    wrong: dict[str, str] | None = None,
) -> HTMLResponse:  # fmt: skip
    caller.check(name)
    catalog, kept = caller.client.catalog, caller.client.settings
    found = caller.client.overrides.get(name)
    return form(
        request, caller, "settings.html", error, beside=bool(wrong), status=400 if wrong else 200, name=name,
        found=found, rows=[_row(found, key) for key in _SHOWN], firings=catalog.schedules(name),
        wanted=wanted or Wanted.of(found.overrides), wrong=wrong or {},
        may=caller.principal.scope >= Scope.ADMIN, defaults=RESTART_DEFAULTS,
        kept=(written(kept.success_retention), written(kept.error_retention)), most=CONCURRENCY_MAX,
        where=path("workflows", name, "settings"), back=path("workflows", name),
    )  # fmt: skip


def _row(found: Answer, key: str) -> tuple[str, list[str], list[str] | None, list[str]]:
    """A setting: what the class says, what is set over it (None: nothing), and what is in force."""
    declared, over, force = (
        _lines(key, side[key]) if key in side else None for side in (found.declared, found.overrides, found.settings)
    )
    return key, declared or [], over, force or []


def _lines(key: str, value: Any) -> list[str]:
    """A setting in words, one on a line."""
    match key:
        case "schedules":
            return list(value) or ["none"]
        case "default_retention":
            return [f"{name.partition('_')[0]}: {written(value[name])}" for name in RETENTION_KEYS if name in value]
        case "restart":
            return restart_lines(value)
        case "breaker":
            within, pause = written(value["within"]), written(value["pause"])
            return [f"failures: {value['failures']} within {within}", f"pause: {pause}"]
        case "concurrency" | "limits":
            return [f"{name}: {number}" for name, number in value.items()]
        case _:
            return [str(value).lower()]
