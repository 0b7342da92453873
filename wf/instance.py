"""An instance, as its clients hold it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from wf import crashpoints
from wf.clock import pauses
from wf.codec import decode, encode
from wf.core.names import check_event_type
from wf.creation import encoded_params
from wf.dispatch import Nudge
from wf.errors import InstanceTerminated
from wf.faults import decode_error
from wf.feed import Feed, Subscription
from wf.forks import UNSET, fork
from wf.ids import FromStep, check_event_id, check_from_step, check_instance_id
from wf.logfields import speaking_of
from wf.params import plain_payload
from wf.status import TERMINAL, Status
from wf.workflow import registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wf.answers import Answer
    from wf.connections import Connections
    from wf.steering import Moved


class Instance:
    """An instance as a client sees it.

    Attributes:
        workflow: The name of its workflow.
        id: Its id.
        version: Its version, if this call created it or looked for it.
    """

    def __init__(self, client: Connections, workflow: str, id: str, version: str | None = None) -> None:
        self._client, self.workflow, self.id, self.version = client, workflow, id, version

    def __repr__(self) -> str:
        return f"<Instance {self.id!r} of workflow {self.workflow!r}>"

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
            payload: What the wait gives as `.payload`; if the workflow has a model for this type, whatever fits it.
            event_id: The sender's own id, at most 200 characters: sent twice, the event counts once.
            connection: As for `create`: the event is sent if that transaction commits.
            session: The same, as a SQLAlchemy Session.

        Raises:
            InvalidEventType: The type breaks the rule.
            ValueError: The event_id cannot be used.
            InstanceNotFound: There is no such instance.
            InstanceFinished: It has ended.
            InvalidPayload: The payload does not fit the workflow's model for this type.
            SerializationError: The payload holds something that cannot be stored.
            PayloadTooLarge: The payload is too big.
            JournalUnavailable: Postgres does not answer.
        """
        foreign = self._client.foreign(connection, session)
        check_event_type(type)
        check_event_id(event_id)
        payload = self._fitting(type, payload)
        with speaking_of(workflow=self.workflow, instance=self.id):
            self._send(foreign, type, payload, event_id)

    def _send(self, foreign: Any, type: str, payload: Any, event_id: str | None) -> None:
        client = self._client
        data = encode(payload, what=f"The payload of event {type!r}", limit=client.settings.max_payload)
        accepted = client.steering.accept(
            self.workflow, self.id, type, data, event_id, due_in=client.settings.alarm_tick if foreign is None else 0.0,
            execute=client.execute(foreign),
        )  # fmt: skip
        if accepted.event is None:
            return
        crashpoints.reached(crashpoints.EVENT_ACCEPTED)
        if foreign is None and not client.mailbox.put(accepted.key, accepted.event):
            return  # a nudge would have to wait for Redis, too; the alarm is as quick
        crashpoints.reached(crashpoints.EVENT_DELIVERED)
        nudge = Nudge(accepted.key, accepted.generation, accepted.rev, workflow=self.workflow, id=self.id)
        client.nudge(foreign, nudge)

    def _fitting(self, type: str, payload: Any) -> Any:
        """The payload of an event, as data to store; checked if the class is known here that runs this instance."""
        name, version = self.workflow, self.version
        cls = registry.find(name) if version is None else registry.suited(name, version)
        model = None if cls is None else cls.event_models.get(type)
        return payload if model is None else plain_payload(name, model, payload, type)

    def pause(self) -> None:
        """Let no attempt begin any more; those that run end first. Without effect unless it runs or waits.

        Raises:
            InstanceNotFound: There is no such instance.
        """
        self._client.steering.pause(self.workflow, self.id, actor=self._client.actor)

    def resume(self) -> None:
        """Go on after a pause; every deadline is later by its length. Without effect on what is not paused.

        Raises:
            InstanceNotFound: There is no such instance.
        """
        self._go_on(self._client.steering.resume(self.workflow, self.id, actor=self._client.actor))

    def terminate(self, *, rollback: bool = False) -> None:
        """Stop the instance for good; running attempts are cut off.

        Args:
            rollback: Run the rollbacks of its steps first, last step first.

        Raises:
            InstanceNotFound: There is no such instance.
            InvalidTransition: It has ended.
        """
        moved = self._client.steering.terminate(self.workflow, self.id, rollback=rollback, actor=self._client.actor)
        self._go_on(moved)
        if moved is not None and moved.status in TERMINAL:
            self._client.tracing.terminated(moved.key)

    def restart(self, *, from_step: FromStep | None = None) -> None:
        """Begin again with the same id, params and event, whatever the status; running attempts are cut off.

        Args:
            from_step: Keep the results of everything that started before this step: its name, `(name, count)`,
                `(name, count, kind)` or `{"name":, "count":, "type":}`; kinds are do, sleep and waitForEvent.

        Raises:
            InstanceNotFound: There is no such instance.
            StepNotFound: Its history has no such step; nothing has changed.
            RateLimited: There were too many in this second; nothing has changed.
            ValueError: `from_step` has none of these forms.
        """
        key = None if from_step is None else check_from_step(from_step)
        self._client.rates.take(self.workflow)
        steering = self._client.steering
        moved = steering.restart(self.workflow, self.id, from_step=key, actor=self._client.actor)
        self._go_on(moved)
        if moved is not None:
            with speaking_of(workflow=self.workflow, instance=self.id):
                steering.clear(moved)

    def fork(self, id: str | None = None, *, from_step: FromStep | None = None, params: Any = UNSET) -> Instance:
        """Create an instance of the same version that begins as a copy of this one, which stays as it is.

        Where `run` asks for other steps with other params, what is kept does not fit any more: then the rules for
        changed code hold, a warning, or a pause if the workflow is strict. Log lines of kept steps stay with this one.

        Args:
            id: Its id; a random one by default.
            from_step: Keep the results of everything that started before this step, as `restart` does.
            params: In place of those of this instance; None stands for `{}`, as for `create`.

        Raises:
            InstanceNotFound: There is no such instance.
            StepNotFound: Its history has no such step.
            InstanceAlreadyExists: The id is taken.
            InvalidInstanceId: The id breaks the rule.
            InvalidPayload: The params do not fit the workflow's model.
            RateLimited: Too many instances have been created in this second.
            SerializationError: The params hold something that cannot be stored.
            PayloadTooLarge: The params are too big.
            ValueError: `from_step` has none of these forms.
        """
        client, workflow = self._client, self.workflow
        key = None if from_step is None else check_from_step(from_step)
        new_id = str(uuid4()) if id is None else check_instance_id(id)
        data = None if params is UNSET else self._encoded(params)
        client.rates.take(workflow)
        forked = fork(
            client.catalog, workflow, self.id, new_id, params=data, from_step=key, actor=client.actor,
            due_in=client.settings.renudge,
        )  # fmt: skip
        client.nudge(None, Nudge(forked.key, 1, forked.rev, workflow=workflow, id=new_id))
        return Instance(client, workflow, new_id, forked.version)

    def _encoded(self, params: Any) -> bytes:
        """Other params for a fork, which the class of this instance's version will read."""
        cls = registry.suited(self.workflow, self._client.catalog.version_of(self.workflow, self.id))
        model = None if cls is None else cls.params_model
        return encoded_params(self.workflow, model, params, limit=self._client.settings.max_payload)

    def delete(self) -> None:
        """Remove the instance, without rollback if it runs; its id is free again.

        Raises:
            InstanceNotFound: There is no such instance.
        """
        moved = self._client.steering.delete(self.workflow, self.id, actor=self._client.actor)
        if moved is not None:
            with speaking_of(workflow=self.workflow, instance=self.id):
                self._client.mailbox.forget(moved.key)

    def _go_on(self, moved: Moved | None) -> None:
        """Nudge an instance that has been moved, unless that was its end."""
        if moved is not None and moved.status not in TERMINAL:
            crashpoints.reached(crashpoints.STEERED)
            nudge = Nudge(moved.key, moved.generation, moved.rev, workflow=self.workflow, id=self.id)
            self._client.nudge(None, nudge)

    def subscribe(
        self, cursor: int | None = None, filter: Iterable[str] | None = None, timeout: float | None = None
    ) -> Subscription:
        """What happens to the instance, as events in their order: first those of the past, then each as it comes.

        Args:
            cursor: Only events with a greater `eventId`; None, or 0, for all.
            filter: Only events of these types, such as `["step_completed"]`.
            timeout: Seconds to wait for an event; after that TimeoutError. None waits for ever.

        Returns:
            An iterator that ends after the event with which the instance ends, and a context manager.

        Raises:
            InvalidSubscription: Cursor or filter cannot be used.
            InstanceNotFound: There is no such instance.
        """
        feed = self.feed(cursor, filter)
        feed.find()
        return Subscription(feed, timeout)

    def feed(self, cursor: int | None, filter: Iterable[str] | None) -> Feed:
        """What a subscription reads.

        Raises:
            InvalidSubscription: Cursor or filter cannot be used.
        """
        return Feed(self._client.catalog, self.workflow, self.id, cursor=cursor, filter=filter)

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
