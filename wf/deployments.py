"""What workers register of workflows, and what operators set over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.types.json import Jsonb

from wf.crons import next_firing
from wf.errors import WfError, WorkflowNotFound
from wf.graph import drawn
from wf.keywords import SETTABLE, class_settings
from wf.params import json_schema
from wf.registered import Registered
from wf.workflow import version_order

if TYPE_CHECKING:
    from collections.abc import Callable

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


_NOTHING = {**dict.fromkeys(SETTABLE), "limits": None, "breaker": None}

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
            overrides: Of `concurrency`, `schedules` (an empty list: none), `default_retention` and `restart` (a `limit`
                of 0: never); what is absent is as the class says. `limits` may only repeat what the class says, because
                workers go by the class.
            module: Where a registered class of the workflow is.
            class_name: Its name.
            actor: Who does it, for the audit.
            max_schedules: As for `register`.

        Raises:
            WorkflowNotFound: There is no such workflow.
            TooManySchedules: There is no room for the schedules.
            ValueError: Something cannot be used, or no worker has registered this class.
        """
        wanted = _checked(name, overrides)
        self._set(name, lambda standing: _repeating(standing, wanted), (module, class_name), actor, max_schedules)

    def adjust(self, name: str, changes: Mapping[str, Any], *, actor: str, max_schedules: int | None = None) -> None:
        """Set some of it over the class, and leave the rest as it is, whoever sets that meanwhile.

        Args:
            name: The workflow.
            changes: As the overrides of `configure`. None: as the class says. Of a setting with parts only those change
                that are named, the others stay as they are in force; a part that is None is as if nobody had named it.
            actor: Who does it, for the audit.
            max_schedules: As for `register`.

        Raises:
            WorkflowNotFound: There is no such workflow.
            TooManySchedules: There is no room for the schedules.
            ValueError: Something cannot be set or used.
        """
        for key in changes:
            if key not in SETTABLE:
                raise ValueError(f"Workflow {name!r}: {key!r} cannot be set over the class; {', '.join(SETTABLE)} can.")
        self._set(name, lambda standing: _adjusted(standing, changes), None, actor, max_schedules)

    def _set(
        self, name: str, wish: Callable[[_Standing], dict[str, Any]], of: tuple[str, str] | None, actor: str,
        max_schedules: int | None,
    ) -> None:  # fmt: skip
        """Look at a workflow and settle what is wished for it, again and again until nobody has come between.

        Args:
            name: The workflow.
            wish: What shall be set over the class, for how it stands.
            of: Module and name of a class that must be registered.
            actor: Who does it, for the audit.
            max_schedules: As for `register`.
        """
        done = False
        while not done:
            standing = self._standing(name, of)
            done = self._settle(standing, wish(standing), actor=actor, max_schedules=max_schedules)
        self.database.rows(self._sql["slot_sync"], {"workflow": name, "now": self.clock.override()})

    def _standing(self, name: str, of: tuple[str, str] | None) -> _Standing:
        module, class_name = of or ("", "")
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
        if of is not None and not known:
            raise ValueError(f"No worker has registered {module}.{class_name} as workflow {name!r}.")
        return _Standing(name, versions, version, settings[version], seen, now)

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


def _checked(workflow: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """What shall be set over a class, in the words of the journal."""
    wanted = class_settings(workflow, **{**_NOTHING, **overrides}, strict=False)
    if overrides.get("schedules") == []:  # a class without schedules says nothing of them; here it is a wish
        wanted["schedules"] = []
    return wanted


def _repeating(standing: _Standing, wanted: dict[str, Any]) -> dict[str, Any]:
    """What is wanted, if it only repeats what stands on the class alone."""
    for keyword, words in _OF_THE_CLASS.items():
        if keyword in wanted and wanted[keyword] != standing.declared.get(keyword):
            raise ValueError(f"Workflow {standing.name!r}: {words}")
    return wanted


def _adjusted(standing: _Standing, changes: Mapping[str, Any]) -> dict[str, Any]:
    """What shall be set over a class: what is, with some changes. What they do not name is not looked at."""
    in_force = {**standing.declared, **standing.overrides}
    named = {key: _merged(in_force.get(key), change) for key, change in changes.items() if change is not None}
    kept = {key: value for key, value in standing.overrides.items() if key not in changes}
    return kept | _checked(standing.name, named)


def _merged(before: Any, change: Any) -> Any:
    """A setting with its parts changed; one without parts is the change itself."""
    if not isinstance(change, Mapping):
        return change
    parts = {**(before if isinstance(before, dict) else {}), **change}
    return {part: value for part, value in parts.items() if value is not None}


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
