"""One run of a workflow in which somebody else decides what happens next: who works, what crashes, when events come.

Everything is done on one thread, so a story with the same decisions is the same story.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from structlog.testing import capture_logs

from wf.client import Client
from wf.database import Database
from wf.errors import WfError
from wf.sql import statements
from wf.status import TERMINAL
from wf.testing.clock import MovableClock
from wf.testing.fates import Fates
from wf.testing.looks import Looks
from wf.testing.messages import Messages
from wf.testing.mocked import MockedEvents
from wf.testing.modifier import apply
from wf.testing.stage import WorkerCrash
from wf.workflow import registry
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wf.dispatch import Nudge
    from wf.testing.fates import Choose
    from wf.testing.modifier import Modifier
    from wf.testing.workbench import Workbench

START = 4_000_000_000.0
"""When each story begins, in seconds since the epoch: what a workflow sees of time is the same each time, too."""

SEED = UUID(int=1)
"""Of `step.random()` and `step.uuid4()`, for the same reason."""

ID = "explored"
"""Of the instance."""

LENGTH = 500
"""Things that may happen in one story."""

TOLD = 10
"""Lines of a story that has no end which are told."""

WORKERS = 2

_TIME = object()
"""Nothing happens but that time passes."""

_ONCE, _TWICE, _LOST, _FORGETS = "once", "twice", "lost", "forgets"
_WAYS = (_ONCE,) * 6 + (_TWICE, _LOST, _FORGETS)
"""What may become of a nudge."""


class EndlessStory(WfError):
    """An instance does not come to its end. The message tells what happened last, and what it waits for."""

    code = "testing.endless_story"


class Story:
    """What happened in one run.

    Attributes:
        id: The instance.
        status: How it ended.
        output: What `run` returned, or None.
        error: What it failed with, or None.
        lines: A sentence for each thing that happened.
    """

    def __init__(self) -> None:
        self.id, self.status = ID, ""
        self.output: Any = None
        self.error: BaseException | None = None
        self.lines: list[str] = []
        self._waited = 0.0

    def waits(self, seconds: float) -> None:
        """Time passes, and nothing else happens."""
        self._waited += seconds

    def tell(self, line: str) -> None:
        """Something happens."""
        self.end()
        self.lines.append(line)

    def end(self) -> None:
        """Nothing more happens; what time has passed is told."""
        if self._waited:
            self.lines.append(f"{self._waited:g} s pass")
            self._waited = 0.0


class _Lasting(Database):
    """Connections that outlive the workers that use them: none of them holds anything of its worker's."""

    def close(self) -> None:
        """Stay open, whoever is done with them."""

    def shut(self) -> None:
        """Close them."""
        super().close()


class Theatre:
    """Plays stories of one workflow, one after the other; the journal of the test is empty before each.

    Args:
        bench: The engine whose servers are used; its own workers must have nothing to do.
        workflow: Which workflow.
        params: Of each instance.
        events: What is sent to it, in this order.
        modify: Changes each instance.
        crashes: Attempts of one step that may lose their worker.
        failures: Attempts of one step that may fail for no reason of its own.
        late_events: Whether time may pass while an event is still to come.
        length: Things that may happen in one story.
    """

    def __init__(
        self, bench: Workbench, workflow: str, params: Any, events: Sequence[Mapping[str, Any]],
        *, modify: Callable[[Modifier], Any] | None, crashes: int, failures: int, late_events: bool, length: int,
    ) -> None:  # fmt: skip
        self._workflow, self._params, self._events, self._modify = workflow, params, events, modify
        self._late, self._length = late_events, length
        self._bench, self._sql, self._opened = bench, statements(), ExitStack()
        self._settings = bench.settings.model_copy(update={"queue": "explored"})
        self._clock = MovableClock()
        self._messages = Messages(self._settings, self._clock)
        self._taker = self._messages.taker()
        self._client = Client(settings=self._settings, clock=self._clock)
        self._looks = Looks(self._client.database)
        self._fates = Fates(crashes=crashes, failures=failures, max_lost=self._settings.max_lost)
        self._mocked = MockedEvents(self._client.database, self._fates)
        self._database = _Lasting(self._settings)
        self._workers: list[Runtime] = []

    def play(self, choose: Choose) -> Story:
        """Play a story to its end.

        Args:
            choose: Picks one of several things; the first one is the plainest.

        Raises:
            EndlessStory: It comes to none.
        """
        story, instance = self._begin(choose)
        left, pending = list(self._events), list[Any]()
        for _ in range(self._length):
            found = self._looks.instance(self._workflow, ID)
            if found is None or found.status in TERMINAL:
                break
            while (nudge := self._taker.try_take()) is not None:
                pending.append(nudge)
                self._taker.done()
            things: list[Any] = [*left[:1], *pending]
            if not pending and (self._late or not left):
                things.append(_TIME)
            thing = choose(things)
            if thing is _TIME:
                self._pass_time(story)
            elif left and thing is left[0]:
                event = left.pop(0)
                story.tell(f"event {event['type']!r} arrives")
                instance.send_event(event["type"], event.get("payload"))
            else:
                self._deliver(thing, pending, choose, story)
        else:
            raise self._endless(
                story,
                f"The instance has not ended after {self._length} things that happened. Does `run` come to an end? If "
                f"it does, only later, say so with explore(length=).",
            )
        self._end(story)
        return story

    def _begin(self, choose: Choose) -> tuple[Story, Any]:
        self._client.database.rows(self._sql["testing_reset"], {"kept": registry.names()})
        self._messages.clear()
        self._clock.begin(START)
        self._fates.begin(story := Story(), choose)
        if self._modify is not None:
            apply(self._modify, self._fates.changes(self._workflow, ID))
        instance = self._client.workflow(self._workflow).create(ID, self._params)
        self._client.database.rows(self._sql["testing_seed"], {"workflow": self._workflow, "id": ID, "seed": SEED})
        return story, instance

    def _deliver(self, nudge: Nudge, pending: list[Nudge], choose: Choose, story: Story) -> None:
        """Give a nudge to a worker, or not, or twice."""
        way, number = choose(_WAYS), choose(range(WORKERS))
        if way != _TWICE:
            pending.remove(nudge)
        if way == _LOST:
            story.tell("a message is lost")
            return
        if way == _TWICE:
            story.tell("a message comes twice")
        if way == _FORGETS:
            story.tell(f"worker {number + 1} forgets the instance, and replays it")
            self._workers[number].engine.passes.clear()
        self._fates.worker = number + 1
        try:
            self._workers[number].engine.advance(nudge)
        except WorkerCrash:
            self._workers[number].close()
            self._workers[number] = self._worker()
        for event in self._mocked.owed(nudge.key):
            story.tell(f"event {event.type!r} arrives")
            instance = self._client.workflow(event.workflow).get(event.id)
            instance.send_event(event.type, event.payload, event_id=event.event_id)

    def _pass_time(self, story: Story) -> None:
        """Nothing is to be done now: go to when something is."""
        due = self._client.database.rows(self._sql["testing_due"], {})[0][0]
        at = min((each for each in (due, self._messages.next_at()) if each is not None), default=None)
        if at is None:
            raise self._endless(story, "Nothing will ever happen any more; the instance is paused, or nobody wakes it.")
        if (seconds := at - self._clock.now()) > 0:
            story.waits(seconds)
            self._clock.set(at)
        self._messages.release()
        self._workers[0].alarm.wake()

    def _end(self, story: Story) -> None:
        instance = self._client.workflow(self._workflow).get(ID)
        story.end()
        story.status = instance.status().status
        try:
            story.output = instance.result(timeout=0)
        except Exception as error:  # what `run` failed with, whatever it is
            story.error = error

    def _endless(self, story: Story, why: str) -> EndlessStory:
        story.end()
        first = max(len(story.lines) - TOLD, 0)
        last = [f"  {number:3}. {line}" for number, line in enumerate(story.lines[first:], first + 1)]
        found = self._looks.instance(self._workflow, ID)
        waits = [] if found is None else self._looks.open(found.key, self._clock.now())
        parts = {"What happened last:": last, "What it waits for:": [f"  {wait}" for wait in waits]}
        return EndlessStory("\n".join([why, *("\n".join([title, *told]) for title, told in parts.items() if told)]))

    def _worker(self) -> Runtime:
        made = Runtime(
            self._settings, self._clock, dispatcher=self._messages, database=self._database, interceptor=self._fates
        )
        made.environment.load()
        return made

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            opened.enter_context(capture_logs())  # what is arranged here is no news
            if self._bench.clock.flows:
                self._bench.time.freeze()  # else its own workers would find what is due here
                opened.callback(self._bench.time.flow)
            for part in (self._messages.shut, self._taker.close, self._client.close, self._database.shut):
                opened.callback(part)
            opened.callback(self._close_workers)
            self._bench.settle()
            self._client.database.rows(self._sql["testing_unschedule"], {})
            for _ in range(WORKERS):
                self._workers.append(self._worker())
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def _close_workers(self) -> None:
        for worker in self._workers:
            worker.close()
