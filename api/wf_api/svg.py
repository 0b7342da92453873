"""Elements of SVG, in which every text is escaped."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no file in XML may hold, not even escaped."""


def tag(name: str, *parts: Markup | str, **attributes: Any) -> Markup:
    """An element; `_` in the name of an attribute stands for `-`, and at its end for nothing."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_NO_XML.sub("", str(value)))}"'
        for key, value in attributes.items()
    )
    inside = "".join(part if isinstance(part, Markup) else escape(_NO_XML.sub("", part)) for part in parts)
    return Markup(f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>")  # noqa: S704  # escaped above
