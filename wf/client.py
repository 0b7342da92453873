"""The client: create instances, talk to them, look at them. For web apps and scripts; it needs no Celery app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from wf.codec import encode
from wf.connections import Connections
from wf.dispatch import Nudge
from wf.errors import InstanceAlreadyExists, WorkflowNotFound
from wf.ids import check_instance_id
from wf.instance import Instance
from wf.workflow import WorkflowEntrypoint, is_name

if TYPE_CHECKING:
    from datetime import datetime

    from wf.answers import Page


class Client(Connections):
    """Creates instances and talks to them.

    Args:
        database_url: The journal's Postgres; `WF_DATABASE_URL` by default.
        redis_url: The broker's Redis; `WF_REDIS_URL` by default.
        settings: Takes the place of both.
        clock: Takes the place of the database's clock, in tests.
    """

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
