"""Errors of the clients: instances, events, payloads, batches."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any


class WfError(Exception):
    """An error of celery-wf that callers may want to handle.

    Attributes:
        code: Stable text that names the kind of error; REST and the command line show it.
    """

    code = "wf.error"


class InstanceNotFound(WfError):
    """There is no instance with this id."""

    code = "instance.not_found"

    def __init__(self, workflow: str, id: str) -> None:
        super().__init__(f"Workflow {workflow!r} has no instance {id!r}. Was its transaction committed?")
        self.workflow, self.id = workflow, id


class InstanceAlreadyExists(WfError):
    """An instance with this id exists and is still retained."""

    code = "instance.already_exists"

    def __init__(self, workflow: str, id: str) -> None:
        super().__init__(
            f"Workflow {workflow!r} already has an instance {id!r}. Choose another id, or pass "
            f'if_exists="return" to get the existing one.'
        )
        self.workflow, self.id = workflow, id


class InstanceFinished(WfError):
    """The instance has ended and takes no more events."""

    code = "instance.finished"

    def __init__(self, workflow: str, id: str, status: str) -> None:
        super().__init__(f"Instance {id!r} of workflow {workflow!r} is {status} and takes no events.")
        self.workflow, self.id, self.status = workflow, id, status


class InstanceTerminated(WfError):
    """The instance was terminated, so it has no result."""

    code = "instance.terminated"

    def __init__(self, workflow: str, id: str) -> None:
        super().__init__(f"Instance {id!r} of workflow {workflow!r} was terminated and has no result.")
        self.workflow, self.id = workflow, id


class InvalidInstanceId(WfError):
    """The instance id breaks the rule for ids."""

    code = "instance.invalid_id"

    def __init__(self, id: object, rule: str | None = None) -> None:
        rule = rule or "use 1 to 100 letters, digits, '-' or '_', and do not begin with '-'"
        super().__init__(f"Instance id {id!r:.120} is invalid: {rule}.")
        self.id = id


class InvalidTransition(WfError):
    """The instance's status does not allow this action."""

    def __init__(self, workflow: str, id: str, status: str, action: str) -> None:
        super().__init__(f"Cannot {action} instance {id!r} of workflow {workflow!r}: it is {status}.")
        self.workflow, self.id, self.status, self.action = workflow, id, status, action
        self.code = f"instance.cannot_{action}"


class InvalidSubscription(WfError):
    """A feed was asked for in a way that makes no sense."""

    code = "subscription.invalid"


class StepNotFound(WfError):
    """The history of the instance has no such step, so it cannot be restarted from there."""

    code = "instance.cannot_restart"

    def __init__(self, name: str, count: int, kind: str) -> None:
        super().__init__(
            f'Step "{name}" not found in execution history ({kind}, occurrence {count}). Nothing was changed; describe '
            f"the instance to see its steps."
        )
        self.name, self.count, self.kind = name, count, kind


class StepOutputNotFound(WfError):
    """The instance has no such step, or the step had no such attempt."""

    code = "step.not_found"

    def __init__(
        self, workflow: str, id: str, step: str | int, type: str | None = None, attempt: int | None = None
    ) -> None:
        which = f"step number {step}" if isinstance(step, int) else f"step {step!r} ({type})"
        which = which if attempt is None else f"attempt {attempt} of {which}"
        super().__init__(
            f"Instance {id!r} of workflow {workflow!r} has no {which:.200}. Describe the instance to see its steps; "
            f"a name has its counter, as in 'upload-1'."
        )
        self.workflow, self.id, self.step, self.type, self.attempt = workflow, id, step, type, attempt


class InvalidEventType(WfError):
    """The event type breaks the rule for event types."""

    code = "workflow.invalid_event_type"

    def __init__(self, type: object) -> None:
        super().__init__(
            f"Event type {type!r:.120} is invalid: use 1 to 100 letters, digits, '-' or '_', "
            f"and do not begin with '-' (a dot is not allowed)."
        )
        self.type = type


class WorkflowNotFound(WfError):
    """No workflow of this name is known."""

    code = "workflow.not_found"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name, self.known = name, sorted(known)
        near = get_close_matches(name, self.known, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        there = ", ".join(map(repr, self.known[:10])) or "none; start a worker with its module first"
        there += f", and {len(self.known) - 10} more" if len(self.known) > 10 else ""
        super().__init__(f"There is no workflow {name!r}.{hint} Known workflows: {there}.")


class PayloadTooLarge(WfError):
    """A payload, result or event is larger than the limit."""

    code = "payload.too_large"

    def __init__(self, what: str, size: int, limit: int) -> None:
        super().__init__(
            f"{what} is {size:,} bytes; the limit is {limit:,} (WF_MAX_PAYLOAD). "
            f"Store it elsewhere and pass a reference."
        )
        self.what, self.size, self.limit = what, size, limit


class SerializationError(WfError):
    """A value cannot be stored in the journal.

    Attributes:
        path: Where in the value the trouble is, such as `$.files[3].handle`.
    """

    code = "payload.not_serialisable"

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"The value at {path} cannot be stored: {problem}")
        self.path, self.problem = path, problem


class InvalidPayload(WfError, ValueError):
    """A payload does not fit the model of its workflow, or of its event.

    Attributes:
        workflow: The workflow.
        event: The type of the event, if it is the payload of one.
        errors: What is wrong, as pydantic tells it: `type`, `loc` and `msg` of each fault; no values.
    """

    code = "payload.invalid"

    def __init__(
        self, workflow: str, model: str, errors: Sequence[Mapping[str, Any]], event: str | None = None
    ) -> None:
        self.workflow, self.model, self.errors = workflow, model, [dict(error) for error in errors]
        self.event = event
        what = "The payload" if event is None else f"The payload of event {event!r}"
        faults = [f"{'.'.join(map(str, error['loc'])) or 'the payload'}: {error['msg']}" for error in self.errors]
        more = f"; and {len(faults) - 10} more" if len(faults) > 10 else ""
        super().__init__(f"{what} of workflow {workflow!r} does not fit {model}: {'; '.join(faults[:10])}{more}.")


class InvalidBatch(WfError, ValueError):
    """A batch cannot be done as it was given; nothing of it was done."""

    code = "batch.invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}. Nothing of the batch was done.")


class JobActive(WfError):
    """A job of the same kind is at work already.

    Attributes:
        job: Its id.
    """

    code = "job.already_running"

    def __init__(self, workflow: str, action: str, job: int) -> None:
        super().__init__(
            f"Job {job} is at work already: {action} instances of workflow {workflow!r}. Wait until it has ended, or "
            f"cancel it first."
        )
        self.workflow, self.action, self.job = workflow, action, job


class JobNotFound(WfError):
    """There is no job with this id."""

    code = "job.not_found"

    def __init__(self, job: int) -> None:
        super().__init__(f"There is no job {job}. List the jobs to see which there are.")
        self.job = job


class RateLimited(WfError):
    """Too many instances were created or restarted within a second; this wish was not carried out.

    Attributes:
        workflow: The workflow.
        limit: Instances per second.
        retry_after: Seconds until the same wish can succeed.
    """

    code = "rate_limited"

    def __init__(self, workflow: str, limit: float, retry_after: float, setting: str) -> None:
        super().__init__(
            f"Workflow {workflow!r}: instances may be created or restarted {limit:g} times per second ({setting}). "
            f"Nothing was done; try again in {retry_after:.2g} s."
        )
        self.workflow, self.limit, self.retry_after, self.setting = workflow, limit, retry_after, setting


class TokenExists(WfError):
    """A token of this name exists and has not been revoked."""

    code = "token.already_exists"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is a token {name!r} already. Choose another name, or revoke that one first.")
        self.name = name


class TokenNotFound(WfError):
    """There is no token of this name."""

    code = "token.not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no token {name!r:.120}. `wf tokens list` shows those that there are.")
        self.name = name


class InvalidToken(WfError, ValueError):
    """A token cannot be made as it was asked for."""

    code = "token.invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}. No token was made.")
