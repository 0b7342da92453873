"""Test workflows in milliseconds, deterministically, with no servers of your own.

The fixture `wf` gives each test an engine of its own, in its process, on an embedded Postgres and Valkey::

    def test_report(wf):
        with wf.introspect_instance(Report, "r-1") as report:
            report.modify(lambda m: m.disable_sleeps().mock_step_result("fetch", {"pages": 3}))
            wf.workflow(Report).create("r-1", {"site": "a"})
            assert report.wait_for_step_result("count") == 3
            report.wait_for_status("complete")
            assert report.get_output() == {"pages": 3}

To `kill -9` a real worker instead, there is `wf_processes`, which starts `wf worker` and `wf beat`, and `CrashPoint`.

Where what is: the fixtures and pytest's options in `plugin`; what `wf` is in `workbench`; looking into instances in
`introspection`, `sessions` and `waits` (and `aio`); what `m` can do in `modifier`, how it is done in `stage`, `mocked`
and `cutting`; time in `timetravel`; the workers in `crew`; stories with crashes in `exploring`, `trials`, `stories` and
`fates`; real processes in `processes` and `crashpoints`.
It is the real engine on the real journal; what steps between it and your code is `wf.interceptor`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wf.replaying import replay_check
    from wf.testing.aio import AsyncInstanceIntrospector, AsyncWorkflowIntrospector
    from wf.testing.crashpoints import CrashPoint
    from wf.testing.exploring import ExplorationFailed, Explored
    from wf.testing.introspection import InstanceIntrospector
    from wf.testing.modifier import InvalidModification, Modifier
    from wf.testing.processes import Processes
    from wf.testing.sessions import WorkflowIntrospector
    from wf.testing.shortcuts import explore, introspect, introspect_instance, open_workbench
    from wf.testing.stories import EndlessStory
    from wf.testing.timetravel import Time, TimeStandsStill
    from wf.testing.trials import ExtraMissing
    from wf.testing.waiting import wait_until
    from wf.testing.waits import UnreachableError, WaitTimeout
    from wf.testing.workbench import NoWorkbench, SessionActive, Workbench

_HOMES = {
    "AsyncInstanceIntrospector": "aio", "AsyncWorkflowIntrospector": "aio", "CrashPoint": "crashpoints",
    "EndlessStory": "stories", "ExplorationFailed": "exploring", "Explored": "exploring", "ExtraMissing": "trials",
    "InstanceIntrospector": "introspection", "InvalidModification": "modifier", "Modifier": "modifier",
    "NoWorkbench": "workbench", "Processes": "processes",
    "SessionActive": "workbench", "Time": "timetravel", "TimeStandsStill": "timetravel",
    "UnreachableError": "waits", "WaitTimeout": "waits", "Workbench": "workbench",
    "WorkflowIntrospector": "sessions", "explore": "shortcuts", "introspect": "shortcuts",
    "introspect_instance": "shortcuts", "wait_until": "waiting", "open_workbench": "shortcuts",
}  # fmt: skip
"""Imported when first used: pytest loads the plugin, and with it this package, in every run."""

__all__ = [
    "AsyncInstanceIntrospector",
    "AsyncWorkflowIntrospector",
    "CrashPoint",
    "EndlessStory",
    "ExplorationFailed",
    "Explored",
    "ExtraMissing",
    "InstanceIntrospector",
    "InvalidModification",
    "Modifier",
    "NoWorkbench",
    "Processes",
    "SessionActive",
    "Time",
    "TimeStandsStill",
    "UnreachableError",
    "WaitTimeout",
    "Workbench",
    "WorkflowIntrospector",
    "explore",
    "introspect",
    "introspect_instance",
    "open_workbench",
    "replay_check",
    "wait_until",
]


def __getattr__(name: str) -> Any:
    if name == "replay_check":
        return import_module("wf.replaying").replay_check
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
