"""What workers register of workflows, and what operators set over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.types.json import Jsonb

from wf.crons import next_firing
from wf.errors import WfError, WorkflowNotFound
from wf.graph import drawn
from wf.keywords import class_settings
from wf.params import json_schema
from wf.registered import Registered
from wf.workflow import version_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wf.cipher import Cipher
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


class Deployments(Registered):
    """The registered workflows, and what workers and operators make known of them."""

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
            "graph": None if (graph := drawn(cls)) is None else Jsonb(graph), **_schemas(cls, self.database.cipher),
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


def _newest(versions: Mapping[str, float]) -> str:
    """The highest version; the last one registered on a tie."""
    return max(versions, key=lambda version: (version_order(version), versions[version]))


def _schemas(cls: type[WorkflowEntrypoint], cipher: Cipher | None) -> dict[str, Any]:
    """What forms and the API need to know of payloads; what cannot be said in JSON schema is left out."""
    defaults = cipher is None  # schemas are not sealed
    params = None if cls.params_model is None else json_schema(cls.params_model, defaults=defaults)
    told = {type: json_schema(model, defaults=defaults) for type, model in cls.event_models.items()}
    events = {type: schema for type, schema in told.items() if schema is not None}
    return {"params_schema": None if params is None else Jsonb(params), "event_schemas": Jsonb(events)}


def _limit(settings: Mapping[str, Any]) -> int | None:
    limit: int | None = settings.get("concurrency", {}).get("limit")
    return limit
