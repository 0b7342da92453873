"""How answers travel as JSON, under the names of the baseline's REST API, and how they are read on the other side.

The API writes them, and the command line reads them when it works against an API; so both directions stand here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wf.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LISTED = {
    "id": "id", "version": "version_id", "status": "status", "trigger": "trigger_source", "createdOn": "created_on",
    "modifiedOn": "modified_on", "startedOn": "started_on", "endedOn": "ended_on", "dueAt": "due_on",
}  # fmt: skip
"""An entry of a list of instances: the clients' names, and those of REST."""

_WORKFLOW = {
    "name": "name", "version": "version", "versions": "versions", "scriptName": "script_name",
    "className": "class_name", "createdOn": "created_on", "modifiedOn": "modified_on",
    "triggeredOn": "triggered_on", "settings": "settings", "schedules": "schedules", "instances": "instances",
    "instancesCapped": "instances_capped",
}  # fmt: skip
_VERSION = {
    "workflow": "workflow_id", "version": "id", "scriptName": "script_name", "className": "class_name",
    "createdOn": "created_on", "modifiedOn": "modified_on", "registeredOn": "registered_on", "settings": "settings",
    "newest": "newest", "instances": "instances", "capped": "capped", "hasGraph": "has_dag",
}  # fmt: skip
_SETTINGS = {
    "workflow": "workflow_id", "version": "version_id", "scriptName": "script_name", "className": "class_name",
    "declared": "declared", "overrides": "overrides", "settings": "settings",
}  # fmt: skip
_LATEST = {"id": "id", "createdOn": "created_on", "modifiedOn": "modified_on"}
_SCHEDULE = {"cron": "cron", "nextInstance": "next_instance", "lastInstance": "last_instance"}
_DESCRIBED = {"stepCount": "step_count"}
_STEP = {"eventType": "event_type"}
_RECEIVED = {"eventId": "event_id", "acceptedAt": "accepted_at", "consumedBy": "consumed_by"}
_JOB = {"createdOn": "created_on", "startedOn": "started_on", "endedOn": "ended_on", "noEffect": "no_effect"}

_STANDING = {"stepsCapped": "steps_capped"}

_TIMES = frozenset(
    {
        "queued", "start", "end", "nextWake", "dueAt", "restartAt", "expireAt", "wakeAt", "retryAt", "createdOn",
        "modifiedOn", "startedOn", "endedOn", "triggeredOn", "registeredOn", "nextInstance", "lastInstance",
    }
)  # fmt: skip

_SEEN = {
    "startedAt": "started_at", "seenAt": "seen_at", "leaseUntil": "lease_until", "dueAt": "due_at",
    "wakeAt": "wake_at", "tickedAt": "ticked_at", "wakeUps": "wake_ups", "waitsFor": "waits_for",
    "eventType": "event_type", "newestAt": "newest_at", "oldestAt": "oldest_at",
}  # fmt: skip
"""Names in an overview, and in what wants a human."""
_SEEN_AT = frozenset(
    {
        "at", "started_at", "seen_at", "since", "lease_until", "due_at", "wake_at", "ticked_at", "newest_at",
        "oldest_at", "deadline", "until",
    }
)  # fmt: skip
_NAMED = frozenset({"workflows", "instances", "unserved", "paused"})
"""Parts of them whose names are those of workflows and statuses."""


_CHARTED = {"lagP95": "lag_p95", "stepsPerSecond": "steps_per_second"}
"""Names in counts over time."""


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
    latest = _renamed(found["latestVersion"], _LATEST)
    return {"id": found["name"], **_renamed(found, _WORKFLOW), "schedules": schedules, "latest_version": latest}


def workflow_back(told: Mapping[str, Any]) -> Answer:
    """The workflow that `workflow` has told."""
    schedules = [_read(schedule, _SCHEDULE) for schedule in told["schedules"]]
    return Answer(_read(told, _WORKFLOW), schedules=schedules, latestVersion=_read(told["latest_version"], _LATEST))


def schedule(found: Mapping[str, Any]) -> dict[str, Any]:
    """A schedule with its workflow."""
    return {"workflow_id": found["workflow"], **_renamed(found, _SCHEDULE)}


def schedule_back(told: Mapping[str, Any]) -> Answer:
    """The schedule that `schedule` has told."""
    return Answer(_read(told, _SCHEDULE), workflow=told["workflow_id"])


def version(found: Mapping[str, Any]) -> dict[str, Any]:
    """A version of a workflow."""
    settings = found["settings"]
    shown = {name: settings.get(name) for name in ("limits", "concurrency", "default_retention")}
    return {**_renamed(found, _VERSION), **shown, "language": "python"}


def version_back(told: Mapping[str, Any]) -> Answer:
    """The version that `version` has told."""
    return _read(told, _VERSION)


def settings(found: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a workflow, by where they come from."""
    return _renamed(found, _SETTINGS)


def settings_back(told: Mapping[str, Any]) -> Answer:
    """The settings that `settings` has told."""
    return _read(told, _SETTINGS)


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
    steps = [step(each, shorten) for each in found["steps"]]
    return _renamed(found, _DESCRIBED, rest=True) | {"steps": steps}


def step(found: Mapping[str, Any], shorten: Callable[[Any], Any]) -> dict[str, Any]:
    """A step of an instance.

    Args:
        found: As `Catalog.steps` and `Catalog.step` give it, also without outputs.
        shorten: What to show of its output.
    """
    values = {name: shorten(found[name]) for name in ("output", "heartbeat") if name in found}
    return _renamed(found, _STEP, rest=True) | values


def details_back(told: Mapping[str, Any]) -> Answer:
    """The answer that `details` has told; of the simple form, with no steps."""
    found = _read(told, _DESCRIBED, rest=True)
    found["steps"] = [_read(step, _STEP, rest=True) for step in told.get("steps", ())]
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


def received(found: Mapping[str, Any], shorten: Callable[[Any], Any]) -> dict[str, Any]:
    """An event that an instance has received.

    Args:
        found: As `Catalog.events` gives it.
        shorten: What to show of its payload.
    """
    return _renamed(found, _RECEIVED, rest=True) | {"payload": shorten(found["payload"])}


def line_back(told: Mapping[str, Any]) -> Answer:
    """A log line of a step, which is told as `Catalog.lines` gives it."""
    return Answer(told, at=_time(told["at"]))


def overview(seen: Any) -> Any:
    """What `Overview.look` has told, or `Attention.look`."""
    if isinstance(seen, list):
        return [overview(item) for item in seen]
    if not isinstance(seen, dict):
        return seen
    return {_SEEN.get(name, name): value if name in _NAMED else overview(value) for name, value in seen.items()}


def overview_back(told: Any) -> Any:
    """What `overview` has told."""
    if isinstance(told, list):
        return [overview_back(item) for item in told]
    if not isinstance(told, dict):
        return told
    back = {new: old for old, new in _SEEN.items()}
    found = Answer()
    for name, value in told.items():
        if name in _NAMED:
            found[name] = Answer(value)
        else:
            found[back.get(str(name), str(name))] = _time(value) if name in _SEEN_AT else overview_back(value)
    return found


def standing(seen: Mapping[str, Any]) -> dict[str, Any]:
    """What `Standing.look` has told."""
    return _renamed(seen, _STANDING, rest=True)


def charted(found: Any) -> Any:
    """What `Charts` has told."""
    if isinstance(found, list):
        return [charted(item) for item in found]
    if not isinstance(found, dict):
        return found
    return {_CHARTED.get(name, name): charted(value) for name, value in found.items()}


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
