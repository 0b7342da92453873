"""Whether a stored value has a text in it, so that instances can be found by their errors, params and outputs.

Stored values are in our codec, and perhaps encrypted: Postgres cannot look into them, so a process does, into a number
of them that is bounded. What is small and what is capital makes no difference, in any script.

A search goes over a value as JSON, without blanks between its parts: `{"order":17,"to":"Zoë"}`. A text is found as a
part of some value, as in `Zoë`; as a piece of that JSON; or as a piece of JSON with blanks, as `{"order": 17` has them.
"""

from __future__ import annotations

import json
import re

from wf.cipher import SEAL
from wf.codec import CodecError
from wf.codec_write import TAG
from wf.faults import summary
from wf.plain import plain

BYTES = 65_536
"""A stored value that is bigger is not looked into."""

_TAGGED = f'"{TAG}"'.encode()
_BLANK = re.compile(r"([:,])\s+")
_WORD = re.compile(r"[^\s:]+")


class Wanted:
    """A text that is looked for.

    Args:
        text: As somebody has written it.
    """

    def __init__(self, text: str) -> None:
        self._text = text.casefold()
        escaped = _inside(self._text)
        self._forms = {self._text, escaped} | ({_BLANK.sub(r"\1", self._text)} if '"' in text else set())
        self._words = [_inside(word) for word in _WORD.findall(self._text)]

    def is_in_error(self, data: bytes | None) -> bool:
        """Whether an error has it in `name: message`."""
        if data is None or not self._may_be_in(data):
            return False
        try:
            found = summary(data)
        except CodecError:
            return False
        return self._text in f"{found.name}: {found.message}".casefold()

    def is_in_value(self, data: bytes | None) -> bool:
        """Whether params or an output have it in them."""
        if data is None or data[:1] == SEAL:
            return False
        text = _as_json(data).casefold()
        return any(form in text for form in self._forms)

    def _may_be_in(self, data: bytes) -> bool:
        """Whether an error is worth reading: it has every word of the text somewhere, be it in its traceback."""
        if _TAGGED in data:
            return True
        stored = str(data[1:], "utf-8", "replace").casefold()
        return all(word in stored for word in self._words)


def _as_json(data: bytes) -> str:
    """A stored value as JSON without blanks; what the codec has written is that already, but for types beyond JSON."""
    if _TAGGED not in data:
        return str(data[1:], "utf-8", "replace")
    try:
        return json.dumps(plain(data), ensure_ascii=False, separators=(",", ":"))
    except (CodecError, ValueError, RecursionError):
        return ""


def _inside(text: str) -> str:
    """A text as it stands in JSON, without the quotes around it."""
    return json.dumps(text, ensure_ascii=False)[1:-1]
