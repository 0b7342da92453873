"""Journals of production replayed against today's code: would it go on where the instances are? Nothing is written.

An instance that has not ended fits if `run` asks for every step that its journal holds. One that has ended must come to
the same end, too: the same output, or an error of the same name and message. Connections are opened read-only, so that
Postgres itself refuses what would write.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from wf import guard
from wf.clock import DatabaseClock
from wf.database import Database
from wf.env import Environment
from wf.errors import JournalUnavailable
from wf.fitting import Outcome, check_instance
from wf.journal import Journal
from wf.listing import KEY_MAX
from wf.replayer import Replayer
from wf.replayreport import ReplayReport, Skipped
from wf.settings import InvalidSettings, Settings
from wf.sql import statements
from wf.status import TERMINAL, Status
from wf.workflow import Registry, WorkflowEntrypoint, registry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from wf.client import Client
    from wf.facts import InstanceRow, Loaded
    from wf.replayreport import ReplayFailure

PAGE = 100
"""Instances whose keys are read together; their rows are read one instance after the other."""

TRIES = 3
"""How often an instance is read that moves on meanwhile."""

_UNFINISHED = sorted(set(Status) - TERMINAL)


class Named(NamedTuple):
    """An instance that is to be checked."""

    key: int
    id: str


def replay_check(
    workflows: type[WorkflowEntrypoint] | Iterable[type[WorkflowEntrypoint]],
    *,
    database_url: str | None = None,
    client: Client | None = None,
    limit: int = 100,
    statuses: Collection[str] | None = None,
    ids: Collection[str] | None = None,
) -> ReplayReport:
    """Replay instances of a journal against the classes of this process, and write nothing.

    Each instance is checked with the class that would run it here: that of its version, or else the newest.

    Args:
        workflows: A workflow class, or several; other versions that this process knows are used, too.
        database_url: The journal's Postgres; `WF_DATABASE_URL` by default. A role that may only read is enough.
        client: Takes the place of `database_url`: its settings are used, and a read-only connection of its own.
        limit: Most instances of each workflow: those that have not ended first, then the others, newest first.
        statuses: Only instances in these statuses.
        ids: Only these instances, whatever their status and however many.

    Raises:
        ValueError: There is no such status, or the limit is below 1.
        InvalidSettings: Nobody says where the journal is, or the function of WF_ENV cannot be used.
        SchemaMismatch: The schema does not fit this release.
        JournalUnavailable: Postgres does not answer.
    """
    if unknown := sorted(set(statuses or ()) - set(Status)):
        raise ValueError(f"There is no status {unknown[0]!r}. Valid statuses are: {', '.join(Status)}.")
    if limit < 1:
        raise ValueError(f"limit must be a whole number from 1, not {limit!r}.")
    classes = [workflows] if isinstance(workflows, type) else list(workflows)
    groups: list[list[str]] = [sorted(statuses)] if statuses else [[*_UNFINISHED], sorted(TERMINAL)]
    with _open(database_url, client) as (journal, replayer):
        check = _Check(journal, replayer, classes)
        for workflow in sorted({cls.workflow_name for cls in classes}):
            check.check(check.listed(workflow, ids) if ids is not None else check.newest(workflow, limit, groups))
        return check.report


@contextmanager
def _open(database_url: str | None, client: Client | None) -> Iterator[tuple[Journal, Replayer]]:
    settings = client.settings if client is not None else Settings(**_given(database_url))
    if not settings.database_url:
        raise InvalidSettings("Set WF_DATABASE_URL, or give database_url=: the journal that is to be checked.")
    clock = client.catalog.clock if client is not None else DatabaseClock()
    guard.install()
    with closing(Database(settings, read_only=True)) as database, closing(Environment(settings, clock)) as environment:
        database.check_schema()
        environment.load()  # what is wrong with it would look like an error of `run`
        journal = Journal(database, clock)
        yield journal, Replayer(settings, journal, environment.env)


def _given(database_url: str | None) -> dict[str, str]:
    return {} if database_url is None else {"database_url": database_url}


class _Check:
    """One run of the check.

    Args:
        journal: Read-only.
        replayer: Replays.
        classes: Take the place of those of the registry that have the same name and version.

    Attributes:
        report: What was found so far.
    """

    def __init__(self, journal: Journal, replayer: Replayer, classes: Iterable[type[WorkflowEntrypoint]]) -> None:
        self.report = ReplayReport()
        self._journal, self._replayer, self._sql = journal, replayer, statements()
        self._registry = Registry()
        for cls in (*registry.classes(), *classes):
            self._registry.add(cls)

    def check(self, wanted: Iterable[Named]) -> None:
        """Check instances, one after the other."""
        # On a thread: on the main one, a `sys.exit()` in `run` would end this process instead of the run.
        with ThreadPoolExecutor(1, "wf-replay") as thread:
            for named in wanted:
                thread.submit(self._check, named).result()

    def newest(self, workflow: str, limit: int, groups: Iterable[list[str]]) -> Iterator[Named]:
        """The instances in statuses of the first group, then of the next; their keys are read a page at a time."""
        for statuses in groups:
            below = KEY_MAX
            while limit > 0:
                size = min(PAGE, limit)
                params = {"workflow": workflow, "statuses": statuses, "below": below, "limit": size}
                rows = [Named(*row) for row in self._journal.database.read(self._sql["replay_keys"], params)]
                yield from rows
                limit -= len(rows)
                if len(rows) < size:
                    break
                below = rows[-1].key

    def listed(self, workflow: str, ids: Iterable[str]) -> Iterator[Named]:
        """The instances of these ids; those that are not there are noted."""
        missing = dict.fromkeys(ids)
        wanted = list(missing)
        for start in range(0, len(wanted), PAGE):
            params = {"workflow": workflow, "ids": wanted[start : start + PAGE], "below": KEY_MAX, "limit": PAGE}
            for row in self._journal.database.read(self._sql["replay_keys_of"], params):
                named = Named(*row)
                del missing[named.id]
                yield named
        for id in missing:
            self.report.skipped.append(Skipped(workflow, id, "", "there is no such instance"))

    def _check(self, named: Named) -> None:
        instance = None
        for _ in range(TRIES):
            found = self._journal.load(named.key)
            if found is None:
                return  # removed meanwhile
            if (outcome := self._outcome(found)) is not None:
                self._note(found.instance, self._result(found, outcome))
                return
            instance = found.instance
        if instance is not None:
            self._note(instance, "it moves on faster than it can be read")

    def _outcome(self, found: Loaded) -> Outcome | None:
        """What the instance has come to; None if it has moved on since."""
        instance = found.instance
        params = {"key": instance.key, "generation": instance.generation, "rev": instance.rev}
        rows = self._journal.database.read(self._sql["replay_outcome"], params)
        return Outcome(*rows[0]) if rows else None

    def _result(self, found: Loaded, outcome: Outcome) -> ReplayFailure | str | None:
        """A failure, why it cannot be checked, or None: it fits."""
        instance = found.instance
        cls = self._registry.suited(instance.workflow, instance.version)
        if cls is None:
            return f"no class of version {instance.version!r} or a newer one is known here"
        try:
            return check_instance(self._replayer, cls, found, outcome)
        except JournalUnavailable:
            raise
        except Exception as error:  # whatever stored values run into: those that cannot be read say why
            return f"its journal cannot be read: {type(error).__name__}: {error}"

    def _note(self, instance: InstanceRow, result: ReplayFailure | str | None) -> None:
        if isinstance(result, str):
            self.report.skipped.append(Skipped(instance.workflow, instance.id, instance.version, result))
            return
        self.report.checked += 1
        if result is not None:
            self.report.failures.append(result)
