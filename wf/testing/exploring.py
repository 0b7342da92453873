"""Explore a workflow: run it in many orders of events, with crashes and failures, and check what must always hold.

Hypothesis draws what happens next, and shrinks what fails to the shortest story that still fails.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wf.errors import WfError
from wf.testing.stories import Story, Theatre

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wf.testing.fates import Choose
    from wf.testing.modifier import Modifier
    from wf.testing.workbench import Binding, Workbench

EXAMPLES = 50
"""Runs of a workflow in one exploration, besides those that make a failure shorter."""

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


class ExtraMissing(WfError, ImportError):
    """A library is not installed that this part of the testing API needs."""

    code = "testing.extra_missing"


def explore(
    workflow: Binding,
    *,
    check: Callable[[Explored], Any],
    bench: Workbench,
    params: Any = None,
    events: Sequence[Mapping[str, Any]] = (),
    before: Callable[[], Any] | None = None,
    modify: Callable[[Modifier], Any] | None = None,
    crashes: int = 1,
    failures: int = 1,
    late_events: bool = False,
    examples: int = EXAMPLES,
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
        examples: How many runs.
        seed: Of the choices: the same ones each time. None for others each time.

    Returns:
        How many runs were checked.

    Raises:
        ExplorationFailed: A run does not pass the check.
        ExtraMissing: hypothesis is not installed.
        ValueError: `examples`, `crashes` or `failures` is negative or no number.
    """
    for name, number in {"examples": examples, "crashes": crashes, "failures": failures}.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < (name == "examples"):
            raise ValueError(f"explore({name}=) is a number of {'at least 1' if name == 'examples' else '0 or more'}.")
    name = bench.workflow(workflow).name
    checked, last = 0, None
    with Theatre(
        bench, name, params, list(events), modify=modify, crashes=crashes, failures=failures, late_events=late_events
    ) as theatre:

        def one(choose: Choose, plain: Explored | None) -> Explored:
            nonlocal checked, last
            if before is not None:
                before()
            run = last = _told(theatre.play(choose), plain)
            checked += 1
            check(run)
            return run

        try:
            plain = one(_first, None)
            _many(lambda choose: one(choose, plain), examples - 1, seed)
        except Exception as error:
            if last is None:  # not the workflow: `before`, or the engine itself
                raise
            raise ExplorationFailed(name, last, error) from error
    return checked


def _told(story: Story, plain: Explored | None) -> Explored:
    return Explored(story.id, story.status, story.output, story.error, story.lines, plain)


def _first(things: Sequence[Any]) -> Any:
    return things[0]


def _many(one: Callable[[Choose], Any], examples: int, seed: int | None) -> None:
    """Let hypothesis play it so many times."""
    if not examples:
        return
    try:
        import hypothesis  # noqa: PLC0415  (an extra, and slow)
    except ImportError:
        raise ExtraMissing('explore() needs hypothesis: run `pip install "celery-wf[testing]"`.') from None

    numbers = hypothesis.strategies.integers

    @hypothesis.settings(
        max_examples=examples, deadline=None, database=None, print_blob=False, derandomize=False,
        verbosity=hypothesis.Verbosity.quiet,  # the story is told by us; its drawn numbers mean nothing to anybody
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink], report_multiple_bugs=False,
    )  # fmt: skip
    @hypothesis.given(hypothesis.strategies.data())
    def played(data: hypothesis.strategies.DataObject) -> None:
        def choose(things: Sequence[Any]) -> Any:
            return things[0] if len(things) == 1 else things[data.draw(numbers(0, len(things) - 1))]

        one(choose)

    (played if seed is None else hypothesis.seed(seed)(played))()
