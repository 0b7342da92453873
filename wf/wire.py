"""How answers travel as JSON, under the names of the baseline's REST API, and how they are read on the other side.

The API writes them, and the command line reads them when it works against an API; so both directions stand here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wf.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TRUNCATED = "[truncated output]"

_LISTED = {
    "id": "id", "version": "version_id", "status": "status", "trigger": "trigger_source", "createdOn": "created_on",
    "modifiedOn": "modified_on", "startedOn": "started_on", "endedOn": "ended_on", "dueAt": "due_on",
}  # fmt: skip
"""An entry of a list of instances: the clients' names, and those of REST."""

_WORKFLOW = {
    "name": "name", "version": "version", "versions": "versions", "scriptName": "script_name",
    "className": "class_name", "createdOn": "created_on", "modifiedOn": "modified_on",
    "triggeredOn": "triggered_on", "settings": "settings", "schedules": "schedules", "instances": "instances",
}  # fmt: skip
_VERSION = {
    "workflow": "workflow_id", "version": "id", "scriptName": "script_name", "className": "class_name",
    "createdOn": "created_on", "modifiedOn": "modified_on", "registeredOn": "registered_on", "settings": "settings",
    "newest": "newest", "instances": "instances",
}  # fmt: skip
_SCHEDULE = {"cron": "cron", "nextInstance": "next_instance", "lastInstance": "last_instance"}
_DESCRIBED = {"stepCount": "step_count"}
_STEP = {"eventType": "event_type"}
_JOB = {"createdOn": "created_on", "startedOn": "started_on", "endedOn": "ended_on", "noEffect": "no_effect"}

_TIMES = frozenset(
    {
        "queued", "start", "end", "nextWake", "dueAt", "restartAt", "expireAt", "wakeAt", "retryAt", "createdOn",
        "modifiedOn", "startedOn", "endedOn", "triggeredOn", "registeredOn", "nextInstance", "lastInstance",
    }
)  # fmt: skip

_SEEN = frozenset({"at", "startedAt", "seenAt", "since", "leaseUntil", "dueAt", "wakeAt", "tickedAt"})
"""Times in an overview."""


def moment(at: datetime) -> str:
    """A time in ISO 8601, UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def instance(workflow: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of a list of instances."""
    return {"workflow_id": workflow, **_renamed(entry, _LISTED)}


def instance_back(told: Mapping[str, Any]) -> Answer:
    """The entry that `instance` has told."""
    return _read(told, _LISTED)


def workflow(found: Mapping[str, Any]) -> dict[str, Any]:
    """A workflow with the numbers of its instances."""
    schedules = [_renamed(schedule, _SCHEDULE) for schedule in found["schedules"]]
    return {"id": found["name"], **_renamed(found, _WORKFLOW), "schedules": schedules}


def workflow_back(told: Mapping[str, Any]) -> Answer:
    """The workflow that `workflow` has told."""
    schedules = [_read(schedule, _SCHEDULE) for schedule in told["schedules"]]
    return Answer(_read(told, _WORKFLOW), schedules=schedules)


def schedule(found: Mapping[str, Any]) -> dict[str, Any]:
    """A schedule with its workflow."""
    return {"workflow_id": found["workflow"], **_renamed(found, _SCHEDULE)}


def version(found: Mapping[str, Any]) -> dict[str, Any]:
    """A version of a workflow; the baseline takes apart what it declares, and has milliseconds."""
    settings = found["settings"]
    retention = settings.get("default_retention")
    return {
        **_renamed(found, _VERSION), "language": "python", "has_dag": False,
        "limits": settings.get("limits"), "concurrency": settings.get("concurrency"),
        "default_retention": None if retention is None else {key: value * 1000 for key, value in retention.items()},
    }  # fmt: skip


def version_back(told: Mapping[str, Any]) -> Answer:
    """The version that `version` has told."""
    return _read(told, _VERSION)


def job(found: Mapping[str, Any]) -> dict[str, Any]:
    """A job, or what one would do."""
    return _renamed(found, _JOB, rest=True)


def job_back(told: Mapping[str, Any]) -> Answer:
    """The answer that `job` has told."""
    return _read(told, _JOB, rest=True)


def details(found: Mapping[str, Any], shorten: Callable[[Any], Any]) -> dict[str, Any]:
    """Everything about an instance.

    Args:
        found: As `Catalog.describe` gives it.
        shorten: What to show of the output of a step.
    """
    steps = [
        _renamed(step, _STEP, rest=True) | {"output": shorten(step["output"]), "heartbeat": shorten(step["heartbeat"])}
        for step in found["steps"]
    ]
    return _renamed(found, _DESCRIBED, rest=True) | {"steps": steps}


def details_back(told: Mapping[str, Any]) -> Answer:
    """The answer that `details` has told."""
    found = _read(told, _DESCRIBED, rest=True)
    found["steps"] = [_read(step, _STEP, rest=True) for step in told["steps"]]
    for step in found["steps"]:
        step["attempts"] = [_read(attempt, {}, rest=True) for attempt in step["attempts"]]
        step["error"] = _answer(step["error"])
        for attempt in step["attempts"]:
            attempt["error"] = _answer(attempt["error"])
    for name in ("error", "rollback", "schedule"):
        found[name] = _answer(found[name])
    if found["rollback"] is not None:
        found["rollback"]["error"] = _answer(found["rollback"]["error"])
    return found


def overview_back(told: Any) -> Any:
    """What `Overview.look` has told, whose JSON has the same names; nothing in it comes from users."""
    if isinstance(told, list):
        return [overview_back(item) for item in told]
    if not isinstance(told, dict):
        return told
    return Answer((name, _time(value) if name in _SEEN else overview_back(value)) for name, value in told.items())


def _renamed(found: Mapping[str, Any], names: Mapping[str, str], *, rest: bool = False) -> dict[str, Any]:
    """What is named, under its other names; with `rest` also all else, under its own."""
    if rest:
        return {names.get(name, name): value for name, value in found.items()}
    return {new: found.get(old) for old, new in names.items()}


def _read(told: Mapping[str, Any], names: Mapping[str, str], *, rest: bool = False) -> Answer:
    if rest:
        back = {new: old for old, new in names.items()}
        found = Answer((back.get(name, name), value) for name, value in told.items())
    else:
        found = Answer((old, told[new]) for old, new in names.items() if new in told)
    for name in _TIMES & found.keys():
        found[name] = _time(found[name])
    return found


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _answer(told: Mapping[str, Any] | None) -> Answer | None:
    return None if told is None else Answer(told)
