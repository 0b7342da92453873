"""The README tells the truth: its settings are the settings, its first workflow runs."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Header
from flask import Flask
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from tests.support import wait_until
from wf.settings import Settings
from wf.urls import database_url
from wf.workflow import registry
from wf_api.hooks import read_hooks

if TYPE_CHECKING:
    import pytest

    from tests.support import Rig
    from wf.testing import Workbench

README = Path(__file__).parents[1] / "README.md"
REPORT = README.parent / "examples/report/README.md"


def table() -> str:
    """The settings as the README must show them."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = f"`{field.default}`" if field.default not in {"", None} else ""
        lines.append(f"| `WF_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines)


def test_every_setting_stands_in_the_readme_with_its_default() -> None:
    """The table between the markers is exactly what the settings class says."""
    found = re.search(r"<!-- settings -->\n(.*?)\n?<!-- /settings -->", README.read_text(), re.DOTALL)
    assert found is not None
    assert found[1] == table()


def test_the_first_workflow_runs_as_it_stands(rig: Rig) -> None:
    """The README's own code is imported, triggered, slept through, answered, and gives what it promises."""
    (code,) = re.findall(r"```python\n(from datetime.*?)```", README.read_text(), re.DOTALL)
    exec(compile(code, str(README), "exec"), {"__name__": "readme"})
    instance = rig.create(registry.get("welcome"), params={"email": "ada@example.org"})
    rig.settle()
    rig.pass_time(2)
    instance.send_event("answered", {"stars": 5})
    rig.settle()
    assert instance.status().output == {"account": 17, "stars": 5}


def test_the_test_runs_as_it_stands(wf: Workbench) -> None:
    """The README's test of its first workflow passes."""
    (code,) = re.findall(r"```python\n(from datetime.*?)```", README.read_text(), re.DOTALL)
    (test,) = re.findall(r"```python\n(def test_nobody_answers.*?)```", README.read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(code, str(README), "exec"), names)
    exec(compile(test, str(README), "exec"), names)
    names["test_nobody_answers"](wf)


def run_snippet(begin: str, **names: Any) -> None:
    """Execute the README's code that begins like this."""
    (code,) = re.findall(rf"```python\n({begin}.*?)```", README.read_text(), re.DOTALL)
    exec(compile(code, str(README), "exec"), {"__name__": "readme", **names})


def test_many_are_moved_as_it_says(rig: Rig) -> None:
    """The lines on bulk actions run as they stand, and leave a job for the reaper."""
    run_snippet("from pydantic")
    for worker in rig.workers:
        worker.catalog.register(registry.get("checkout"))
    run_snippet("client.jobs.preview", client=rig.client)
    assert rig.sql("select action, options from wf.job") == [("terminate", {"rollback": True})]


def test_the_web_frameworks_are_used_as_it_says() -> None:
    """What is shown of FastAPI and Flask can be imported, and makes routes."""
    app, flask_app = FastAPI(), Flask("readme")
    names = {"FastAPI": lambda **_: app, "SessionDep": Annotated[str, Header()], "Order": object}
    run_snippet("from wf.contrib.fastapi", **names)
    run_snippet("from wf.contrib.flask", app=flask_app)
    assert "/orders/{id}" in app.openapi()["paths"]
    assert "/orders/<id>" in {rule.rule for rule in flask_app.url_map.iter_rules()}


def test_the_rule_of_webhooks_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The TOML that is shown is read as a rule."""
    (rule,) = re.findall(r"```toml\n(.*?)```", README.read_text(), re.DOTALL)
    monkeypatch.setenv("STRIPE_SECRET", "whsec_something")
    (tmp_path / "hooks.toml").write_text(rule)
    assert list(read_hooks(str(tmp_path / "hooks.toml"))) == ["order-paid"]


def test_traces_are_set_up_as_it_says() -> None:
    """What it takes, with an exporter in memory in the place of the network's, exports what is traced."""
    from celery.signals import worker_process_shutdown  # noqa: PLC0415  (with the SDK, slow)
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: PLC0415

    from wf.contrib.otel import InstanceIds  # noqa: PLC0415

    exporter = InMemorySpanExporter()
    chosen: list[Any] = []
    connected: list[Any] = []
    run_snippet(
        "provider = ", TracerProvider=TracerProvider, BatchSpanProcessor=BatchSpanProcessor, InstanceIds=InstanceIds,
        OTLPSpanExporter=lambda: exporter, trace=SimpleNamespace(set_tracer_provider=chosen.append),
        worker_process_shutdown=SimpleNamespace(connect=lambda receiver, weak: connected.append((receiver, weak))),
    )  # fmt: skip
    assert callable(worker_process_shutdown.connect)
    (provider,), ((receiver, weak),) = chosen, connected
    provider.get_tracer("readme").start_span("one").end()
    receiver(sender=None)
    assert ([span.name for span in exporter.get_finished_spans()], weak) == (["one"], False)


def test_more_than_retries_does_what_its_comments_say(rig: Rig, capfd: pytest.CaptureFixture[str]) -> None:
    """The second workflow, steered by the README's own lines, completes, begins again at a step, and is rolled back."""
    run_snippet("from pydantic")
    checkout = registry.get("checkout")
    for worker in rig.workers:
        worker.catalog.register(checkout)
    rig.sql("create table public.booking (id uuid, day date)")
    engine = create_engine(database_url(rig.settings.database_url))
    done = rig.in_thread(lambda: run_snippet("orders = ", client=rig.client, Session=Session, engine=engine))
    wait_until(lambda: rig.settle() == 0 and done.done(), what="the README's lines are through")
    done.result()
    engine.dispose()
    order = rig.client.workflow(checkout).get("o-1").status()
    assert (order.status, order.rollback.outcome) == ("terminated", "complete")
    assert rig.sql("select count(*) from public.booking") == [(1,)]
    assert [entry.id for entry in rig.client.workflow(checkout).list()] == ["o-1-again", "o-1"]
    shown = capfd.readouterr().out
    assert [line.split()[1:] for line in shown.splitlines() if "completed" in line] == [
        ["step_completed", "charge-1"], ["step_completed", "book-1"], ["step_completed", "pack-1"],
        ["workflow_completed", "None"],
    ]  # fmt: skip
    assert "refund t-1 because of" in shown


def pictures(page: Path) -> list[tuple[str, Path]]:
    """What a page shows, in words, and the file of it."""
    return [(words, page.parent / path) for words, path in re.findall(r"!\[(.*?)\]\((.*?)\)", page.read_text())]


def test_every_picture_is_there_and_small() -> None:
    """Each picture of a README is a PNG of this repository, below 250 kB, with words for those who cannot see it."""
    assert pictures(REPORT)
    for page in (README, REPORT):
        for words, path in pictures(page):
            assert path.is_file(), f"{page} shows {path}"
            assert path.resolve().is_relative_to(README.parent), path
            assert path.read_bytes().startswith(b"\x89PNG\r\n"), path
            assert path.stat().st_size < 250_000, path
            assert len(words) > 10, f"{path}: say what is to be seen"


def test_no_picture_is_left_over() -> None:
    """Each picture that is checked in is shown by its own README."""
    shown = {path for _, path in pictures(REPORT)}
    assert shown == set((REPORT.parent / "pictures").iterdir())
