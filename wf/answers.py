"""What the clients answer: items under the baseline's camelCase names, and attributes in snake_case."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1024)
def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


class Answer(dict[str, Any]):
    """A mapping whose items are attributes too: `answer["versionId"]` is `answer.version_id`."""

    def __getattr__(self, name: str) -> Any:
        for key in (name, _camel(name)):
            if key in self:
                return self[key]
        raise AttributeError(f"This answer has no {name!r}; it has {', '.join(self)}.")


class Page(list[Answer]):
    """A page of a list, newest first.

    Attributes:
        cursor: Where the next page begins; None at the end.
    """

    def __init__(self, entries: list[Answer], cursor: str | None) -> None:
        super().__init__(entries)
        self.cursor = cursor
