"""Every error of celery-wf, as one tree.

::

    WfError                          for callers of the clients and commands; `.code` is stable text
    |-- InstanceNotFound             instance.not_found
    |-- InstanceAlreadyExists        instance.already_exists
    |-- InstanceFinished             instance.finished
    |-- InstanceTerminated           raised by `result()` of a terminated instance
    |-- InvalidInstanceId            instance.invalid_id
    |-- InvalidTransition            instance.cannot_<action>
    |-- InvalidSubscription          subscription.invalid: a cursor or filter that no feed has
    |-- StepNotFound                 instance.cannot_restart: no such step in its history
    |-- InvalidEventType             workflow.invalid_event_type
    |-- WorkflowNotFound             workflow.not_found, names the known ones
    |-- PayloadTooLarge              names the size and the limit
    |-- SerializationError           names the path to the value that cannot be stored
    |-- InvalidPayload               payload.invalid, names the fields that do not fit the model
    |-- InvalidBatch                 batch.invalid, nothing of the batch was done
    |-- RateLimited                  rate_limited, too many instances in a second; says when to try again
    |-- JournalUnavailable           Postgres does not answer
    |   |-- JournalBusy              journal.busy, nothing was written; try again
    |   `-- JournalRefused           journal.refused, Postgres answers, and refuses; nothing was written
    |-- BrokerUnavailable            Redis does not answer
    `-- SchemaMismatch               the journal's schema is older or newer than this release

    StepError                        inside `run`: the stand-in for an error whose class cannot be rebuilt
    NonRetryableError                raised by authors: ends the retries of a step
    `-- NonRetryableDelayError       a delay function gave no delay
    WorkflowTimeoutError             an attempt or a wait took too long
    WorkerLostError                  the worker died in too many attempts of a step
    RollbackMissing                  the code of today has no rollback for a step that had one
    RuleError                        a rule of `run` was broken
    |-- OutsideStepError             I/O in `run`: wrap it in step.do
    |-- NestedStepError              a step call inside a step's callback
    |-- StepAfterEndError            a step call after `run` has ended
    |-- RollbackPhaseError           a step call while steps are being undone
    |-- StepLimitError               too many steps in one instance
    |-- StateLimitError              the results of one instance are too big together
    |-- NonDeterminismError          strict: the journal and the code do not fit; the instance is paused
    |-- RestlessRunError             `run` never comes to rest
    `-- StuckRunError                `run` waits for nothing that could come

    Signal (BaseException)           control flow of the engine; let it pass
    |-- Evicted                      this pass of `run` is being thrown away
    `-- AttemptStopped               nobody wants the result of this attempt; `ctx.heartbeat()` raises it
"""

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
    """A payload does not fit the model of its workflow.

    Attributes:
        workflow: The workflow.
        errors: What is wrong, as pydantic tells it: `type`, `loc` and `msg` of each fault; no values.
    """

    code = "payload.invalid"

    def __init__(self, workflow: str, model: str, errors: Sequence[Mapping[str, Any]]) -> None:
        self.workflow, self.model, self.errors = workflow, model, [dict(error) for error in errors]
        faults = [f"{'.'.join(map(str, error['loc'])) or 'the payload'}: {error['msg']}" for error in self.errors]
        more = f"; and {len(faults) - 10} more" if len(faults) > 10 else ""
        super().__init__(f"The payload of workflow {workflow!r} does not fit {model}: {'; '.join(faults[:10])}{more}.")


class InvalidBatch(WfError, ValueError):
    """A batch cannot be done as it was given; nothing of it was done."""

    code = "batch.invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}. Nothing of the batch was done.")


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


class JournalUnavailable(WfError):
    """Postgres does not answer."""

    code = "journal.unavailable"
    _text = "Postgres does not answer ({}). Check WF_DATABASE_URL and that the server is up."

    def __init__(self, reason: object) -> None:
        self.reason = " ".join(str(reason).split()) or type(reason).__name__
        super().__init__(self._text.format(self.reason))


class JournalBusy(JournalUnavailable):
    """Postgres answers, but others are in the way. Nothing was written."""

    code = "journal.busy"
    _text = "The journal is busy: {}. Nothing was written; try again."


class JournalRefused(JournalUnavailable):
    """Postgres answers, and refuses what every journal needs. Nothing was written."""

    code = "journal.refused"
    _text = (
        "Postgres refuses to keep the journal: {}. Nothing was written. Check that the role in WF_DATABASE_URL may "
        "read and write the schema wf, and that the server takes writes and has room."
    )


class BrokerUnavailable(WfError):
    """Redis does not answer."""

    code = "broker.unavailable"

    def __init__(self, reason: object) -> None:
        text = " ".join(str(reason).split()) or type(reason).__name__
        super().__init__(f"Redis does not answer ({text}). Check WF_REDIS_URL and that the server is up.")
        self.reason = text


class SchemaMismatch(WfError):
    """The journal's schema is missing, older or newer than this release needs."""

    code = "journal.schema_mismatch"

    def __init__(self, found: str | None, needed: str) -> None:
        if found is None:
            text = "The journal's schema is missing. Run `wf migrate` once."
        else:
            # Versions are numbered with zeros in front, so that the order of their texts is theirs.
            remedy = "Run `wf migrate`." if found < needed else "Install the release that fits."
            text = f"The journal's schema is at {found!r}, this release needs {needed!r}. {remedy}"
        super().__init__(text)
        self.found, self.needed = found, needed


class StepError(Exception):
    """A step failed with an error whose class cannot be rebuilt here.

    Attributes:
        name: Class name of the original error.
        message: Its message.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}" if message else name)
        self.name, self.message = name, message


class NonRetryableError(Exception):
    """Raise it in a step to end the step's retries at once; subclasses count too.

    Args:
        message: What went wrong.
        name: Name shown for the error.
    """

    def __init__(self, message: str = "", name: str = "NonRetryableError") -> None:
        super().__init__(message)
        self.name = name


class NonRetryableDelayError(NonRetryableError):
    """The function that says how long to wait before the next attempt did not say it, so the step failed.

    Args:
        step: The step with its occurrence, `"<name>-<count>"`.
        reason: What the function did instead.
    """

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f'The delay function for step "{step}" {reason}', "NonRetryableDelayError")
        self.step, self.reason = step, reason


class WorkflowTimeoutError(TimeoutError):
    """An attempt of a step, or a wait for an event, took longer than its timeout."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Execution timed out after {seconds * 1000:.0f}ms")
        self.seconds = seconds


class WorkerLostError(Exception):
    """The worker died in the middle of an attempt, too often to try once more."""

    def __init__(self, step: str, lost: int) -> None:
        super().__init__(
            f"Step {step!r} lost its worker {lost} time(s) in the middle of an attempt (killed, out of memory, or cut "
            f"off from Postgres for longer than WF_LEASE). Look at the worker's log; WF_MAX_LOST sets how often to try."
        )
        self.step, self.lost = step, lost


class RollbackMissing(Exception):
    """A step was begun with a rollback, and the code of today does not bring it back."""

    def __init__(self, step: str) -> None:
        super().__init__(
            f"Rollback function not available in registry: a replay of `run` did not come to step {step!r} with its "
            f"rollback. Was `run` changed under this instance?"
        )
        self.step = step


class RuleError(Exception):
    """A rule of `run` was broken."""


class OutsideStepError(RuleError):
    """`run` tried to do I/O outside a step."""

    def __init__(self, call: str) -> None:
        super().__init__(
            f"`run` called {call} outside a step. `run` is replayed from its first line, so it may not touch the "
            f"outside world: wrap the call in step.do(...)."
        )
        self.call = call


class NestedStepError(RuleError):
    """A step was called inside a step's callback."""

    def __init__(self, step: str) -> None:
        super().__init__(
            f"Step {step!r} was called from inside a step's callback, or from another thread. "
            f"Call steps from `run` only."
        )
        self.step = step


class StepAfterEndError(RuleError):
    """A step was called after `run` had ended."""

    def __init__(self, step: str) -> None:
        super().__init__(f"Step {step!r} was called after `run` had ended. Await every task that calls steps.")
        self.step = step


class RollbackPhaseError(RuleError):
    """A step was called while the steps of its instance are being undone."""

    def __init__(self, step: str) -> None:
        super().__init__(
            f"Cannot execute steps during rollback phase: {step!r} was called. A rollback handler does its work itself."
        )
        self.step = step


class StepLimitError(RuleError):
    """The instance asked for more steps than it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The limit of {limit:,} steps has been reached. Raise limits={{'steps': n}} on the workflow class or "
            f"WF_MAX_STEPS, or split the work over several instances."
        )
        self.limit = limit


class StateLimitError(RuleError):
    """The result of a step is more than its instance may still keep, so the step failed, without a retry."""

    def __init__(self, step: str, size: int, limit: int) -> None:
        super().__init__(
            f"The result of step {step!r} is {size:,} bytes, too many beside the other results of its instance: "
            f"together they may be {limit:,} (WF_MAX_STATE). Store it elsewhere and return a reference."
        )
        self.step, self.size, self.limit = step, size, limit


class NonDeterminismError(RuleError):
    """The journal holds steps that the code does not ask for; a strict workflow is paused by it.

    Attributes:
        recorded: What the journal holds, as `"name-count (kind)"`.
        asked: What the code asks for instead.
    """

    def __init__(self, recorded: list[str], asked: list[str]) -> None:
        super().__init__(
            f"The journal and the code do not fit. Recorded, and not asked for: {', '.join(recorded[:10])}. Asked for "
            f"instead: {', '.join(asked[:10]) or 'nothing, or the end of run'}. Was `run` changed under this instance "
            f"(give the class a new version= with such changes), does it depend on time, randomness or I/O outside a "
            f"step, on the order of a set, or on the names of steps built from such? Resume the instance when the code "
            f"fits again, or restart it."
        )
        self.recorded, self.asked = recorded, asked


class RestlessRunError(RuleError):
    """`run` keeps its event loop busy without ever waiting for a step."""

    def __init__(self, turns: int) -> None:
        super().__init__(f"`run` took {turns:,} turns of its loop without waiting for a step. Is there a busy loop?")
        self.turns = turns


class StuckRunError(RuleError):
    """`run` waits for something that will never come."""

    def __init__(self) -> None:
        super().__init__(
            "`run` waits for something that is neither a step, a sleep nor an event, so nothing can ever wake it. "
            "Is there a bare asyncio.Future, Event or Lock that nobody sets?"
        )


class Signal(BaseException):
    """Control flow of the engine. You see this because your code caught everything.

    Write `except Exception:` instead of `except BaseException:` or a bare `except:`.
    """


class Evicted(Signal):
    """This pass of `run` is being thrown away; its step calls do nothing any more."""


class AttemptStopped(Signal):
    """Nobody wants the result of this attempt any more: let this pass, so that the callback ends."""

    def __init__(self, step: str, instance: str) -> None:
        super().__init__(
            f"This attempt of step {step!r} of instance {instance!r} has been stopped: its time is over, its lease is "
            f"lost, or the instance was terminated, restarted or deleted. Nothing of it will be kept."
        )
        self.step, self.instance = step, instance
