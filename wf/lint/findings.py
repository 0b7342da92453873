"""What was found, and the comments that say that it is meant so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wf.lint.rules import RULES

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterable, Sequence

    Placed = ast.expr | ast.stmt | ast.excepthandler

_NOQA = re.compile(r"#\s*noqa(?![\w-])(?P<codes>\s*:\s*[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)?", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Finding:
    """A rule that is broken at a place.

    Attributes:
        path: The file, as it was named.
        line: From 1.
        column: From 1.
        code: Of the rule.
        message: What, why, and how to mend it.
    """

    path: str
    line: int
    column: int
    code: str
    message: str

    @classmethod
    def at(cls, path: str, node: Placed, code: str, what: str, name: str = "") -> Finding:
        """A finding of a rule: `what` is the subject of the rule's sentence."""
        rule = RULES[code]
        mend = rule.mend.replace("{name}", name)
        return cls(path, node.lineno, node.col_offset + 1, code, f"{what} {rule.why}. {mend}")


def not_silenced(findings: Iterable[Finding], lines: Sequence[str]) -> list[Finding]:
    """Findings without those on lines that end with `# noqa` or `# noqa: WF101`."""
    return [each for each in findings if not _silenced(each, lines)]


def _silenced(finding: Finding, lines: Sequence[str]) -> bool:
    if finding.line > len(lines) or (found := _NOQA.search(lines[finding.line - 1])) is None:
        return False
    codes = re.findall(r"[A-Z]+[0-9]+", (found["codes"] or "").upper())
    return not codes or finding.code in codes


def chosen(findings: Iterable[Finding], select: Sequence[str], ignore: Sequence[str]) -> list[Finding]:
    """Findings whose codes begin like one of `select`, if there are any, and like none of `ignore`."""
    wanted, unwanted = tuple(select) or ("",), tuple(ignore)
    return [each for each in findings if each.code.startswith(wanted) and not each.code.startswith(unwanted or ("?",))]
