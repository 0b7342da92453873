"""Check of the settings: variables that nobody reads, and values that contradict each other."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from wf.doctor.findings import note, well, wrong
from wf.durations import about
from wf.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.doctor.findings import Finding
    from wf.doctor.subject import Subject

PREFIX = "WF_"

OTHERS = frozenset({"WF_CRASH_POINT", "WF_API_HOST", "WF_API_PORT"})
"""Variables that are read somewhere and are no settings."""

LEAST_LEASE = 1.0
"""Seconds of a lease below which a pause of a worker's machine loses attempts."""


def variables(subject: Subject) -> Iterator[Finding]:
    """Whether every `WF_...` variable is one that somebody reads."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    given = sorted(name for name in subject.environ if name.upper().startswith(PREFIX))
    strangers = [name for name in given if name.upper() not in known | OTHERS]
    for name in strangers:
        if near := get_close_matches(name.upper(), known, n=1, cutoff=0.75):
            yield wrong(
                "variables", f"{name} is set, and nobody reads it.", f"Did you mean {near[0]}?", name=name, near=near[0]
            )
        else:
            yield note(
                "variables", f"{name} is set, and nobody reads it.", "Remove it if it was meant for us.", name=name
            )
    if not strangers:
        yield well("variables", f"Every {PREFIX}... variable is known ({len(given)} set).")


def settings(subject: Subject) -> Iterator[Finding]:
    """Whether the settings make sense together."""
    found = list(_contradictions(subject.settings))
    yield from found
    if not found:
        yield well("settings", "The settings fit each other.")


def _contradictions(given: Settings) -> Iterator[Finding]:
    def unfit(what: str, remedy: str, *names: str) -> Finding:
        values = {f"{PREFIX}{name.upper()}": getattr(given, name) for name in names}
        return wrong("settings", what, remedy, **values)

    if given.lease < given.stop_tick * 3:
        yield unfit(
            f"WF_LEASE ({about(given.lease)}) is less than three times WF_STOP_TICK ({about(given.stop_tick)}): leases "
            "end before they are extended, and attempts count as lost.",
            f"Set WF_LEASE to {about(given.stop_tick * 3)} or more.", "lease", "stop_tick",
        )  # fmt: skip
    elif given.lease < LEAST_LEASE:
        yield unfit(
            f"WF_LEASE is {about(given.lease)}: a short pause of a machine loses the attempts that run there.",
            "Set it to 5 s or more; 30 s is the default.", "lease",
        )  # fmt: skip
    if given.renudge < given.alarm_tick:
        yield unfit(
            f"WF_RENUDGE ({about(given.renudge)}) is less than WF_ALARM_TICK ({about(given.alarm_tick)}): each tick "
            "nudges everything again that has not begun yet.",
            f"Set WF_RENUDGE to {about(given.alarm_tick * 3)} or more.", "renudge", "alarm_tick",
        )  # fmt: skip
    if given.alarm_tick > given.lease:
        yield unfit(
            f"WF_ALARM_TICK ({about(given.alarm_tick)}) is more than WF_LEASE ({about(given.lease)}): the steps of a "
            "killed worker wait for the next tick.",
            "Set WF_ALARM_TICK to 1 s or so.", "alarm_tick", "lease",
        )  # fmt: skip
    if given.max_payload > given.max_state:
        yield unfit(
            "WF_MAX_PAYLOAD is more than WF_MAX_STATE: one result may be bigger than all of an instance together.",
            "Raise WF_MAX_STATE.", "max_payload", "max_state",
        )  # fmt: skip
    if given.workflow_creation_rate > given.creation_rate > 0:
        yield unfit(
            "WF_WORKFLOW_CREATION_RATE is more than WF_CREATION_RATE, which holds for all workflows together.",
            "Raise WF_CREATION_RATE, or lower the other.", "workflow_creation_rate", "creation_rate",
        )  # fmt: skip
    if given.api_url and given.api_url.startswith("http://") and given.api_token and not _is_near(given.api_url):
        yield wrong(
            "settings", "WF_API_TOKEN goes to WF_API_URL without encryption.", "Use https:// there.",
        )  # fmt: skip


def _is_near(url: str) -> bool:
    host = url.removeprefix("http://").partition("/")[0].rpartition("@")[2]
    return host.partition(":")[0] in {"localhost", "127.0.0.1"} or host.startswith("[::1]")
