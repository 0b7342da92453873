"""The client: create instances, talk to them, look at them. For web apps and scripts; it needs no Celery app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from wf import crashpoints
from wf.batches import Target, create_form, create_listed, delete_listed
from wf.connections import Connections
from wf.creation import Drafter, options
from wf.dispatch import Nudge
from wf.errors import InstanceAlreadyExists, WorkflowNotFound
from wf.ids import check_address
from wf.instance import Instance
from wf.listing import Listing
from wf.workflow import WorkflowEntrypoint, is_name

if TYPE_CHECKING:
    from builtins import list as List  # noqa: N812  # `list` is a method here
    from collections.abc import Sequence
    from datetime import datetime

    from wf.answers import Answer, Page


class Client(Connections):
    """Creates instances and talks to them.

    Args:
        database_url: The journal's Postgres; `WF_DATABASE_URL` by default.
        redis_url: The broker's Redis; `WF_REDIS_URL` by default.
        settings: Takes the place of both.
        clock: Takes the place of the database's clock, in tests.
        actor: Who acts, for the audit; `client` by default.
        dispatcher: Publishes nudges, in place of one of its own.
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

    def __repr__(self) -> str:
        return f"<Workflow {self.name!r}>"

    def create(
        self,
        id: str | Mapping[str, Any] | None = None,
        params: Any = None,
        *,
        retention: Mapping[str, Any] | None = None,
        if_exists: Literal["error", "return"] = "error",
        trigger: str = "binding",
        connection: Any = None,
        session: Any = None,
    ) -> Instance:
        """Create an instance.

        Args:
            id: 1 to 100 letters, digits, '-' or '_', unique in the workflow; a random one by default. One mapping of
                `id`, `params` and `retention` may stand for the three.
            params: What `run` gets as `event.payload`; `{}` by default. If the workflow has a model, whatever fits it.
            retention: `{"success_retention": ..., "error_retention": ...}`: how long to keep the instance after its
                end, in seconds or as text; by default as the workflow says, or else the settings.
            if_exists: `"return"` hands back the instance that has this id already.
            trigger: Where the wish comes from, for the record.
            connection: A SQLAlchemy or psycopg connection: the instance is created in its transaction, and exists
                if that commits. A worker looks at it at once with `session=`, within an alarm tick otherwise.
            session: The same, as a SQLAlchemy Session.

        Raises:
            InstanceAlreadyExists: The id is taken.
            InvalidInstanceId: The id breaks the rule.
            InvalidPayload: The params do not fit the workflow's model.
            RateLimited: Too many instances have been created in this second.
            WorkflowNotFound: No worker has registered the workflow.
            SerializationError: The params hold something that cannot be stored.
            PayloadTooLarge: The params are too big.
            ValueError: The retention cannot be used, or the mapping has another key.
            JournalUnavailable: Postgres does not answer.
        """
        client, foreign = self._client, self._client.foreign(connection, session)
        if isinstance(id, Mapping):
            if params is not None or retention is not None:
                raise TypeError("create() takes either one mapping, or id=, params= and retention=.")
            id, params, retention = options(id, "create()").values()
        draft = Drafter(self.name, self._class, client.settings.max_payload).draft(id, params, retention)
        client.rates.take(self.name)
        version = self._class.workflow_version if self._class is not None else None
        made = client.catalog.create(
            self.name, draft.id, version, draft.data, trigger=trigger, execute=client.execute(foreign),
            due_in=client.settings.renudge if foreign is None else 0.0, keep_success=draft.keep_success,
            keep_error=draft.keep_error,
        )  # fmt: skip
        if made is None:
            if version is None:
                client.version_of(self.name)
            if if_exists != "return":
                raise InstanceAlreadyExists(self.name, draft.id)
            return Instance(client, self.name, draft.id)
        crashpoints.reached(crashpoints.CREATED)
        client.tracing.created(self.name, draft.id, made.key, made.created_at)
        client.nudge(foreign, Nudge(made.key, 1, 0, workflow=self.name, id=draft.id))
        return Instance(client, self.name, draft.id, made.version)

    @overload
    def create_batch(
        self, batch: Sequence[Mapping[str, Any]], *, trigger: str = ..., connection: Any = ..., session: Any = ...
    ) -> List[Instance]: ...

    @overload
    def create_batch(
        self,
        batch: Mapping[str, Any] | None = None,
        *,
        count: int | None = ...,
        instances: Sequence[Mapping[str, Any]] | None = ...,
        params: Any = ...,
        retention: Mapping[str, Any] | None = ...,
        trigger: str = ...,
        connection: Any = ...,
        session: Any = ...,
    ) -> Answer: ...

    def create_batch(
        self,
        batch: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None,
        *,
        connection: Any = None,
        session: Any = None,
        **form: Any,
    ) -> List[Instance] | Answer:
        """Create instances together: in one commit, in their order, and none if any of them breaks a rule.

        Args:
            batch: A list of `{"id":, "params":, "retention":}`, each as for `create`; or one mapping of the keywords
                that stand for `form`.
            connection: As for `create`.
            session: As for `create`.
            form: `count=` for so many instances with random ids and the same `params=` and `retention=`; or
                `instances=` for a list of whose entries the answer tells more.

        Returns:
            For a list the instances that were created, without those whose ids exist or are repeated. Otherwise
            `.created`, and in `.errors` the `index`, `id`, `code` and `message` of each that was not.

        Raises:
            InvalidBatch: It is empty, too long (WF_MAX_BATCH), or has none of these forms.
            InvalidInstanceId: An id breaks the rule.
            InvalidPayload: Some params do not fit the workflow's model.
            RateLimited: It is too much for this second.
            PayloadTooLarge: Some params are too big, or all of them together.
            WorkflowNotFound: No worker has registered the workflow.
            JournalUnavailable: Postgres does not answer.
        """
        given = {name: value for name, value in form.items() if value is not None}
        target = Target(self._client, self.name, self._class, self._client.foreign(connection, session))
        if batch is None or isinstance(batch, Mapping):
            return create_form(target, {**(batch or {}), **given})
        return create_listed(target, batch, given)

    def delete_batch(self, ids: Sequence[str]) -> Answer:
        """Remove instances, without rollback if they run. Each has a commit of its own.

        Returns:
            In `.deleted` the `id` of each that is gone now; in `.errors` the `id`, `code` and `message` of each that
            was not there, or that the journal is too busy for.

        Raises:
            InvalidBatch: There are none, or too many (WF_MAX_BATCH).
            InvalidInstanceId: No instance can have one of the ids; nothing was deleted.
            WorkflowNotFound: There is no such workflow.
            JournalUnavailable: Postgres does not answer. Some may be gone already: delete them all again.
        """
        return delete_listed(self._client, self.name, ids)

    def get(self, id: str) -> Instance:
        """An instance that exists.

        Raises:
            InstanceNotFound: There is none of this id.
            InvalidInstanceId: No instance can have this id.
            WorkflowNotFound: There is no such workflow.
        """
        return Instance(self._client, self.name, id, self._client.catalog.version_of(self.name, check_address(id)))

    def list(
        self,
        *,
        status: str | None = None,
        version: str | None = None,
        id: str | None = None,
        error: str | None = None,
        search: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Page:
        """A page of instances, newest first.

        A page by `version`, `id`, `error` or `search` may be short, or empty, and have a cursor that leads on: these
        are looked for among a number of instances (`wf.pages`).

        Args:
            status: Only those in this status.
            version: Only those of this version.
            id: Only those whose id begins with this.
            error: Only errored ones whose error has this text in its name or message.
            search: Only those whose params or output have this text in them.
            since: Only those created then or later.
            until: Only those created then or earlier.
            cursor: The `cursor` of the page before.
            limit: 20 by default, 100 at most.

        Raises:
            InvalidQuery: A value cannot be used.
            WorkflowNotFound: There is no such workflow.
        """
        listing = Listing(
            status=status, version=version, id=id, error=error, search=search, since=since, until=until, cursor=cursor,
            limit=limit,
        )  # fmt: skip
        return self._client.catalog.list(self.name, listing)
