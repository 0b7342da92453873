"""Workflows as workers have registered them: names, versions, settings, schedules."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.types.json import Jsonb

from wf.answers import Answer
from wf.crons import next_firing
from wf.errors import InstanceNotFound, WfError, WorkflowNotFound
from wf.graph import drawn
from wf.keywords import class_settings
from wf.params import json_schema
from wf.sql import statements
from wf.status import TERMINAL, Status
from wf.workflow import registry, version_order

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from wf.clock import Clock
    from wf.database import Database
    from wf.workflow import WorkflowEntrypoint


class TooManySchedules(WfError):
    """A workflow declares more cron expressions than there is room for beside those of the others."""

    code = "workflow.too_many_schedules"

    def __init__(self, workflow: str, asked: int, others: int, limit: int) -> None:
        super().__init__(
            f"Workflow {workflow!r} declares {asked} schedule(s), the other workflows have {others}, and the limit for "
            f"all together is {limit} (WF_MAX_SCHEDULES). Its registered version and schedules stay as they are. "
            f"Declare fewer, or raise the limit for every worker."
        )
        self.workflow, self.asked, self.others, self.limit = workflow, asked, others, limit


CAP = 1_000
"""No further than this are the instances in one status of one workflow counted for a list of workflows."""

_NOTHING = {"limits": None, "concurrency": None, "schedules": None, "default_retention": None, "breaker": None}

_OF_THE_CLASS = {
    "limits": "limits stand on the class; change them there.",
    "breaker": "breaker stands on the class; change it there.",
}
"""What operators cannot set, because workers go by the class."""


class _Standing(NamedTuple):
    """A workflow as it was read: its versions, the newest one, what that declares, and what is set over it."""

    name: str
    versions: dict[str, float]
    version: str
    declared: dict[str, Any]
    overrides: dict[str, Any]
    now: float


class Deployments:
    """The registered workflows.

    Args:
        database: Where.
        clock: Whose time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock
        self._sql = statements()

    def register(self, cls: type[WorkflowEntrypoint], *, max_schedules: int | None = None) -> None:
        """Make a workflow known to clients that never import its class.

        If no newer version is known, new instances get this one from now on, and the workflow's schedules are those
        of this class: a new one begins with its next firing, an unchanged one goes on.

        Args:
            cls: The class.
            max_schedules: Cron expressions of all workflows together; None means any number.

        Raises:
            TooManySchedules: There is no room for the schedules of this class; those of before stay.
        """
        name, version = cls.workflow_name, cls.workflow_version
        declared = dict(cls.workflow_settings)
        told = {
            "name": name, "version": version, "settings": Jsonb(declared), "class_name": cls.__name__,
            "module": cls.__module__, "concurrency": _limit(declared), "now": self.clock.override(),
            "graph": None if (graph := drawn(cls)) is None else Jsonb(graph), **_schemas(cls),
        }  # fmt: skip
        done = False
        while not done:  # once more if another version was registered between the two statements
            versions, overrides, now = self.database.rows(self._sql["workflow_register"], told)[0]
            if not (done := version != _newest(versions)):
                standing = _Standing(name, versions, version, declared, overrides, now)
                done = self._settle(standing, overrides, max_schedules=max_schedules)
        self.database.rows(self._sql["slot_sync"], {"workflow": name, "now": self.clock.override()})

    def configure(
        self, name: str, overrides: Mapping[str, Any], *, module: str, class_name: str, actor: str,
        max_schedules: int | None = None,
    ) -> None:  # fmt: skip
        """Set something over the class keywords of a workflow, until it is set again; whatever is registered meanwhile.

        Args:
            name: The workflow.
            overrides: Of `concurrency`, `schedules` (an empty list: none) and `default_retention`; what is absent is as
                the class says. `limits` may only repeat what the class says, because workers go by the class.
            module: Where a registered class of the workflow is.
            class_name: Its name.
            actor: Who does it, for the audit.
            max_schedules: As for `register`.

        Raises:
            WorkflowNotFound: There is no such workflow.
            TooManySchedules: There is no room for the schedules.
            ValueError: Something cannot be used, or no worker has registered this class.
        """
        wanted = class_settings(name, **{**_NOTHING, **overrides}, strict=False)
        if overrides.get("schedules") == []:  # a class without schedules says nothing of them; here it is a wish
            wanted["schedules"] = []
        done = False
        while not done:
            told = {"name": name, "class_name": class_name, "module": module, "now": self.clock.override()}
            rows = self.database.rows(self._sql["workflow_standing"], told)
            if not rows:
                raise WorkflowNotFound(name, self.workflows())
            versions, seen, settings, now, known = rows[0]
            version = _newest(versions)  # not the one that is settled: a worker may be about to settle its own
            if version not in (settings or {}):
                raise ValueError(
                    f"No worker has registered version {version!r} of workflow {name!r} since the last migration; "
                    f"start one."
                )
            if not known:
                raise ValueError(f"No worker has registered {module}.{class_name} as workflow {name!r}.")
            declared = settings[version]
            for keyword, words in _OF_THE_CLASS.items():
                if keyword in wanted and wanted[keyword] != declared.get(keyword):
                    raise ValueError(f"Workflow {name!r}: {words}")
            standing = _Standing(name, versions, version, declared, seen, now)
            done = self._settle(standing, wanted, actor=actor, max_schedules=max_schedules)
        self.database.rows(self._sql["slot_sync"], {"workflow": name, "now": self.clock.override()})

    def graph(self, workflow: str, version: str) -> dict[str, Any] | None:
        """The diagram of the code of a version, as `wf.graph` draws it.

        Returns:
            None if no worker has registered that version, or its code could not be read.
        """
        rows = self.database.read(self._sql["version_graph"], {"workflow": workflow, "version": version})
        graph: dict[str, Any] | None = rows[0][0] if rows else None
        return graph

    def _settle(
        self, standing: _Standing, overrides: Mapping[str, Any], *, actor: str | None = None,
        max_schedules: int | None = None,
    ) -> bool:  # fmt: skip
        """Bring in force what is declared and set; False if something has changed since the standing was read."""
        effective = {**standing.declared, **overrides}
        crons = effective.get("schedules", [])
        if crons and max_schedules is not None:
            self._check_room(standing.name, len(crons), max_schedules)
        values = {
            "name": standing.name, "version": standing.version, "versions": Jsonb(standing.versions),
            "effective": Jsonb(effective), "overrides": Jsonb(dict(overrides)), "seen": Jsonb(standing.overrides),
            "concurrency": _limit(effective), "crons": crons, "actor": actor, "now": self.clock.override(),
            "next_at": [next_firing(cron, standing.now) for cron in crons],
        }  # fmt: skip
        return bool(self.database.rows(self._sql["workflow_settle"], values))

    def _check_room(self, workflow: str, asked: int, limit: int) -> None:
        """Refuse schedules beyond the limit; it guards against mistakes, so two workers at once may both get in."""
        ((others,),) = self.database.read(self._sql["schedule_count"], {"but": workflow})
        if asked + others > limit:
            raise TooManySchedules(workflow, asked, others, limit)

    def workflows(self) -> dict[str, str]:
        """The registered workflows and the version that a new instance gets."""
        return {row[0]: row[1] for row in self.database.read(self._sql["workflow_known"])}

    def missing(self, workflow: str, id: str) -> WfError:
        """The error for an instance that is not there: perhaps the workflow is not, either."""
        return self._unknown(workflow) or InstanceNotFound(workflow, id)

    def check_known(self, workflow: str) -> None:
        """Refuse a workflow that is nowhere known.

        Raises:
            WorkflowNotFound: There is no such workflow.
        """
        if (error := self._unknown(workflow)) is not None:
            raise error

    def _unknown(self, workflow: str) -> WorkflowNotFound | None:
        """The error for a workflow that neither a worker nor this process knows."""
        if registry.find(workflow) is not None or workflow in (known := self.workflows()):
            return None
        return WorkflowNotFound(workflow, known)

    def describe_workflows(self, workflow: str | None = None, *, only: Collection[str] | None = None) -> list[Answer]:
        """Registered workflows: class, versions, schedules, times, number of instances in each status.

        Args:
            workflow: Only this one, whose instances are all counted. Of several, `CAP` in each status are, and
                `instancesCapped` tells whether there may be more.
            only: Only those of these.

        Raises:
            WorkflowNotFound: No worker has registered it.
        """
        of = {
            "workflow": workflow,
            "only": [workflow] if workflow is not None else None if only is None else list(only),
        }
        rows = self.database.read(self._sql["workflow_describe"], of)
        if not rows and workflow is not None:
            raise WorkflowNotFound(workflow, self.workflows())
        shown = {"workflow": workflow, "only": [row[0] for row in rows], "statuses": list(Status), "cap": CAP}
        counted = self._sql["instance_counts" if workflow is None else "instance_counts_of"]
        counts: dict[str, dict[str, int]] = {}
        for name, status, number in self.database.read(counted, shown):
            counts.setdefault(name, {})[status] = number
        schedules: dict[str, list[Answer]] = {}
        for name, cron, next_at, last_at in self.database.read(self._sql["schedule_coming"], of):
            firing = Answer(cron=cron, nextInstance=next_at, lastInstance=last_at)
            schedules.setdefault(name, []).append(firing)
        return [
            Answer(
                name=name, version=version, versions=sorted(versions, key=version_order), scriptName=module,
                className=class_name, createdOn=created, modifiedOn=modified, triggeredOn=triggered, settings=settings,
                schedules=schedules.get(name, []), instances=counts.get(name, {}),
                instancesCapped=workflow is None and CAP in counts.get(name, {}).values(),
                latestVersion=Answer(id=version, createdOn=since, modifiedOn=last),
            )
            for name, version, versions, settings, created, modified, class_name, module, since, last, triggered in rows
        ]  # fmt: skip

    def schedules(self, workflow: str | None = None) -> list[Answer]:
        """The schedules of a workflow, or of all, the next to fire first.

        Raises:
            WorkflowNotFound: There is no such workflow.
        """
        if workflow is not None and (error := self._unknown(workflow)) is not None:
            raise error
        names = ("workflow", "cron", "nextInstance", "lastInstance")
        rows = self.database.read(self._sql["schedule_coming"], {"workflow": workflow})
        return [Answer(zip(names, row, strict=True)) for row in rows]

    def versions(self, workflow: str | None = None, *, exact: bool = True) -> list[Answer]:
        """Every version that is registered or has instances in flight, newest first, with the numbers of these.

        Args:
            workflow: Only those of this workflow.
            exact: Whether all instances are counted, which takes its time among a million. Else those of each version
                are among the newest `CAP` of one workflow in each status.

        Raises:
            WorkflowNotFound: There is no such workflow.
        """
        if workflow is not None and (error := self._unknown(workflow)) is not None:
            raise error
        of = {"workflow": workflow, "terminal": sorted(TERMINAL), "live": sorted(set(Status) - TERMINAL), "cap": CAP}
        told = {row[:2]: row[2:] for row in self.database.read(self._sql["version_list"], of)}
        counted = self._sql["version_counts" if exact or workflow is None else "version_looked"]
        found: dict[tuple[str, str], Answer] = {}
        for name, newest, registered, _ in self.database.read(self._sql["workflow_known"]):
            for version, at in registered.items() if workflow in (None, name) else ():
                found[name, version] = _version(name, version, at, told, newest=version == newest)
        for name, version, status, number in self.database.read(counted, of):
            entry = found.setdefault((name, version), _version(name, version, None, told, newest=False))
            entry["instances"][status] = number
        newest_first = sorted(found.values(), key=lambda entry: version_order(entry.version), reverse=True)
        return sorted(newest_first, key=lambda entry: str(entry.workflow))


def _newest(versions: Mapping[str, float]) -> str:
    """The highest version; the last one registered on a tie."""
    return max(versions, key=lambda version: (version_order(version), versions[version]))


def _schemas(cls: type[WorkflowEntrypoint]) -> dict[str, Any]:
    """What forms and the API need to know of payloads; what cannot be said in JSON schema is left out."""
    params = None if cls.params_model is None else json_schema(cls.params_model)
    events = {type: schema for type, model in cls.event_models.items() if (schema := json_schema(model)) is not None}
    return {"params_schema": None if params is None else Jsonb(params), "event_schemas": Jsonb(events)}


def _limit(settings: Mapping[str, Any]) -> int | None:
    limit: int | None = settings.get("concurrency", {}).get("limit")
    return limit


def _version(
    workflow: str, version: str, registered: float | None, told: Mapping[tuple[Any, ...], tuple[Any, ...]], *,
    newest: bool,
) -> Answer:  # fmt: skip
    at = None if registered is None else datetime.fromtimestamp(registered, UTC)
    class_name, module, settings, created, modified, graph = told.get((workflow, version), (None,) * 6)
    return Answer(
        workflow=workflow, version=version, scriptName=module, className=class_name, createdOn=created,
        modifiedOn=modified, registeredOn=at, settings=settings or {}, newest=newest, instances={},
        hasGraph=bool(graph),
    )  # fmt: skip
