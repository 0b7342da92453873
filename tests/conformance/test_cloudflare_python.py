"""Section A.12: Cloudflare's Python source runs unmodified. The workflows are in `samples`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.samples import dag, dependencies, entrypoints, failures, waiting
from tests.support import wait_until
from tests.support.rig import START
from wf import InstanceNotFound, NonRetryableError, WorkflowEntrypoint
from wf.client import Client
from wf.compat.workers import Request
from wf.views import give_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Processes, Rig
    from wf.answers import Answer
    from wf.settings import Settings


@pytest.fixture(autouse=True)
def _attributes() -> Iterator[None]:
    """As in a process that has imported `wf.compat.cloudflare`, for the time of the test."""
    give_attributes()
    yield
    give_attributes(False)


def run(rig: Rig, cls: Any, params: Any = None) -> Answer:
    """The status of an instance that has been worked on for as long as there was work."""
    instance = rig.create(cls, params=params)
    rig.settle()
    return instance.status()


def steps(rig: Rig, cls: Any) -> list[str]:
    """The steps of that instance, in the order in which they began."""
    described = rig.client.workflow(cls).get("i-1").describe()
    return [step.name for step in described.steps]


def test_what_is_imported_is_ours() -> None:
    """The stand-ins are celery-wf's own classes, so errors and workflows are the same everywhere."""
    assert issubclass(dag.DAGWorkflow, WorkflowEntrypoint)
    assert vars(failures)["NonRetryableError"] is NonRetryableError
    assert vars(dag)["WorkflowEntrypoint"] is WorkflowEntrypoint


# Dependencies.


def test_the_dag_sample(rig: Rig) -> None:
    """`depends` with `concurrent=True`: both dependencies begin together, the last step gets their results."""
    assert run(rig, dag.DAGWorkflow).output == {"value": 60}
    assert steps(rig, dag.DAGWorkflow) == ["look up price-1", "count stock-1", "final step-1"]


def test_parameters_name_their_steps(rig: Rig) -> None:
    """Without `depends`, each parameter is filled by the step of its name."""
    assert run(rig, dependencies.ImplicitOrder, {"customer": "Ada"}).output == {"to": "Ada", "sum": 7}
    assert steps(rig, dependencies.ImplicitOrder) == ["customer-1", "basket-1", "invoice-1"]


def test_ctx_stands_anywhere(rig: Rig) -> None:
    """`ctx` is injected by name at any position, also beside `depends`; it is a dict, and can be a step's result."""
    assert run(rig, dependencies.ContextAnywhere).output == [
        ["alone", 1, 1, 3],
        ["implicit", 1, 1, 1],
        ["between", 1, 1, 1, 1],
        ["last", 1, 1, 1],
        {"name": "whole", "count": 1},
    ]
    assert "first-2" not in steps(rig, dependencies.ContextAnywhere)


def test_dependencies_are_memoised_and_direct_calls_are_not(rig: Rig) -> None:
    """Two dependents share one run of their dependency; calling it directly runs a new occurrence each time."""
    assert run(rig, dependencies.Memoised).output == [[1, 1], 2, 3]
    assert steps(rig, dependencies.Memoised) == ["source-1", "left-1", "right-1", "source-2", "source-3"]


def test_a_failed_dependency_stops_its_dependent(rig: Rig) -> None:
    """The dependent writes no row; the failure is not remembered, so the next dependent runs it as a new occurrence."""
    assert run(rig, dependencies.BrokenDependency).output == ["not yet", "now"]
    assert steps(rig, dependencies.BrokenDependency) == ["flaky-1", "flaky-2", "starts-1"]


def test_wrong_dependencies_are_type_errors(rig: Rig) -> None:
    """The texts are the reference's, and nothing has run."""
    assert run(rig, dependencies.WrongDependencies).output == [
        "Received unexpected parameter nobody",
        "Received unexpected parameter known",
        "Step declares 2 non-ctx parameter(s) but 'depends' has 1 item(s)",
        "'depends' entry for parameter 'a' is not a function decorated with step.do",
    ]
    assert steps(rig, dependencies.WrongDependencies) == []


# Errors.


def test_failures_reach_run_as_what_they_are(rig: Rig) -> None:
    """NonRetryableError, built-in errors and the author's own classes are caught as such, and `run` goes on."""
    output = run(rig, failures.Checkout).output
    assert output == [
        [
            ["NonRetryableError", "the card is stolen"],
            "TypeError",
            "invalid literal for int() with base 10: 'one'",
            "no funds",
        ],
        "sorry",
    ]
    assert len(steps(rig, failures.Checkout)) == 5


def test_config_dicts_rule_the_retries(rig: Rig) -> None:
    """`limit`, `delay` and `backoff` of a plain dict count: here 10 s and then 20 s."""
    assert run(rig, failures.Retried).status == "waiting"
    rig.pass_time(10)
    assert rig.client.workflow(failures.Retried).get("i-1").status().status == "waiting"
    rig.pass_time(20)
    assert rig.client.workflow(failures.Retried).get("i-1").status().output == 3


def test_an_uncaught_error_ends_the_instance(rig: Rig) -> None:
    """A NonRetryableError ends the step after one attempt; nobody catches it, so the instance is errored with it."""
    found = run(rig, failures.Uncaught)
    assert (found.status, found.error.name, found.error.message) == ("errored", "NonRetryableError", "for good")
    (step,) = rig.client.workflow(failures.Uncaught).get("i-1").describe().steps
    assert len(step.attempts) == 1


# Sleeps and events.


def test_sleeps_and_events(rig: Rig) -> None:
    """`sleep`, `sleep_until` and `wait_for_event` in one `run`; the event is a dict, a late one is an error."""
    instance = rig.create(waiting.Patience)
    rig.settle()
    rig.pass_time(10)
    created = rig.sql("select extract(epoch from created_at)::float8 from wf.instance")[0][0]
    assert created == START
    rig.pass_time(49)
    assert [step.name for step in instance.describe().steps] == ["a nap-1", "an appointment-1"]
    rig.pass_time(1)
    instance.send_event("approval", {"by": "grace"})
    rig.settle()
    rig.pass_time(300)
    output = instance.status().output
    assert (output["filed"], output["missed"]) == ({"by": "grace", "type": "approval"}, "WorkflowTimeoutError")
    assert output["raw"]["payload"] == {"by": "grace"}


# Entrypoints.


def test_run_may_be_sync(rig: Rig) -> None:
    """A plain `def run` gives its result as an async one does."""
    assert run(rig, entrypoints.SyncRun, {"name": "Ada"}).output == {"greeting": "hello Ada"}


def test_run_may_return_nothing(rig: Rig) -> None:
    """None stays None."""
    found = run(rig, entrypoints.NoResult)
    assert (found.status, found.output) == ("complete", None)


def test_a_constructor_takes_ctx_and_env(rig: Rig) -> None:
    """Cloudflare's `__init__(self, ctx, env)` works, and what it has set is there in `run`."""
    rig.workers[0].environment._given = ({"GREETING": "ciao"},)
    assert run(rig, entrypoints.OwnConstructor).output == ["order-i-1", "ciao", True]


def test_events_and_results_are_dicts_with_attributes(rig: Rig) -> None:
    """At every level an entry can be read as an item and as an attribute, in the event and in results of steps."""
    params = {"order": {"items": [{"sku": "x-7"}], "items_count": 1}}
    assert run(rig, entrypoints.EventAccess, params).output == ["x-7", 1, "i-1", "EventAccess", True, "Turin"]


# Bindings.


def test_a_step_starts_a_child(rig: Rig) -> None:
    """`self.env.CHILD_ORDER` creates an instance, finds it again and sends it an event, all inside steps."""
    rig.workers[0].catalog.register(entrypoints.ChildOrder)
    found = run(rig, entrypoints.ParentOrder)
    assert found.output["id"] == "child-1"
    assert found.output["status"] in {"queued", "waiting"}
    child = rig.client.workflow(entrypoints.ChildOrder).get("child-1")
    assert child.status().output == {"got": {"parts": 2}, "told": {"at": "once"}}


def test_a_binding_is_refused_outside_steps(rig: Rig) -> None:
    """`run` itself may not do I/O: the error names the call and says what to do, and nothing was created."""
    found = run(rig, entrypoints.CarelessParent)
    assert (found.status, found.error.name) == ("errored", "OutsideStepError")
    assert "env.CHILD_ORDER.create()" in found.error.message
    assert "step.do" in found.error.message
    assert rig.sql("select count(*) from wf.instance") == [(1,)]


def test_the_worker_of_the_sample_answers(rig: Rig) -> None:
    """The default handler starts an instance and shows its status, with our env behind it."""
    rig.workers[0].catalog.register(dag.DAGWorkflow)
    worker: Any = dag.Default(None, rig.workers[0].environment.env)

    def get(path: str) -> Any:
        return asyncio.run(worker.fetch(Request(f"https://shop.example{path}")))

    id = json.loads(get("/start").body)["id"]
    assert json.loads(get(f"/status/{id}").body)["status"] == "queued"
    rig.settle()
    shown = get(f"/status/{id}")
    assert shown.headers == {"content-type": "application/json"}
    assert json.loads(shown.body) == {"status": "complete", "output": {"value": 60}, "error": None, "rollback": None}
    assert get("/elsewhere").status == 404
    with pytest.raises(InstanceNotFound):
        get("/status/nobody")


# Real workers.


@pytest.mark.parametrize(
    ("pool", "module", "args"),
    [("threads", "shop", ["--compat", "cloudflare"]), ("prefork", "wf.compat.cloudflare", ["shop"])],
)
def test_a_worker_runs_the_source_as_it_is(
    settings: Settings, processes: Processes, tmp_path: Path, pool: str, module: str, args: list[str]
) -> None:
    """`wf worker` runs a file that imports from `workers`, by `--compat` or by naming the stand-ins as a module."""
    (tmp_path / "shop.py").write_text(Path(entrypoints.__file__).read_text())
    (tmp_path / "celeryconfig.py").write_text(f"worker_pool = {pool!r}\n")
    worker = processes.worker(module, args=args)
    with Client(settings=settings) as client:
        wait_until(lambda: "ParentOrder" in client.catalog.workflows(), 20, "the worker has registered its workflows")
        found = client.workflow("ParentOrder").create().result(timeout=30)
        assert found["id"] == "child-1"
        child = client.workflow("ChildOrder").get("child-1").result(timeout=30)
    assert child == {"got": {"parts": 2}, "told": {"at": "once"}}
    worker.stop()
