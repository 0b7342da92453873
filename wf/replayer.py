"""A pass of an instance as the journal holds it: made of its class, fed with its rows. Nothing is written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wf.codec import CodecError, decode
from wf.core import Event, Firing, Limits, Pass
from wf.core.history import ReceivedEvent
from wf.live import Live
from wf.params import payload_model
from wf.views import shown
from wf.workflow import ExecutionContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.core import Request, Step
    from wf.facts import Loaded
    from wf.journal import Journal
    from wf.settings import Settings
    from wf.workflow import WorkflowEntrypoint


class Replayer:
    """Begins passes, for workers and for whoever only wants to know what the code of today would do.

    Args:
        settings: Limits.
        journal: What instances are handed is read there, and whose clock counts.
        env: What workflows find in `self.env`.
    """

    def __init__(self, settings: Settings, journal: Journal, env: Any = None) -> None:
        self.settings = settings
        self._journal, self._env = journal, env

    def replay(
        self, cls: type[WorkflowEntrypoint], found: Loaded, asked: Callable[[Request], None] | None = None
    ) -> Live:
        """Replay an instance from its first line.

        Args:
            cls: The class that runs it.
            found: The instance with all its rows.
            asked: Told of each request of `run`.

        Raises:
            CodecError: A row, or what `run` is handed, cannot be read.
        """
        live = Live(found.instance, self._pass(cls, found, asked), self.settings)
        try:
            live.absorb(found)
        except BaseException:  # nobody else will throw it away
            live.replay.evict()
            raise
        return live

    def _pass(self, cls: type[WorkflowEntrypoint], found: Loaded, asked: Callable[[Request], None] | None) -> Pass:
        instance = found.instance
        given = self._journal.given(instance.key) if found.given is None else found.given
        event = Event(
            payload=_payload(given.params),
            timestamp=datetime.fromtimestamp(instance.created_at, UTC),
            instanceId=instance.id,
            workflowName=instance.workflow,
            schedule=None if given.schedule is None else Firing(given.schedule),
        )
        # What an instance that begins now sees for the time is what the journal will hold for its start.
        at = self._journal.clock.now() if instance.started_at is None else instance.started_at

        def run(event: Event, step: Step) -> Any:  # the constructor is the author's code, too, and fails as `run` does
            if cls.params_model is not None:
                payload = payload_model(instance.workflow, cls.params_model, event.payload)
                event = Event({**event, "payload": payload})
            return cls(ExecutionContext(), self._env).run(event, step)

        def received(event: ReceivedEvent) -> ReceivedEvent:
            if (model := cls.event_models.get(event.type)) is None:
                return event
            payload = payload_model(instance.workflow, model, event.payload, event.type)
            return ReceivedEvent({**event, "payload": payload})

        reading = received if cls.event_models else None
        limits, seed = self._limits(cls), given.seed.bytes
        return Pass(run, event, at=at, limits=limits, seed=seed, received=reading, asked=asked)

    def _limits(self, cls: type[WorkflowEntrypoint]) -> Limits:
        own, settings = cls.workflow_settings.get("limits", {}), self.settings
        return Limits(own.get("steps", settings.max_steps), settings.max_wait, settings.max_retries)


def _payload(params: bytes) -> Any:
    """What `run` is handed as its payload."""
    try:
        return shown(decode(params))
    except CodecError as error:
        raise CodecError(f"Params: {error}") from error
