"""Versions of workflows: those that workers have registered, and those that instances in flight are of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wf.answers import Answer
from wf.sql import statements
from wf.status import TERMINAL, Status
from wf.workflow import version_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wf.database import Database

CAP = 1_000
"""No further than this are the instances in one status of one workflow counted for a list of workflows, or of its
versions."""


def find_versions(database: Database, workflow: str | None = None, *, exact: bool = True) -> list[Answer]:
    """As `Registered.versions`, of a workflow that there is."""
    sql = statements()
    of = {"workflow": workflow, "terminal": sorted(TERMINAL), "live": sorted(set(Status) - TERMINAL), "cap": CAP}
    told = {row[:2]: row[2:] for row in database.read(sql["version_list"], of)}
    found: dict[tuple[str, str], Answer] = {}
    for name, newest, registered, _ in database.read(sql["workflow_known"]):
        for version, at in registered.items() if workflow in (None, name) else ():
            found[name, version] = _version(name, version, at, told, newest=version == newest)
    capped: list[str] = []
    counted = sql["version_counts" if exact or workflow is None else "version_looked"]
    for name, version, status, number, *looked in database.read(counted, of):
        entry = found.setdefault((name, version), _version(name, version, None, told, newest=False))
        entry["instances"][status] = number
        if looked and looked[0] >= CAP and status not in capped:
            capped.append(status)
    for entry in found.values():
        entry["capped"] = capped
    newest_first = sorted(found.values(), key=lambda entry: version_order(entry.version), reverse=True)
    return sorted(newest_first, key=lambda entry: str(entry.workflow))


def _version(
    workflow: str, version: str, registered: float | None, told: Mapping[tuple[Any, ...], tuple[Any, ...]], *,
    newest: bool,
) -> Answer:  # fmt: skip
    at = None if registered is None else datetime.fromtimestamp(registered, UTC)
    class_name, module, settings, created, modified, graph = told.get((workflow, version), (None,) * 6)
    return Answer(
        workflow=workflow, version=version, scriptName=module, className=class_name, createdOn=created,
        modifiedOn=modified, registeredOn=at, settings=settings or {}, newest=newest, instances={},
        capped=[], hasGraph=bool(graph),
    )  # fmt: skip
