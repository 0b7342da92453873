"""Which node a step of the journal belongs to: by its kind and name, or by the pattern of a name that is made up."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

from wf_api.diagram.tree import KINDS, Node, read, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Standing = Mapping[str, Any]
    Counts = Mapping[str, int]

_GAP = re.compile(r"\(?\.[*+]\??\)?")
_ESCAPED = re.compile(r"\\(\W)")
_SPECIAL = frozenset("^$.|?*+()[]{}\\")

UNDONE = "undone"
"""Stands beside the statuses of steps for instances whose rollback stands here."""


def places(nodes: Iterable[Node], standing: Standing | None) -> tuple[dict[Node, Counts], list[Mapping[str, Any]]]:
    """How many instances stand at which node, by status, and what belongs to no node.

    A name that stands in the code more than once cannot be told apart: each of its nodes shows all of them.
    """
    exact: dict[tuple[str, str], list[Node]] = defaultdict(list)
    patterns: list[tuple[str, Callable[[str], bool], Node]] = []
    for node in walk(nodes):
        for kind in KINDS.get(str(node.raw.get("type")), ()):
            if isinstance(name := node.raw.get("name"), str):
                exact[kind, name].append(node)
            if isinstance(pattern := node.raw.get("pattern"), str):
                patterns.append((kind, matcher(pattern), node))
    found: dict[Node, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    rest = []
    for step in standing["steps"] if standing else ():
        kind, name = step["kind"], step["name"]
        those = exact.get((kind, name)) or [node for of, fits, node in patterns if of == kind and fits(name)]
        for node in those:
            for status, number in step["statuses"].items():
                found[node][UNDONE if kind == "rollback" else str(status)] += number
        if not those:
            rest.append(step)
    return {node: dict(counts) for node, counts in found.items()}, rest


def unplaced(graph: Mapping[str, Any], standing: Standing | None) -> list[Mapping[str, Any]]:
    """The steps at which instances stand, but which the diagram does not show, as `Standing.look` told them.

    They are of other versions, or their names are made up in a way that the code does not tell.
    """
    return places(read(graph)[1], standing)[1]


@cache
def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a name fits a pattern.

    Patterns of f-strings are literals with gaps between them, which are looked for one by one: a regular expression of
    many gaps would try out everything, for hours if a name is made for it.
    """
    inner = pattern.removeprefix("^").removeprefix(r"\A").removesuffix(r"\Z").removesuffix("$")
    parts = [_ESCAPED.sub(r"\1", part) for part in _GAP.split(inner)]
    if any(_SPECIAL & set(_ESCAPED.sub("", part)) for part in _GAP.split(inner)):
        return lambda _: False  # not one of ours
    least = [int("+" in gap) for gap in _GAP.findall(inner)]

    def fits(name: str) -> bool:
        if not least:
            return name == parts[0]
        if not name.startswith(parts[0]):
            return False
        at = len(parts[0])
        for gap, part in zip(least[:-1], parts[1:-1], strict=True):
            at = name.find(part, at + gap)
            if at < 0:
                return False
            at += len(part)
        return name.endswith(parts[-1]) and len(name) - len(parts[-1]) >= at + least[-1]

    return fits
