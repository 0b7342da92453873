"""The diagram of a workflow: what `run` does, read from its source.

`graph_of` follows `run` from its first line, without running anything: it knows which variable holds the `step` object,
a decorated step, a future or a function, and draws what happens to them. The result is JSON in the reference's shape::

    {"version": 1, "workflow": {"type": "start", "class_name", "functions": {name: function_def}, "nodes": [...],
                                "payload"}}

    step_do              name, config {retries {limit, delay, backoff}, timeout}, nodes (empty), rollback?, transaction?
    step_sleep           name, duration         `asyncio.sleep` and timeouts are steps called "timer", as in the journal
    step_sleep_until     name, timestamp
    step_wait_for_event  name, options {event_type, timeout}
    loop                 nodes                  for, while, comprehensions, `map`
    parallel             kind (all, any, all_settled, race), nodes
    if                   branches [{condition, nodes}]: the condition of the last one may be null, which is `else`
    switch               discriminant, branches
    try                  try_block, catch_block, finally_block: each a block, or null if it is not there
    block                nodes                  what goes one after the other beside something else; `cut` if too much
    function_call        name                   of one of `functions`
    function_def         name, nodes
    break                kind: break or return, and, beyond the reference, continue or raise

Steps and calls have their `line`. A name that is put together has a `pattern`, a regular expression that the names in
the journal match. `starts` and `resolves` number the moments at which something is begun and awaited, if these are not
one place; without `resolves`, nobody awaits it. What is a constant is given as it is, all else as its source. Durations
are as the author wrote them, numbers are seconds; the defaults of a `config` are filled in.

Nothing is guessed: calls of functions whose source is not at hand, or around which a decorator may have put steps, and
steps behind objects of other classes, are not drawn. A function that gets other texts is another function: `charge`,
`charge (2)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from wf.graph.nodes import STEPS
from wf.graph.payload import shape
from wf.graph.render import Renderer
from wf.graph.statements import Statements
from wf.graph.values import Special

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.workflow import WorkflowEntrypoint

__all__ = ["drawn", "graph_of", "steps_of"]

VERSION = 1
"""Of the shape of the diagrams."""

log = structlog.get_logger("wf")


def graph_of(cls: type) -> dict[str, Any] | None:
    """The diagram of a workflow class, as JSON; None if its source cannot be read.

    Raises:
        TooBig: It would take too long to follow it.
    """
    drawing = Statements(cls)
    run = drawing.method("run")
    if run is None:
        return None
    try:
        block = drawing.draw_run(run, [Special.SELF, None, Special.STEP])
    except RecursionError:  # expressions nested beyond reason
        return None
    rendered = Renderer(block, drawing.functions)
    workflow = {
        "type": "start", "class_name": cls.__name__, "functions": rendered.functions, "nodes": rendered.run,
    }  # fmt: skip
    if (model := getattr(cls, "params_model", None)) is not None:
        workflow["payload"] = shape(model)
    return {"version": VERSION, "workflow": workflow}


def drawn(cls: type[WorkflowEntrypoint]) -> dict[str, Any] | None:
    """As `graph_of`, for workers: these start without a diagram, whatever is in its way; the log tells why."""
    try:
        return graph_of(cls)
    except Exception as error:  # any code may be written in `run`, and nobody has thought of all
        reason = f"{type(error).__name__}: {error}"[:200]
        named = {"workflow": cls.workflow_name, "version": cls.workflow_version}
        log.warning("no diagram of this workflow", **named, reason=reason)
        return None


def steps_of(graph: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a diagram that becomes rows of the journal, in order; those of a function at its first call."""
    workflow = graph["workflow"]
    functions, seen = workflow["functions"], set[str]()

    def inside(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if node["type"] in STEPS:
            yield node
        elif node["type"] == "function_call" and node["name"] not in seen:
            seen.add(node["name"])
            yield from inside(functions[node["name"]])
        parts = [*node.get("nodes", ()), *(each for b in node.get("branches", ()) for each in b["nodes"])]
        parts += [block for name in ("try_block", "catch_block", "finally_block") if (block := node.get(name))]
        for part in parts:
            yield from inside(part)

    yield from inside(workflow)
