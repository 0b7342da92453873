"""The recorded instances: what each was in the middle of, and what it must come to when today's code goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.histories import workflows as w
from tests.histories.values import VALUES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support import Rig
    from wf.instance import Instance
    from wf.workflow import WorkflowEntrypoint

    Act = Callable[[Rig, Instance], object]


@dataclass(frozen=True)
class Story:
    """An instance.

    Attributes:
        id: Its id; says what it was in the middle of.
        cls: What it runs.
        recorded: Its status in the recording.
        params: What it was created with.
        before: What was done until it was recorded, after it had begun to run.
        held: Whether a callback was running when it was recorded; nobody has heard of its worker since.
        begins: Whether anybody ran it at all.
        after: What is done when today's code has taken over.
        status: How it must end.
        output: What it must give.
        error: The name of the error with which it must end.
        rest: Callbacks that today's code must run, and no others, in any order.
    """

    id: str
    cls: type[WorkflowEntrypoint]
    recorded: str
    params: Any = None
    before: Sequence[Act] = ()
    held: bool = False
    begins: bool = True
    after: Sequence[Act] = ()
    status: str = "complete"
    output: Any = None
    error: str | None = None
    rest: Sequence[str] = ()


def send(type: str, payload: Any = None) -> Act:
    """Send an event."""
    return lambda _, instance: instance.send_event(type, payload)


def passing(seconds: float) -> Act:
    """Let time pass, and whatever is due then happen."""
    return lambda rig, _: rig.pass_time(seconds)


def pause(_: Rig, instance: Instance) -> None:
    """Pause it."""
    instance.pause()


def resume(_: Rig, instance: Instance) -> None:
    """Let it go on."""
    instance.resume()


def restart(_: Rig, instance: Instance) -> None:
    """Begin anew."""
    instance.restart()


def terminate(_: Rig, instance: Instance) -> None:
    """End it."""
    instance.terminate()


GO = (send("word", "go"),)
KEPT = tuple(VALUES)
MEMBER = {"city": "Köln", "since": datetime(2020, 2, 29, tzinfo=UTC)}

STORIES = (
    # Those for which time has to pass come first: nobody else is there yet whom it could wake.
    Story("by-schedule", w.Yearly, "waiting", after=GO, output=["0 9 15 1 *", "go", True], rest=["keep"]),
    Story("retry-ended", w.Retry, "complete", before=[passing(3601), passing(3601)], output=3),
    Story(
        "sleep-middle", w.Sleep, "waiting", 86_400.0, [passing(1.5), passing(1.5)], output="awake", rest=["after"],
    ),
    # Ended ones: they are only read.
    Story("steps-ended", w.Steps, "complete", output=[True, None, 1]),
    Story("refused-ended", w.Refused, "errored", status="errored", error="RefusedError"),
    Story("undo-ended", w.Undo, "errored", status="errored", error="NonRetryableError"),
    Story("terminated", w.Race, "terminated", before=[terminate], status="terminated"),
    # Those in flight.
    Story("queued", w.Steps, "queued", begins=False, output=[True, None, 1], rest=[*KEPT, "last"]),
    Story("steps-middle", w.Steps, "waiting", params=1, after=GO, output=[True, "go", 1], rest=["last"]),
    Story("retry-middle", w.Retry, "waiting", output=3, rest=["work 2", "work 3"]),
    Story(
        "refused-caught", w.Refused, "waiting", params=1, after=GO, output=[7, "order 7 refused", "go"],
    ),
    Story(
        "wait-with-event", w.Wait, "waiting", before=[send("letter", "a"), send("letter", "b"), send("parcel", "c")],
        output=["a", "b", "c"],
    ),
    Story("wait-sent-later", w.Wait, "waiting", before=[send("letter", "a")],
          after=[send("letter", "b"), send("parcel", "c")], output=["a", "b", "c"]),
    Story("wait-timed-out", w.Wait, "waiting", before=[send("letter", "a"), send("parcel", "c")],
          output=["a", "nobody", "c"]),
    Story("parallel", w.Parallel, "waiting", output=["quick", "half", "slept"], rest=["flaky 2", "slept"]),
    Story("race", w.Race, "waiting", after=GO, output=["hare", "go"]),
    Story("dag", w.Dag, "waiting", output=3, rest=["both 2"]),
    Story("undo-middle", w.Undo, "rollingBack", params=1, status="errored", error="NonRetryableError",
          rest=["undo hotel"]),
    Story("transaction", w.Transaction, "waiting", after=GO, output=["booked", "paid"], rest=["paid"]),
    Story("chance", w.Chance, "waiting", after=GO, output=[True, "go"]),
    Story("paused", w.Steps, "paused", params=1, before=[pause], after=[resume, *GO], output=[True, "go", 1],
          rest=["last"]),
    Story("restarted", w.Steps, "waiting", params=1, before=[restart], after=GO, output=[True, "go", 1],
          rest=["last"]),
    Story("restarted-after", w.Steps, "waiting", params=1, after=[restart, *GO], output=[True, "go", 1],
          rest=[*KEPT, "last"]),
    Story("sensitive", w.Sensitive, "waiting", params=MEMBER, after=GO, output=["Köln", True, "go"]),
    # Callbacks of these were running.
    Story("attempt-running", w.Long, "running", held=True, output=2, rest=["work 2"]),
    Story("at-most-once-running", w.Once, "running", held=True, output="asked", rest=["ask a person"]),
    Story("pausing", w.Long, "waitingForPause", before=[pause], held=True, after=[passing(120), resume],
          output=2, rest=["work 2"]),
    Story("narrow-running", w.Narrow, "running", held=True, output=2, rest=["work 2"]),
    Story("narrow-queued", w.Narrow, "queued", output=1, rest=["work 1"]),
)  # fmt: skip
"""In the order in which they were begun."""

BY_ID = {story.id: story for story in STORIES}
"""The same, by id."""
