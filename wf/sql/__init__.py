"""Named SQL statements: the `.sql` files of this folder, parsed once. No other module holds one.

A statement begins with `-- name: purpose` after an empty line, and ends at the next one. Parameters are psycopg's
`%(name)s`. One statement is one round trip and one commit.

Lock order, everywhere: instance, step, event, slot, payload. A statement that locks rows of several instances does
not wait for any (`skip locked`), so that no order among them is needed: `alarm_due` takes what is free, `lease_extend`
and `details_tell`, which lock steps without their instance, leave alone what is just being written, as `lines_carry`
does with lines, and `lines_keep` leaves lines for later whose instance somebody is at work on. But for that, rows of
`attempt`, `line` and `transition` are changed only by whoever has the instance; nobody else waits for them.

Time is `coalesce(to_timestamp(%(now)s), now())`: the database's clock, or the one a test injects.

Fences: `generation` and `rev` of the instance, the `lease` token of an attempt. No row back means "not mine any more".
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import LiteralString

_HEAD = re.compile(r"(?:\A|(?<=\n\n))-- (\w+): (.+)$", re.MULTILINE)  # not any comment that has a colon


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
    """All statements by name: text of this package, never of a user."""
    files = sorted(Path(__file__).parent.glob("*.sql"))
    return parse("\n".join(file.read_text() for file in files))
