"""Traces for OpenTelemetry, read back from its own SDK: one an instance, whoever works on it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import StatusCode

from tests.support import START, Rig, wait_until
from tests.support.spans import Told, about, ids, parent, seconds
from wf import WorkflowEntrypoint
from wf.clock import ManualClock
from wf.spans import Spans, Trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan

    from wf.settings import Settings

RETRIED = {"retries": {"limit": 1, "delay": 5, "backoff": "constant"}}


class RefusedError(Exception):
    """What a step fails with."""


class Tour(WorkflowEntrypoint, name="traced-tour"):
    """Steps of both colours, one that fails at first, a sleep, a wait, and an end as its params say."""

    async def run(self, event: Any, step: Any) -> Any:
        def fetch(ctx: Any) -> int:
            with trace.get_tracer("author").start_as_current_span(f"GET {ctx.attempt}"):
                if ctx.attempt == 1:
                    raise RefusedError("not yet")
            return 1

        async def store() -> int:
            with trace.get_tracer("author").start_as_current_span("PUT"):
                return 2

        await step.do("fetch", fetch, config=RETRIED)
        await step.sleep("nap", 60)
        await step.do("store", store)
        if event.payload == "fail":
            raise RefusedError("at the end")
        return (await step.wait_for_event("approval", "approved", timeout=600)).payload


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What is exported while the test runs."""
    return Told(monkeypatch)


@pytest.fixture
def crew(settings: Settings) -> Iterator[Rig]:
    """Three workers that keep no pass, so that each replays what the others did."""
    with Rig(settings.model_copy(update={"cache_size": 0}), workers=3) as made:
        yield made


def tour(rig: Rig, id: str = "t-1", params: Any = None) -> None:
    """Up to the wait, each part on another worker; `fetch` fails at its first attempt."""
    rig.create(Tour, id, params)
    rig.settle()
    for pause in (5, 60):
        rig.workers.append(rig.workers.pop(0))
        rig.pass_time(pause)


def root_of(told: Told, name: str = Tour.workflow_name) -> ReadableSpan:
    """The root, if each other span of its trace that we tell of is its child."""
    root = told.one(name)
    for span in told.spans:
        if span.instrumentation_scope is not None and span.instrumentation_scope.name == "wf" and span is not root:
            assert (ids(span)[0], parent(span)) == ids(root), span.name
    assert root.parent is None
    return root


def test_one_trace_over_all_workers(crew: Rig, told: Told) -> None:
    """Attempts and waits are children of the instance, wherever they ran; times and attributes tell what they were."""
    tour(crew)
    crew.clock.advance(30)
    crew.client.workflow(Tour).get("t-1").send_event("approved", "yes")
    crew.settle(1)
    root = root_of(told)
    common = {"workflow": "traced-tour", "instance": "t-1", "version": "1", "generation": 1}
    assert about(root) == common | {"status": "complete"}
    assert seconds(root) == (START, START + 95)
    of_ours = [span for span in told.spans if span is not root and not span.name.startswith(("GET", "PUT"))]
    assert [(span.name, *seconds(span), about(span)) for span in of_ours] == [
        ("fetch", START, START, common | {"step": "fetch-1", "type": "do", "attempt": 1, "status": "retrying"}),
        ("fetch", START + 5, START + 5, common | {"step": "fetch-1", "type": "do", "attempt": 2, "status": "complete"}),
        ("nap", START + 5, START + 65, common | {"step": "nap-1", "type": "sleep", "status": "complete"}),
        (
            "store", START + 65, START + 65,
            common | {"step": "store-1", "type": "do", "attempt": 1, "status": "complete"},
        ),
        (
            "approval", START + 65, START + 95,
            common | {"step": "approval-1", "type": "waitForEvent", "event": "approved", "status": "complete"},
        ),
    ]  # fmt: skip


def test_spans_of_a_callback_are_children_of_its_attempt(crew: Rig, told: Told) -> None:
    """On the worker's thread and on the loop of coroutines alike; after it nothing is current any more."""
    tour(crew)
    first, second = told.named("fetch")
    assert parent(told.one("GET 1")) == ids(first)[1]
    assert parent(told.one("GET 2")) == ids(second)[1]
    assert parent(told.one("PUT")) == ids(told.one("store"))[1]
    assert not trace.get_current_span().get_span_context().is_valid


def test_errors_are_recorded(crew: Rig, told: Told) -> None:
    """That of an attempt, and that of the instance, each with its traceback."""
    tour(crew, params="fail")
    root, (first, second) = root_of(told), told.named("fetch")
    assert (first.status.status_code, first.status.description) == (StatusCode.ERROR, "RefusedError: not yet")
    assert (root.status.status_code, root.status.description) == (StatusCode.ERROR, "RefusedError: at the end")
    assert second.status.status_code is StatusCode.UNSET
    for span in (first, root):
        ((name, attributes),) = [(event.name, event.attributes or {}) for event in span.events]
        assert name == "exception"
        assert "RefusedError" in str(attributes["exception.type"])
        assert "Traceback" in str(attributes["exception.stacktrace"])


def test_a_result_that_cannot_be_stored_is_an_error(rig: Rig, told: Told) -> None:
    """The callback came back; its attempt failed all the same."""

    class Odd(WorkflowEntrypoint, name="traced-odd"):
        async def run(self, event: Any, step: Any) -> Any:
            return await step.do("give", object)

    rig.create(Odd)
    rig.settle()
    span = told.one("give")
    assert about(span)["status"] == "errored"
    assert str(span.status.description).startswith("SerializationError: ")


def test_a_wait_without_its_event_is_an_error(crew: Rig, told: Told) -> None:
    """It ends when its time is over, and so does the instance."""
    tour(crew)
    crew.pass_time(601)
    assert str(told.one("approval").status.description).startswith("WorkflowTimeoutError: ")
    assert str(root_of(told).status.description).startswith("WorkflowTimeoutError: ")


def test_a_lost_attempt_is_told_by_who_finds_it(crew: Rig, told: Told) -> None:
    """From its last sign of life on; the next attempt is beside it."""
    ran: list[int] = []

    class Frail(WorkflowEntrypoint, name="traced-frail"):
        async def run(self, event: Any, step: Any) -> None:
            def work(ctx: Any) -> None:
                ran.append(ctx.attempt)
                if ctx.attempt == 1:
                    raise SystemExit  # on the main thread, that is the order to stop: nothing is recorded

            await step.do("work", work)

    crew.create(Frail)
    with pytest.raises(SystemExit):
        crew.settle(0)
    crew.clock.advance(crew.settings.lease + 1)
    crew.workers[1].alarm.run_once()
    crew.settle(1)
    root_of(told, "traced-frail")
    lost, again = told.named("work")
    assert ran == [1, 2]
    assert [about(span)["attempt"] for span in (lost, again)] == [1, 2]
    assert [about(span)["status"] for span in (lost, again)] == ["lost", "complete"]
    assert seconds(lost) == (START, START + crew.settings.lease + 1)
    assert str(lost.status.description).startswith("WorkerLostError: ")


def test_a_callback_that_takes_too_long_has_one_span(rig: Rig, told: Told) -> None:
    """It ends when its time is over, although the callback comes back later."""
    ended: list[int] = []

    class Slow(WorkflowEntrypoint, name="traced-slow"):
        async def run(self, event: Any, step: Any) -> None:
            def work() -> None:
                wait_until(lambda: told.named("work"), what="its span has ended")
                ended.append(1)

            await step.do("work", work, config={"timeout": 0.2, "retries": {"limit": 0}})

    rig.create(Slow)
    rig.settle()
    assert ended == [1]
    assert about(told.one("work"))["status"] == "errored"
    assert str(told.one("work").status.description).startswith("WorkflowTimeoutError: ")


def test_rollbacks_and_transactions_have_spans(rig: Rig, told: Told) -> None:
    """A handler says what it undoes; the root ends after it."""

    class Undone(WorkflowEntrypoint, name="traced-undone"):
        async def run(self, event: Any, step: Any) -> None:
            await step.do("hold", lambda: 1, rollback=lambda *_: None)
            await step.transaction("book", lambda connection: 1)
            raise RefusedError("no")

    rig.create(Undone)
    rig.settle()
    root_of(told, "traced-undone")
    assert [span.name for span in told.spans] == ["hold", "book", "rollback of hold", "traced-undone"]


def test_a_restart_is_another_trace(crew: Rig, told: Told) -> None:
    """Its root has a link to the one before."""
    tour(crew, params="fail")
    (first,) = told.named(Tour.workflow_name)
    crew.client.workflow(Tour).get("t-1").restart()
    crew.settle()
    for _ in range(3):
        crew.pass_time(61)
    _, second = told.named(Tour.workflow_name)
    assert ids(second)[0] != ids(first)[0]
    assert [(link.context.trace_id, link.context.span_id) for link in second.links] == [ids(first)]
    assert about(second)["generation"] == 2


def test_a_termination_ends_the_root(crew: Rig, told: Told) -> None:
    """Told by whoever terminates, at once; with a rollback by the worker that has done it. Neither is an error."""
    tour(crew)
    crew.clock.advance(30)
    crew.client.workflow(Tour).get("t-1").terminate()
    root = root_of(told)
    assert (about(root)["status"], seconds(root)) == ("terminated", (START, START + 95))
    assert root.status.status_code is StatusCode.UNSET

    class Held(WorkflowEntrypoint, name="traced-held"):
        async def run(self, event: Any, step: Any) -> None:
            await step.do("hold", lambda: 1, rollback=lambda *_: None)
            await step.sleep("long", 600)

    held = crew.create(Held)
    crew.settle()
    held.terminate(rollback=True)
    assert not told.named("traced-held")
    crew.settle()
    root = told.one("traced-held")
    assert about(root)["status"] == "terminated"
    assert root.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("batch", [False, True])
def test_who_creates_an_instance_is_linked_to_its_trace(crew: Rig, told: Told, batch: bool) -> None:
    """The span of a request, for example; without one nothing is told."""
    workflow = crew.client.workflow(Tour)
    crew.workers[0].catalog.register(Tour)
    with trace.get_tracer("author").start_as_current_span("POST /tours"):
        if batch:
            workflow.create_batch([{"id": "t-1", "params": "fail"}])
        else:
            workflow.create("t-1", "fail")
    crew.settle()
    for _ in range(2):
        crew.pass_time(61)
    ((linked, attributes),) = [(link.context, link.attributes) for link in told.one("POST /tours").links]
    assert (linked.trace_id, linked.span_id) == ids(root_of(told))
    assert attributes == {"wf.workflow": "traced-tour", "wf.instance": "t-1"}


def test_an_attempt_is_linked_to_the_span_around_it(rig: Rig, told: Told) -> None:
    """Such as that of the Celery task, if somebody traces those."""
    rig.create(Tour)
    with trace.get_tracer("celery").start_as_current_span("run/wf.advance") as around:
        rig.settle()
    (link,) = told.one("fetch").links
    assert link.context == around.get_span_context()


def test_all_workers_sample_alike(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each instance there is everything or nothing, spans of the author included."""
    told = Told(monkeypatch, sampler=ParentBased(TraceIdRatioBased(0.5)))
    with Rig(settings.model_copy(update={"cache_size": 0}), workers=3) as crew:
        for n in range(12):
            tour(crew, f"t-{n}", "fail")
    roots = {ids(span) for span in told.named(Tour.workflow_name)}
    assert 0 < len(roots) < 12
    assert {ids(span)[0] for span in told.spans} == {trace_id for trace_id, _ in roots}
    assert len(told.spans) == len(roots) * 8


def test_with_other_ids_it_is_one_trace_nevertheless(
    crew: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its spans share a parent that nobody exports; that is said once."""
    told = Told(monkeypatch, ids=RandomIdGenerator())
    tour(crew, params="fail")
    assert len({ids(span)[0] for span in told.spans}) == 1
    assert len({parent(span) for name in ("fetch", "nap", "store", "traced-tour") for span in told.named(name)}) == 1
    assert capsys.readouterr().out.count("needs wf.contrib.otel.InstanceIds") == 3  # by each worker


def test_it_can_be_switched_off(settings: Settings, told: Told) -> None:
    """Although a provider is set up."""
    with (
        Rig(settings.model_copy(update={"tracing": False})) as rig,
        trace.get_tracer("author").start_as_current_span("x"),
    ):
        rig.create(Tour)
        rig.settle()
    assert [span.name for span in told.spans] == ["GET 1", "x"]
    assert not told.one("x").links


def test_a_tracer_that_fails_harms_no_step(rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """The reason is logged."""

    class Sour(RandomIdGenerator):
        def generate_span_id(self) -> int:
            raise RefusedError("no ids left")

    class Plain(WorkflowEntrypoint, name="traced-plain"):
        async def run(self, event: Any, step: Any) -> Any:
            return await step.do("work", lambda: 1)

    Told(monkeypatch, ids=Sour())
    instance = rig.create(Plain)
    rig.settle()
    assert instance.status().output == 1
    assert "RefusedError: no ids left" in capsys.readouterr().out


def fail_without_spans(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bring a tour to its end where nobody can import what tells of it."""
    monkeypatch.setitem(sys.modules, "wf.spans", None)  # to import it is an error
    rig.create(Tour, "t-1", "fail")
    rig.settle()
    for _ in range(2):
        rig.pass_time(61)
    assert rig.client.workflow(Tour).get("t-1").status().status == "errored"


def test_an_api_that_does_not_fit_harms_no_step(rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """An OpenTelemetry of another time may lack what we import: said once by each process, and nothing is told."""
    fail_without_spans(rig, monkeypatch)
    assert capsys.readouterr().out.count("ModuleNotFoundError: import of wf.spans halted") == 2  # by client and worker


def test_nothing_is_imported_for_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by a worker nor by a client, as long as nobody else imports OpenTelemetry."""
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    fail_without_spans(rig, monkeypatch)


def test_without_a_provider_nothing_is_told(rig: Rig) -> None:
    """The API alone gives spans that do nothing; a provider that comes later counts from then on."""
    found = rig.workers[0].journal
    rig.create(Tour)
    (nudge,) = rig.take()
    loaded = found.load(nudge.key, seen=0, from_seq=1)
    assert loaded is not None
    spans = Spans(ManualClock(START))
    assert spans._parent(loaded.instance) is None
    with pytest.MonkeyPatch.context() as patch:
        Told(patch)
        assert spans._parent(loaded.instance) is not None


def test_ids_are_of_the_instance_and_its_generation() -> None:
    """The same for everybody, another for whatever else; never zero, which is none."""
    one = Trace("w", "i", 1, START + 0.123456, 1)
    others = [
        Trace("v", "i", 1, START + 0.123456, 1), Trace("w", "j", 1, START + 0.123456, 1), one._replace(key=2),
        one._replace(generation=2), one._replace(created_at=START + 0.123457),
    ]  # fmt: skip
    assert one.ids == one._replace().ids
    assert len({trace.ids for trace in (one, *others)}) == 6
    assert one.root.is_valid
