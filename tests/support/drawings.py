"""Graphs as short as their tests need them, and what can be read in a picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader

import wf_api
from wf_api.diagram.layout import Box, Plan, plan
from wf_api.diagram.tree import read

if TYPE_CHECKING:
    from collections.abc import Iterator


HERE = Path(wf_api.__file__).parent

SVG = "{http://www.w3.org/2000/svg}"


Graph = dict[str, Any]


def graph(*nodes: Any, **functions: Any) -> Graph:
    defined = {name: {"type": "function_def", "name": name, "nodes": inner} for name, inner in functions.items()}
    return {"version": 1, "workflow": {"class_name": "Order", "functions": defined, "nodes": list(nodes)}}


def do(name: str, **more: Any) -> Graph:
    return {"type": "step_do", "name": name, **more}


def wait(name: str, type: str = "go", **more: Any) -> Graph:
    return {"type": "step_wait_for_event", "name": name, "options": {"event_type": type}, **more}


def call(name: str) -> Graph:
    return {"type": "function_call", "name": name}


def choice(*branches: tuple[str | None, list[Any]]) -> Graph:
    return {"type": "if", "branches": [{"condition": when, "nodes": nodes} for when, nodes in branches]}


def standing(*steps: tuple[str, str, dict[str, int]]) -> Graph:
    told = [
        {"kind": kind, "name": name, "instances": sum(n.values()), "statuses": n, "mostly": "rollingBack"}
        for kind, name, n in steps
    ]
    return {"steps": told}


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def titles(svg: str) -> list[str]:
    return [found.text or "" for found in parsed(svg).iter(f"{SVG}title")][1:]


def shown(svg: str) -> list[str]:
    return ["".join(found.itertext()) for found in parsed(svg).iter(f"{SVG}text")]


def planned(of: Graph) -> Plan:
    return plan(*read(of))


def holds(group: Box, box: Box) -> bool:
    return (
        group.x <= box.x and group.y <= box.y
        and box.x + box.width <= group.x + group.width and box.y + box.height <= group.y + group.height
    )  # fmt: skip


def render(items: Any) -> str:
    templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True)
    return str(templates.get_template("_outline.html").module.outline(items))  # type: ignore[attr-defined]  # Jinja's


def texts(items: Any) -> Iterator[Any]:
    for item in items:
        inner = list(texts(item["items"]))
        yield (item["text"], inner) if inner else item["text"]
