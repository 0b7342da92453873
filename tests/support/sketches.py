"""Diagrams of workflows as short text, for tests to compare."""

from __future__ import annotations

import importlib.util
import re
from types import new_class
from typing import TYPE_CHECKING, Any

from wf import WorkflowEntrypoint
from wf.graph import graph_of, steps_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SHORT = {"step_do": "do", "step_sleep": "sleep", "step_sleep_until": "until", "step_wait_for_event": "wait"}


def class_of(run: Callable[..., Any], name: str = "sketched") -> type[WorkflowEntrypoint]:
    """A workflow of this `run`."""
    return new_class("Sketched", (WorkflowEntrypoint,), {"name": name}, lambda body: body.update(run=run))


def graph(cls: type) -> dict[str, Any]:
    """The diagram of a class that has one."""
    found = graph_of(cls)
    assert found is not None, cls
    return found


def sketch(cls: type) -> str:
    """A diagram as text: its nodes, and then its functions."""
    workflow = graph(cls)["workflow"]
    functions = [f"{name}({_nodes(each['nodes'])})" for name, each in workflow["functions"].items()]
    return " & ".join([_nodes(workflow["nodes"]), *functions])


def unmatched(diagram: dict[str, Any], names: set[str]) -> set[str]:
    """The names of steps that no node of a diagram stands for."""
    known = [node.get("pattern") or f"^{re.escape(node['name'])}$" for node in steps_of(diagram)]
    return {name for name in names if not any(re.search(pattern, name) for pattern in known)}


def written(folder: Path, source: str) -> Any:
    """The `run` of a module that is written for the test."""
    file = folder / "written_by_a_test.py"
    file.write_text(source)
    spec = importlib.util.spec_from_file_location("written_by_a_test", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.run


def _nodes(nodes: list[dict[str, Any]]) -> str:
    return ", ".join(map(_node, nodes))


def _node(node: dict[str, Any]) -> str:
    order = "".join(f" {mark}{node[name]}" for name, mark in (("starts", "<"), ("resolves", ">")) if name in node)
    return _plain(node) + order


def _plain(node: dict[str, Any]) -> str:
    match node["type"]:
        case "step_do" | "step_sleep" | "step_sleep_until" | "step_wait_for_event":
            return f"{_SHORT[node['type']]} {node['name']}"
        case "function_call":
            return f"{node['name']}()"
        case "break":
            return str(node["kind"])
        case "if" | "switch":
            return f"{node['type']}[{'; '.join(map(_branch, node['branches']))}]"
        case "try":
            parts = (node["try_block"], node["catch_block"], node["finally_block"])
            return f"try[{'; '.join('-' if part is None else _nodes(part['nodes']) for part in parts)}]"
        case type:
            return f"{node.get('kind', type)}[{_nodes(node['nodes'])}]"


def _branch(branch: dict[str, Any]) -> str:
    return f"{branch['condition'] or 'else'}: {_nodes(branch['nodes'])}"
