"""Elements of SVG, in which every text is escaped."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from markupsafe import Markup, escape

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no file in XML may hold, not even escaped."""

_PLAIN = re.compile("[ !#-%(-;=?-~]*")
"""Texts in which nothing has to be escaped: nearly all of them, and there are thousands in a picture."""


def tag(name: str, *parts: Markup | str, **attributes: Any) -> Markup:
    """An element; `_` in the name of an attribute stands for `-`, and at its end for nothing."""
    written = "".join([f' {_attribute(key)}="{escaped(str(value))}"' for key, value in attributes.items()])
    inside = "".join([part if isinstance(part, Markup) else escaped(part) for part in parts])
    return Markup(f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>")  # noqa: S704  # escaped above


@cache
def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def escaped(text: str) -> str:
    """A text as it stands in an element or an attribute."""
    return text if _PLAIN.fullmatch(text) else escape(_NO_XML.sub("", text))
