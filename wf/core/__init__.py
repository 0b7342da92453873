"""The core: replay of `run` on a deterministic event loop.

The core decides, it does not act. A `Pass` is one execution of `run` from its first line. Results that the journal
already holds are fed to it one at a time, in the order in which they were journaled, and the loop runs to quiet
between two. What is then unresolved is exactly what the workflow waits for: `Pass.pending`, or its end:
`Pass.outcome`. Whether an entry was journaled a year ago or a moment ago makes no difference, so live and replayed
executions are the same code.

Because order of feeding is the only order there is, `gather`, `wait`, `as_completed`, `TaskGroup`, timeouts and races
see on every replay what they saw live. Steps are known by (kind, name, occurrence), never by position, and the
counters start at one in every pass.
"""

from wf.core.history import Event, Firing, Key, Kind, Request, Result, Rollback
from wf.core.limits import Limits
from wf.core.loop import CoreLoop
from wf.core.replay import Completed, Failed, Outcome, Pass
from wf.core.retry import StepConfig
from wf.core.step import Step

__all__ = [
    "Completed",
    "CoreLoop",
    "Event",
    "Failed",
    "Firing",
    "Key",
    "Kind",
    "Limits",
    "Outcome",
    "Pass",
    "Request",
    "Result",
    "Rollback",
    "Step",
    "StepConfig",
]
