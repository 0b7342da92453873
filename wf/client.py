"""The client: create instances, talk to them, look at them. For web apps and scripts; it needs no Celery app."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal, Self
from uuid import uuid4

from wf.catalog import Catalog
from wf.clock import Clock, DatabaseClock, pauses
from wf.codec import decode, encode
from wf.core.step import check_event_type
from wf.database import Database
from wf.dispatch import Dispatcher, Nudge
from wf.errors import InstanceAlreadyExists, InstanceTerminated, WorkflowNotFound
from wf.faults import decode_error
from wf.ids import check_event_id, check_instance_id
from wf.journal import Journal
from wf.mailbox import Mailbox
from wf.settings import Settings
from wf.status import TERMINAL, Status
from wf.transactions import Execute, after_commit, within
from wf.workflow import WorkflowEntrypoint, is_name

if TYPE_CHECKING:
    from datetime import datetime

    from wf.answers import Answer, Page


class Client:
    """Creates instances and talks to them.

    Args:
        database_url: The journal's Postgres; `WF_DATABASE_URL` by default.
        redis_url: The broker's Redis; `WF_REDIS_URL` by default.
        settings: Takes the place of both.
        clock: Takes the place of the database's clock, in tests.
    """

    def __init__(
        self,
        database_url: str | None = None,
        redis_url: str | None = None,
        *,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        given = {"database_url": database_url, "redis_url": redis_url}
        self.settings = settings or Settings(**{name: value for name, value in given.items() if value is not None})
        self.database = Database(self.settings)
        self.catalog = Catalog(self.database, clock or DatabaseClock())
        self.dispatcher = Dispatcher(self.settings)
        self.mailbox = Mailbox(self.settings, Journal(self.database, clock))

    def workflow(self, workflow: str | type[WorkflowEntrypoint]) -> Workflow:
        """A workflow, by its name or by its class.

        Args:
            workflow: With a name, the class need not be importable here: workers have registered it.

        Raises:
            WorkflowNotFound: No workflow can have this name.
            TypeError: It is neither a name nor a workflow class.
        """
        if isinstance(workflow, str):
            if not is_name(workflow):
                raise WorkflowNotFound(workflow, self.catalog.workflows())
        elif not (isinstance(workflow, type) and issubclass(workflow, WorkflowEntrypoint)):
            raise TypeError(f"workflow() takes the name or the class of a workflow, not {workflow!r:.120}.")
        return Workflow(self, workflow)

    def version_of(self, name: str) -> str:
        """The version that a new instance of this workflow gets.

        Raises:
            WorkflowNotFound: No worker has ever registered it.
        """
        known = self.catalog.workflows()
        if name not in known:
            raise WorkflowNotFound(name, known)
        return known[name]

    def execute(self, foreign: Any) -> Execute:
        """A way to run statements: in the caller's transaction, or in one of their own."""
        return self.database.rows if foreign is None else within(foreign)

    def nudge(self, foreign: Any, nudge: Nudge) -> None:
        """Nudge now, or when the caller's transaction has committed."""
        if foreign is None:
            self.dispatcher.publish([nudge])
        else:
            after_commit(foreign, self.dispatcher, nudge)

    def close(self) -> None:
        """Close the connections."""
        self.database.close()
        self.dispatcher.close()
        self.mailbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Workflow:
    """A workflow as a client sees it."""

    def __init__(self, client: Client, workflow: str | type[WorkflowEntrypoint]) -> None:
        self._client = client
        self._class = None if isinstance(workflow, str) else workflow
        self.name = workflow if isinstance(workflow, str) else workflow.workflow_name

    def create(
        self,
        id: str | None = None,
        params: Any = None,
        *,
        if_exists: Literal["error", "return"] = "error",
        trigger: str = "binding",
        connection: Any = None,
        session: Any = None,
    ) -> Instance:
        """Create an instance.

        Args:
            id: 1 to 100 letters, digits, '-' or '_', unique in the workflow; a random one by default.
            params: What `run` gets as `event.payload`; `{}` by default.
            if_exists: `"return"` hands back the instance that has this id already.
            trigger: Where the wish comes from, for the record.
            connection: A SQLAlchemy or psycopg connection: the instance is created in its transaction, and exists
                if that commits. A worker looks at it at once with `session=`, within an alarm tick otherwise.
            session: The same, as a SQLAlchemy Session.

        Raises:
            InstanceAlreadyExists: The id is taken.
            InvalidInstanceId: The id breaks the rule.
            WorkflowNotFound: No worker has registered the workflow.
            SerializationError: The params hold something that cannot be stored.
            PayloadTooLarge: The params are too big.
            JournalUnavailable: Postgres does not answer.
        """
        client, foreign = self._client, session if session is not None else connection
        id = check_instance_id(str(uuid4()) if id is None else id)
        version = self._class.workflow_version if self._class is not None else None
        data = encode({} if params is None else params, what="The payload", limit=client.settings.max_payload)
        key = client.catalog.create(
            self.name, id, version, data, trigger=trigger, execute=client.execute(foreign),
            due_in=client.settings.renudge if foreign is None else 0.0,
        )  # fmt: skip
        if key is None:
            if version is None:
                client.version_of(self.name)
            if if_exists != "return":
                raise InstanceAlreadyExists(self.name, id)
        else:
            client.nudge(foreign, Nudge(key, 1, 0, workflow=self.name, id=id))
        return Instance(client, self.name, id)

    def get(self, id: str) -> Instance:
        """An instance that exists.

        Raises:
            InstanceNotFound: There is none of this id.
            InvalidInstanceId: No instance can have this id.
            WorkflowNotFound: There is no such workflow.
        """
        if not self._client.catalog.exists(self.name, check_instance_id(id)):
            raise self._client.catalog.missing(self.name, id)
        return Instance(self._client, self.name, id)

    def list(
        self,
        *,
        status: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Page:
        """A page of instances, newest first.

        Args:
            status: Only those in this status.
            since: Only those created then or later.
            until: Only those created then or earlier.
            cursor: The `cursor` of the page before.
            limit: 20 by default, 100 at most.
        """
        return self._client.catalog.list(self.name, status=status, since=since, until=until, cursor=cursor, limit=limit)


class Instance:
    """An instance as a client sees it."""

    def __init__(self, client: Client, workflow: str, id: str) -> None:
        self._client, self.workflow, self.id = client, workflow, id

    def status(self) -> Answer:
        """`status`, `output` and `error` now."""
        return self._client.catalog.status(self.workflow, self.id)

    def describe(self) -> Answer:
        """Everything: steps, attempts, retries, what it waits for and until when."""
        return self._client.catalog.describe(self.workflow, self.id)

    def send_event(
        self,
        type: str,
        payload: Any = None,
        *,
        event_id: str | None = None,
        connection: Any = None,
        session: Any = None,
    ) -> None:
        """Send an event. It is in the journal when this returns; a wait of its type gets it, now or later.

        Args:
            type: 1 to 100 letters, digits, '-' or '_'.
            payload: What the wait gives as `.payload`.
            event_id: The sender's own id, at most 200 characters: sent twice, the event counts once.
            connection: As for `create`: the event is sent if that transaction commits.
            session: The same, as a SQLAlchemy Session.

        Raises:
            InvalidEventType: The type breaks the rule.
            ValueError: The event_id cannot be used.
            InstanceNotFound: There is no such instance.
            InstanceFinished: It has ended.
            SerializationError: The payload holds something that cannot be stored.
            PayloadTooLarge: The payload is too big.
            JournalUnavailable: Postgres does not answer.
        """
        client, foreign = self._client, session if session is not None else connection
        check_event_type(type)
        check_event_id(event_id)
        data = encode(payload, what=f"The payload of event {type!r}", limit=client.settings.max_payload)
        accepted = client.catalog.accept(
            self.workflow, self.id, type, data, event_id, due_in=client.settings.alarm_tick if foreign is None else 0.0,
            execute=client.execute(foreign),
        )  # fmt: skip
        if accepted.event is None:
            return
        if foreign is None and not client.mailbox.put(accepted.key, accepted.event):
            return  # a nudge would have to wait for Redis, too; the alarm is as quick
        nudge = Nudge(accepted.key, accepted.generation, accepted.rev, workflow=self.workflow, id=self.id)
        client.nudge(foreign, nudge)

    def terminate(self) -> None:
        """Stop the instance for good.

        Raises:
            InvalidTransition: It has ended.
        """
        self._client.catalog.terminate(self.workflow, self.id, actor="client")

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the end and give the output.

        Args:
            timeout: Seconds to wait; None waits for ever.

        Raises:
            TimeoutError: It has not ended in time.
            InstanceTerminated: It was terminated.
            CodecError: The output cannot be read, because a class in it is gone; `status()` shows it nevertheless.
            Exception: What `run` failed with, rebuilt.
        """
        for pause in pauses(timeout):
            if (ended := self.ended()) is not None:
                return ended[0]
            time.sleep(pause)
        raise self.late(timeout)

    def ended(self) -> tuple[Any] | None:
        """The output in a tuple; None if the instance has not ended.

        Raises:
            InstanceTerminated: It was terminated.
            Exception: What `run` failed with, rebuilt.
        """
        catalog = self._client.catalog
        if catalog.status_of(self.workflow, self.id) not in TERMINAL:
            return None
        status, output, error = catalog.outcome(self.workflow, self.id)
        if status not in TERMINAL:
            return None  # restarted in between
        if status == Status.TERMINATED:
            raise InstanceTerminated(self.workflow, self.id)
        if error is not None:
            raise decode_error(error)
        return (decode(output) if output is not None else None,)

    def late(self, timeout: float | None) -> TimeoutError:
        """The error for a result that has not come within so many seconds."""
        status = self._client.catalog.status_of(self.workflow, self.id)
        return TimeoutError(f"Instance {self.id!r} of workflow {self.workflow!r} is {status} after {timeout} s.")
