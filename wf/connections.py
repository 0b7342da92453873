"""What a client holds: the journal, Redis, and ways to write and to nudge."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Self

from wf.audit import Audit
from wf.breakers import Breakers
from wf.catalog import Catalog
from wf.clock import Clock, journal_clock
from wf.database import Database
from wf.dispatch import Dispatcher
from wf.errors import WorkflowNotFound
from wf.jobs import Jobs
from wf.journal import Journal
from wf.mailbox import Mailbox
from wf.overrides import Overrides
from wf.rates import Rates
from wf.settings import Settings
from wf.steering import Steering
from wf.tracing import Tracing
from wf.transactions import Execute, after_commit, within

if TYPE_CHECKING:
    from wf.dispatch import Nudge


class Connections:
    """The connections of a client.

    Args:
        database_url: The journal's Postgres; `WF_DATABASE_URL` by default.
        redis_url: The broker's Redis; `WF_REDIS_URL` by default.
        settings: Takes the place of both.
        clock: Takes the place of the database's clock, in tests.
        actor: Who acts, for the audit.
        dispatcher: Publishes nudges, in place of one of its own.
    """

    def __init__(
        self,
        database_url: str | None = None,
        redis_url: str | None = None,
        *,
        settings: Settings | None = None,
        clock: Clock | None = None,
        actor: str = "client",
        dispatcher: Dispatcher | None = None,
    ) -> None:
        self.actor = actor
        given = {"database_url": database_url, "redis_url": redis_url}
        self.settings = settings or Settings(**{name: value for name, value in given.items() if value is not None})
        self.database = Database(self.settings)
        self.dispatcher = dispatcher or Dispatcher(self.settings)
        journal = Journal(self.database, clock)
        self.mailbox = Mailbox(self.settings, journal)
        self.tracing = Tracing(journal, self.settings.lease, enabled=self.settings.tracing)
        clock = clock or journal_clock()
        self.catalog = Catalog(self.database, clock)
        self.steering = Steering(self.settings, self.catalog)
        self.rates = Rates(self.settings, clock)

    @property
    def jobs(self) -> Jobs:
        """Actions on many instances at once, done in the background."""
        return Jobs(self.catalog, self.dispatcher, self.actor)

    @property
    def audit(self) -> Audit:
        """Who did what to which workflow or instance, and when."""
        return Audit(self.database)

    @property
    def breakers(self) -> Breakers:
        """Workflows that pause because too many of their instances fail."""
        return Breakers(self.catalog, self.dispatcher, self.actor, due_in=self.settings.renudge)

    @property
    def overrides(self) -> Overrides:
        """What operators set over the classes of workflows."""
        return Overrides(self.catalog, self.actor, max_schedules=self.settings.max_schedules)

    def acting_as(self, actor: str) -> Self:
        """The same client for somebody else, for the audit; it shares the connections, so close only one of the two."""
        other = copy(self)
        other.actor = actor
        return other

    def version_of(self, name: str) -> str:
        """The version that a new instance of this workflow gets.

        Raises:
            WorkflowNotFound: No worker has ever registered it.
        """
        known = self.catalog.workflows()
        if name not in known:
            raise WorkflowNotFound(name, known)
        return known[name]

    def foreign(self, connection: Any, session: Any) -> Any:
        """The caller's own transaction in which to write; None if there is none, and each write commits at once."""
        return session if session is not None else connection

    def execute(self, foreign: Any) -> Execute:
        """A way to run statements: in the caller's transaction, or in one of their own."""
        return self.database.rows if foreign is None else within(foreign, self.database.cipher)

    def nudge(self, foreign: Any, *nudges: Nudge) -> None:
        """Nudge now, or when the caller's transaction has committed."""
        if foreign is None:
            self.dispatcher.publish(nudges)
        else:
            after_commit(foreign, self.dispatcher, *nudges)

    def close(self) -> None:
        """Close the connections."""
        self.database.close()
        self.dispatcher.close()
        self.mailbox.close()
        self.rates.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
