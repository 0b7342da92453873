"""The diagram of a workflow's code, as an SVG that needs no script, and as nested lists for who does not see it.

The graph on its way::

    JSON that a worker has told               liberal: what is unknown becomes a plain box, what is too much is left out
    wf_api.diagram.tree                       nodes, strictly typed, with what they say; bounded in depth and number
    wf_api.diagram.places                     how many instances stand at which node, and which stand elsewhere
    wf_api.diagram.layout                     boxes and edges with coordinates: pure, the same for the same graph
    wf_api.diagram.picture, .outline          SVG, and nested lists
"""

from wf_api.diagram.outline import outline
from wf_api.diagram.picture import diagram
from wf_api.diagram.places import unplaced

__all__ = ["diagram", "outline", "unplaced"]
