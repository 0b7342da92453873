"""Test workflows in milliseconds, deterministically, with no servers of your own.

The fixture `wf` gives each test an engine of its own, in its process, on an embedded Postgres and Valkey::

    def test_report(wf):
        with wf.introspect_instance(Report, "r-1") as report:
            report.modify(lambda m: m.disable_sleeps().mock_step_result("fetch", {"pages": 3}))
            wf.workflow(Report).create("r-1", {"site": "a"})
            assert report.wait_for_step_result("count") == 3
            report.wait_for_status("complete")
            assert report.get_output() == {"pages": 3}

Where what is: the fixture and pytest's options in `plugin`; what it gives in `workbench`; looking into instances in
`introspection` (and `aio`); what `m` can do in `modifier`, how it is done in `stage`; time in `timetravel`; the workers
in `crew`. It is the real engine on the real journal; what steps between it and your code is `wf.interceptor`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wf.testing.aio import AsyncInstanceIntrospector, AsyncWorkflowIntrospector
    from wf.testing.introspection import InstanceIntrospector, UnreachableError, WaitTimeout, WorkflowIntrospector
    from wf.testing.modifier import InvalidModification, Modifier
    from wf.testing.timetravel import Time, TimeStandsStill
    from wf.testing.workbench import SessionActive, Workbench

__all__ = [
    "AsyncInstanceIntrospector",
    "AsyncWorkflowIntrospector",
    "InstanceIntrospector",
    "InvalidModification",
    "Modifier",
    "SessionActive",
    "Time",
    "TimeStandsStill",
    "UnreachableError",
    "WaitTimeout",
    "Workbench",
    "WorkflowIntrospector",
]

_HOMES = {
    "AsyncInstanceIntrospector": "aio", "AsyncWorkflowIntrospector": "aio", "InstanceIntrospector": "introspection",
    "InvalidModification": "modifier", "Modifier": "modifier", "SessionActive": "workbench", "Time": "timetravel",
    "TimeStandsStill": "timetravel", "UnreachableError": "introspection", "WaitTimeout": "introspection",
    "Workbench": "workbench", "WorkflowIntrospector": "introspection",
}  # fmt: skip
"""Imported when first used: pytest loads the plugin, and with it this package, in every run."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
