"""Errors of steps and their attempts, and of rules that `run` broke: they end up in the journal."""

from __future__ import annotations

_TEXT = 1_990
"""Characters of a message that explains itself."""

_NAMES = 200
"""Characters of the names of steps in a sentence."""


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

    def __init__(self, seconds: float, of: str = "") -> None:
        super().__init__(f"Execution timed out after {seconds * 1000:.0f}ms")
        self.seconds = seconds
        if of:
            self.add_note(f"It was {of}.")


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
        asked: What the code asks for instead, in the same way.
    """

    def __init__(self, recorded: list[str], asked: list[str], explanation: str = "") -> None:
        text = (
            f"The journal and the code do not fit. Recorded, and not asked for: {_some(recorded)}. Asked for instead: "
            f"{_some(asked) or 'nothing, or the end of run'}. Was `run` changed under this instance (give the class a "
            f"new version= with such changes), does it depend on time, randomness or I/O outside a step, on the order "
            f"of a set, or on the names of steps built from such? Resume the instance when the code fits again, or "
            f"restart it."
        )
        super().__init__(f"{text}\n\n{explanation}"[:_TEXT] if explanation else text)
        self.recorded, self.asked = recorded, asked


def _some(names: list[str]) -> str:
    """The first names of a list, as far as they are not too long."""
    shown = names[:10]
    while len(shown) > 1 and sum(map(len, shown)) > _NAMES:
        shown.pop()
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return ", ".join(name if len(name) <= _NAMES else f"{name[:_NAMES]}…" for name in shown) + more


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
