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
    |-- StepOutputNotFound           step.not_found: no such step or attempt to show
    |-- InvalidEventType             workflow.invalid_event_type
    |-- WorkflowNotFound             workflow.not_found, names the known ones
    |-- PayloadTooLarge              names the size and the limit
    |-- SerializationError           names the path to the value that cannot be stored
    |-- InvalidPayload               payload.invalid, names the fields that do not fit the model
    |-- InvalidBatch                 batch.invalid, nothing of the batch was done
    |-- JobActive                    job.already_running, names the job
    |-- JobNotFound                  job.not_found
    |-- TokenNotFound                token.not_found
    |-- TokenExists                  token.already_exists
    |-- InvalidToken                 token.invalid, no token was made
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

from wf.errors.clients import (
    InstanceAlreadyExists,
    InstanceFinished,
    InstanceNotFound,
    InstanceTerminated,
    InvalidBatch,
    InvalidEventType,
    InvalidInstanceId,
    InvalidPayload,
    InvalidSubscription,
    InvalidToken,
    InvalidTransition,
    JobActive,
    JobNotFound,
    PayloadTooLarge,
    RateLimited,
    SerializationError,
    StepNotFound,
    StepOutputNotFound,
    TokenExists,
    TokenNotFound,
    WfError,
    WorkflowNotFound,
)
from wf.errors.servers import (
    BrokerUnavailable,
    JournalBusy,
    JournalRefused,
    JournalUnavailable,
    SchemaMismatch,
)
from wf.errors.signals import (
    AttemptStopped,
    Evicted,
    Signal,
)
from wf.errors.steps import (
    NestedStepError,
    NonDeterminismError,
    NonRetryableDelayError,
    NonRetryableError,
    OutsideStepError,
    RestlessRunError,
    RollbackMissing,
    RollbackPhaseError,
    RuleError,
    StateLimitError,
    StepAfterEndError,
    StepError,
    StepLimitError,
    StuckRunError,
    WorkerLostError,
    WorkflowTimeoutError,
)

__all__ = [
    "AttemptStopped",
    "BrokerUnavailable",
    "Evicted",
    "InstanceAlreadyExists",
    "InstanceFinished",
    "InstanceNotFound",
    "InstanceTerminated",
    "InvalidBatch",
    "InvalidEventType",
    "InvalidInstanceId",
    "InvalidPayload",
    "InvalidSubscription",
    "InvalidToken",
    "InvalidTransition",
    "JobActive",
    "JobNotFound",
    "JournalBusy",
    "JournalRefused",
    "JournalUnavailable",
    "NestedStepError",
    "NonDeterminismError",
    "NonRetryableDelayError",
    "NonRetryableError",
    "OutsideStepError",
    "PayloadTooLarge",
    "RateLimited",
    "RestlessRunError",
    "RollbackMissing",
    "RollbackPhaseError",
    "RuleError",
    "SchemaMismatch",
    "SerializationError",
    "Signal",
    "StateLimitError",
    "StepAfterEndError",
    "StepError",
    "StepLimitError",
    "StepNotFound",
    "StepOutputNotFound",
    "StuckRunError",
    "TokenExists",
    "TokenNotFound",
    "WfError",
    "WorkerLostError",
    "WorkflowNotFound",
    "WorkflowTimeoutError",
]
