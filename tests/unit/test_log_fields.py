"""Every log line says what it is about: by its own arguments, or because its callers have said so."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import wf
import wf_api
import wf_reaper
import wf_tasks

PACKAGES = [Path(package.__path__[0]) for package in (wf, wf_tasks, wf_reaper, wf_api)]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "fatal", "log", "msg"}
ABOUT = {"about"}
"""Functions that give the fields, for `**`."""

OF_A_CALLER = {
    "event not put into the mailbox; Postgres has it",
    "mailbox not cleared; it will be refilled",
    "mailbox not deleted; Redis forgets it in time",
    "mailbox not read; Postgres is",
    "mailbox not refilled; Postgres has the events",
    "mailbox not understood; refilled",
    "rows of before a restart not cleared away; log lines may be missing",
    "span not told to OpenTelemetry",
}
"""About an instance that those who call have named by `speaking_of`."""

OF_A_WORKFLOW = {
    "breaker not looked at; tried again next time",
    "creation rate not checked",
    "job complete",
    "job lost to another runner",
    "no diagram of this workflow",
    "schedule not fired; it is tried again",
    "slots not given",
    "what is set for restarts cannot be read; the class counts",
}
"""About all instances of one workflow, which they name."""

OF_MANY = {
    "a callback has not come back at the end of its test; it counts no more",
    "a page stands still",
    "a request failed",
    "a schema cannot be used; the worker will check",
    "a worker of the test failed",
    "alarm not watched",
    "an author's task called for the end of the process; the event loop of steps goes on",
    "an error that no answer is known for",
    "broker away",
    "cannot see whether running attempts have been stopped",
    "counts for the metrics not written; tried again until they are",
    "details of heartbeats not written",
    "expired instances are removed one by one",
    "expired instances removed",
    "feeds stand still",
    "leases not extended",
    "log lines of steps dropped; they could not be written in time",
    "log lines of steps lost",
    "nobody woken; the next tick tries again",
    "not ready",
    "nudge not sent; the alarm will do it",  # names the instance, if it is about one
    "nudges left to the alarm: too many wait for Redis",
    "nudges not sent; the alarm will do it",
    "running attempts not looked after",
    "task not sent; beat will do it",
    "the alarm is behind",
    "this worker knows no workflow; name their modules in WF_WORKFLOWS or on the command line",
    "this worker runs no workflows; one with -Q would",
    "traces of instances have no roots: the tracer provider needs wf.contrib.otel.InstanceIds",
    "workflow not registered",
    "workflows out of reach",
}
"""About a whole process, or about many instances at once."""

HANDED_ON = {"wf/breakers.py": 2}
"""Where a method of the logger is chosen first and called later; what is said there names the workflow."""


@cache
def files() -> list[tuple[str, ast.Module]]:
    """Every module that logs, by its path below the packages."""
    paths = ((package, path) for package in PACKAGES for path in sorted(package.rglob("*.py")))
    texts = ((f"{package.name}/{path.relative_to(package)}", path.read_text()) for package, path in paths)
    return [(name, ast.parse(text)) for name, text in texts if "get_logger" in text]


def is_level(node: ast.AST) -> bool:
    """Whether it is `log.warning` or the like."""
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "log"
        and node.attr in LEVELS
    )


def said(call: ast.Call) -> str:
    """The text of a line."""
    assert isinstance(call.args[0], ast.Constant), f"line {call.lineno}: the text of a line is a constant"
    return str(call.args[0].value)


def fault(call: ast.Call) -> str | None:
    """What a call of the logger lacks."""
    names = {keyword.arg for keyword in call.keywords if keyword.arg}
    spread = {k.value.func.id for k in call.keywords if k.arg is None and isinstance(k.value, ast.Call)
              and isinstance(k.value.func, ast.Name)}  # fmt: skip
    named = bool(spread & ABOUT) or any(
        k.arg is None and isinstance(k.value, ast.Name) and k.value.id in {"fields", "named"} for k in call.keywords
    )
    text = said(call)
    if text in OF_MANY | OF_A_CALLER:
        return None
    if text in OF_A_WORKFLOW:
        return None if named or "workflow" in names else "names no workflow="
    return None if named or {"workflow", "instance"} <= names else "names no workflow= and instance="


def faults(module: ast.Module) -> list[str]:
    """The lines of a module that do not say what they are about."""
    calls = (node for node in ast.walk(module) if isinstance(node, ast.Call) and is_level(node.func))
    return [f"line {call.lineno}: {said(call)!r} {lacks}" for call in calls if (lacks := fault(call))]


def test_no_line_forgets_what_it_is_about() -> None:
    """A new line names its instance, or stands in one of the lists above: somebody has thought of it."""
    assert {name: found for name, module in files() if (found := faults(module))} == {}


def test_the_lists_hold_what_is_said_and_no_more() -> None:
    """Each text once, and none that nobody says any more."""
    calls = [node for _, module in files() for node in ast.walk(module) if isinstance(node, ast.Call)]
    texts = {said(call) for call in calls if is_level(call.func)}
    listed = [*OF_MANY, *OF_A_WORKFLOW, *OF_A_CALLER]
    assert len(listed) == len(set(listed))
    assert not set(listed) - texts


def test_loggers_are_not_handed_on() -> None:
    """Or a line could be said where nobody looks: `log.warning` is called where it stands."""
    found = {}
    for name, module in files():
        called = {id(node.func) for node in ast.walk(module) if isinstance(node, ast.Call)}
        loose = [node for node in ast.walk(module) if is_level(node) and id(node) not in called]
        if loose:
            found[name] = len(loose)
    assert found == HANDED_ON


def test_our_logger_has_one_name() -> None:
    """What is not called `log` would not be looked at."""
    for name, module in files():
        for node in ast.walk(module):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                text = ast.unparse(node.value)
                if text in {"structlog.get_logger('wf')", "get_logger('wf')"}:
                    assert [ast.unparse(target) for target in node.targets] == ["log"], name


@pytest.mark.parametrize(
    ("code", "lacks"),
    [
        ('log.warning("new")', "names no workflow= and instance="),
        ('log.warning("new", instance=1)', "names no workflow= and instance="),
        ('log.warning("slots not given")', "names no workflow="),
        ('log.warning("new", workflow=1, instance=2)', None),
        ('log.error("new", **about(instance, row), reason=1)', None),
        ('log.error("new", **others(instance))', "names no workflow= and instance="),
    ],
)
def test_the_check_can_fail(code: str, lacks: str | None) -> None:
    """It finds what is missing, and nothing else."""
    found = [text.partition("' ")[2] for text in faults(ast.parse(code))]
    assert found == ([] if lacks is None else [lacks])
