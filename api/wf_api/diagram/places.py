"""Which node a step of the journal belongs to: by its kind and name, or by the pattern of a name that is made up."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from wf_api.diagram.tree import KINDS, Node, read, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    Standing = Mapping[str, Any]
    Counts = Mapping[str, int]

_TOKEN = re.compile(
    r"\\(?P<escaped>.)|(?P<gap>\.\*)|(?P<open>\(\?:)|(?P<or>\|)|(?P<close>\))|(?P<plain>[^\\^$*+?{}[\]().|])", re.DOTALL
)
_ALTERNATIVES = 64
"""Texts with gaps that one pattern may stand for; one of more stands for none."""

_Texts = list[tuple[str, ...]]
"""Each is the literals of a text, between which there are gaps."""

UNDONE = "undone"
"""Stands beside the statuses of steps for instances whose rollback stands here."""


class Places(NamedTuple):
    """Where instances stand.

    Attributes:
        counts: How many stand at which node, by the status of the step.
        mostly: The status that most of those of a node are in themselves.
        rest: What belongs to no node.
    """

    counts: dict[Node, Counts]
    mostly: dict[Node, str]
    rest: list[Mapping[str, Any]]


def places(nodes: Iterable[Node], standing: Standing | None) -> Places:
    """Which steps belong to which node.

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
    most: dict[Node, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    rest = []
    for step in standing["steps"] if standing else ():
        kind, name = step["kind"], step["name"]
        those = exact.get((kind, name)) or [node for of, fits, node in patterns if of == kind and fits(name)]
        for node in those:
            most[node][step["mostly"]] += step["instances"]
            for status, number in step["statuses"].items():
                found[node][UNDONE if kind == "rollback" else str(status)] += number
        if not those:
            rest.append(step)
    mostly = {node: max(counts, key=counts.__getitem__) for node, counts in most.items()}
    return Places({node: dict(counts) for node, counts in found.items()}, mostly, rest)


def unplaced(graph: Mapping[str, Any], standing: Standing | None) -> list[Mapping[str, Any]]:
    """The steps at which instances stand, but which the diagram does not show, as `Standing.look` told them.

    They are of other versions, or their names are made up in a way that the code does not tell.
    """
    return places(read(graph)[1], standing).rest


@lru_cache(maxsize=4096)  # patterns come from the journal: there is no end to them
def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a name fits a pattern, as `wf.graph` writes them: literals, `.*`, and `(?:one|another)`.

    Literals are looked for one by one: a regular expression of many gaps would try out everything, for hours if a name
    is made for it.
    """
    inner = pattern.removeprefix("^").removesuffix("$")
    tokens = list(_TOKEN.finditer(inner))
    if sum(len(token[0]) for token in tokens) != len(inner):
        return lambda _: False  # not one of ours
    try:
        texts = _alternatives(iter(tokens), top=True)
    except ValueError:
        return lambda _: False
    return lambda name: any(_fits(name, text) for text in texts)


def _alternatives(tokens: Iterator[re.Match[str]], *, top: bool = False) -> _Texts:
    """What may stand here, up to the end of the group."""
    found: _Texts = []
    here: _Texts = [("",)]
    for token in tokens:
        match token.lastgroup:
            case "gap":
                here = _joined(here, [("", "")])
            case "open":
                here = _joined(here, _alternatives(tokens))
            case "or":
                found, here = found + here, [("",)]
            case "close" if not top:
                return found + here
            case "close":
                raise ValueError("a group is closed that was not opened")
            case _:
                here = _joined(here, [(token["escaped"] or token["plain"],)])
    if not top:
        raise ValueError("a group is not closed")
    return found + here


def _joined(before: _Texts, after: _Texts) -> _Texts:
    if len(before) * len(after) > _ALTERNATIVES:
        raise ValueError("too many alternatives")
    return [(*one[:-1], one[-1] + other[0], *other[1:]) for one in before for other in after]


def _fits(name: str, literals: tuple[str, ...]) -> bool:
    if len(literals) == 1:
        return name == literals[0]
    first, *middle, last = literals
    if not name.startswith(first) or len(name) < len(first) + len(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        at = name.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return name.endswith(last)
