"""Explore a workflow: run it in many orders of events, with crashes and failures, and check what must always hold.

Hypothesis draws what happens next, and shrinks what fails to the shortest story that still fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wf.codec import encode
from wf.core.names import check_event_type
from wf.errors import InvalidEventType, SerializationError, WfError
from wf.testing.modifier import InvalidModification
from wf.testing.stories import LENGTH, Theatre
from wf.testing.trials import LEAST, UNSTEADY, Trials

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.testing.fates import Choose
    from wf.testing.modifier import Modifier
    from wf.testing.workbench import Binding, Workbench

EXAMPLES = 50
"""Runs of a workflow in one exploration, besides those that make a failure shorter."""

_EVENT = '{"type":, "payload":}'

__tracebackhide__ = True  # of what fails here pytest shows the line of the test


@dataclass(frozen=True)
class Explored:
    """One run of the workflow, as `check` is told of it.

    Attributes:
        id: The instance.
        status: How it ended.
        output: What `run` returned, or None.
        error: What it failed with, or None.
        story: What happened, a sentence for each thing.
        plain: The run in which nothing went wrong, with the events as early as can be; of that run itself None.
    """

    id: str
    status: str
    output: Any
    error: BaseException | None
    story: list[str] = field(repr=False)
    plain: Explored | None = field(default=None, repr=False)


class ExplorationFailed(WfError, AssertionError):
    """A workflow does not keep what `check` asks of it. The message tells the shortest story that was found.

    Attributes:
        run: That run.
    """

    code = "testing.exploration_failed"

    def __init__(self, workflow: str, run: Explored, cause: BaseException) -> None:
        told = "\n".join(f"  {number:3}. {line}" for number, line in enumerate(run.story, 1))
        super().__init__(
            f"Workflow {workflow!r} does not pass its check: {type(cause).__name__}: {cause}\n"
            f"The shortest way there that was found; it ended {run.status}:\n{told}"
        )
        self.run = run


def explore(
    workflow: Binding,
    *,
    check: Callable[[Explored], Any],
    bench: Workbench,
    params: Any = None,
    events: Iterable[Mapping[str, Any]] = (),
    before: Callable[[], Any] | None = None,
    modify: Callable[[Modifier], Any] | None = None,
    crashes: int = 1,
    failures: int = 1,
    late_events: bool = False,
    examples: int = EXAMPLES,
    length: int = LENGTH,
    seed: int | None = 0,
) -> int:
    """Run a workflow many times, each time in another order of things, and check each run.

    What differs: which of several steps that are ready comes first, on which of two workers, whether that one remembers
    the instance or replays it; when each event arrives; which messages come twice or are lost; which attempts end with
    their worker, before, in the middle of or after their callback; which fail, before or after their callback has done
    its work. Time passes by itself, at once. Nothing runs at the same time as something else.

    Args:
        workflow: Its name or class.
        check: Is called after each run and raises, as by `assert`, if something does not hold that always should.
        bench: The engine; `wf.explore` fills it in.
        params: Of each instance.
        events: `{"type":, "payload":}` each, sent in this order, at any time.
        before: Is called before each run, to reset what the steps act on.
        modify: Changes each instance, as for `introspect(...).modify_all`.
        crashes: Attempts of one step that may lose their worker.
        failures: Attempts of one step that may fail where it would succeed; as many as its retries allow, at most.
        late_events: Whether time may also pass while an event is still to come, so that waits time out.
        examples: How many runs. Once one has failed, as many more (50 at least) may make it shorter.
        length: Things that may happen in one run; an instance that has not ended by then is taken for endless.
        seed: Of the choices: the same ones each time. None for others each time.

    Returns:
        How many runs were checked.

    Raises:
        ExplorationFailed: A run does not pass the check.
        EndlessStory: An instance does not come to an end.
        ExtraMissing: hypothesis is not installed.
        InvalidModification: One of the events cannot be sent.
        ValueError: `examples`, `length`, `crashes` or `failures` is too small or no number.
        TypeError: `check` is no function.
        Exception: Whatever `before` or `modify` raises.
    """
    _check_arguments(check, examples=examples, length=length, crashes=crashes, failures=failures)
    given = _checked(events)
    name, plain = bench.workflow(workflow).name, None

    def run(choose: Choose) -> Explored:
        if before is not None:
            before()
        story = theatre.play(choose)
        return Explored(story.id, story.status, story.output, story.error, story.lines, plain)

    trials = Trials(run, check, max(LEAST, examples))
    theatre = Theatre(
        bench, name, params, given, modify=modify, crashes=crashes, failures=failures, late_events=late_events,
        length=length,
    )  # fmt: skip
    with theatre:
        plain = trials.plain()
        if trials.failure is None:
            trials.many(examples - 1, seed)
    if trials.failure is not None:
        failed = ExplorationFailed(name, trials.failure.run, trials.failure.cause)
        if not trials.steady:
            failed.add_note(UNSTEADY)
        raise failed from trials.failure.cause
    return trials.checked


def _check_arguments(check: object, **numbers: object) -> None:
    if not callable(check):
        raise TypeError(f"explore(check=) is a function that is called with each run, not {check!r:.120}.")
    for name, number in numbers.items():
        least = 1 if name in ("examples", "length") else 0
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise ValueError(f"explore({name}=) is a number of {least} or more, not {number!r:.120}.")


def _checked(events: Any) -> list[Mapping[str, Any]]:
    """The events, if each is one that can be sent."""
    if isinstance(events, str | Mapping) or not isinstance(events, Iterable):
        raise InvalidModification(f"explore(events=) is a list of {_EVENT}, not {events!r:.120}.")
    found = list(events)
    for number, event in enumerate(found):
        what = f"explore(events=)[{number}]"
        if not isinstance(event, Mapping) or "type" not in event or set(event) - {"type", "payload"}:
            raise InvalidModification(f"{what} is {_EVENT}, not {event!r:.120}.")
        try:
            check_event_type(event["type"])
            encode(event.get("payload"), what=f"The payload of {what}")
        except (InvalidEventType, SerializationError) as error:
            raise InvalidModification(f"{what} cannot be sent: {error}") from error
    return found
