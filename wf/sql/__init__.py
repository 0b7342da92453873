"""Named SQL statements: `queries.sql`, parsed once.

A statement begins with `-- name: purpose` and ends at the next one. Parameters are psycopg's `%(name)s`.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import LiteralString

_HEAD = re.compile(r"^-- (\w+): (.+)$", re.MULTILINE)


def parse(text: str) -> dict[str, str]:
    """The statements of a file by name.

    Raises:
        ValueError: A name stands twice.
    """
    heads = list(_HEAD.finditer(text))
    statements: dict[str, str] = {}
    for head, after in zip(heads, [*heads[1:], None], strict=True):
        name = head[1]
        if name in statements:
            raise ValueError(f"The SQL statement {name!r} is defined twice.")
        lines = text[head.end() : after.start() if after else None].strip().splitlines()
        statements[name] = "\n".join(line for line in lines if not line.lstrip().startswith("--"))
    return statements


@cache
def statements() -> dict[str, LiteralString]:
    """The statements of `queries.sql`: text of this package, never of a user."""
    return parse((Path(__file__).parent / "queries.sql").read_text())
