"""A diagram as nested lists, for who does not see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from wf_api.diagram.picture import WORDS
from wf_api.diagram.places import places
from wf_api.diagram.tree import Node, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wf_api.diagram.places import Counts, Standing


class Item(TypedDict):
    """A node, or a branch of one.

    Attributes:
        role: `step`, `sleep`, ..., or `part` for a branch.
        word: What that is called.
        text: Its name, or the condition of a branch; whole.
        detail: What else is to be said.
        counts: How many instances stand here, by status.
        href: Where it leads to.
        items: What is in it.
    """

    role: str
    word: str
    text: str
    detail: str
    counts: Counts
    href: str | None
    items: list[Item]


def outline(
    graph: Mapping[str, Any], standing: Standing | None = None, *, href: Callable[[str], str] | None = None,
) -> list[Item]:  # fmt: skip
    """What `diagram` draws, as nested lists, which `_outline.html` shows.

    Args:
        graph: What a worker has told of the code.
        standing: What `Standing.look` told.
        href: As for `diagram`.
    """
    _, nodes = read(graph)
    counts, mostly, _ = places(nodes, standing)

    def items(nodes: Iterable[Node]) -> list[Item]:
        return list(map(item, nodes))

    def item(node: Node) -> Item:
        if len(node.parts) == 1 and not node.parts[0].label:
            inner = items(node.parts[0].nodes)
        else:
            inner = [
                _item("part", part.label or f"branch {number}", items=items(part.nodes))
                for number, part in enumerate(node.parts, 1)
            ]
        target = href(mostly[node]) if href is not None and node in mostly else None
        word = WORDS[node.role]
        name = "" if node.name == word else node.name.removeprefix(f"{word} · ")
        return _item(node.role, name, node.detail, counts=counts.get(node), href=target, items=inner)

    return items(nodes)


def _item(
    role: str, text: str, detail: str = "", *, counts: Counts | None = None, href: str | None = None,
    items: list[Item] | None = None,
) -> Item:  # fmt: skip
    return Item(
        role=role, word=WORDS.get(role, ""), text=text, detail=detail, counts=counts or {}, href=href, items=items or []
    )
