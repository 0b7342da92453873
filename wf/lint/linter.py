"""Files in, findings out."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from wf.lint.checks import CHECKS
from wf.lint.files import python_files, text_of
from wf.lint.findings import Finding, not_silenced
from wf.lint.regions import Code
from wf.lint.resolve import Resolver
from wf.lint.rules import RULES
from wf.lint.scopes import Tree
from wf.lint.workflows import Classes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MAY_HOLD_ONE = re.compile(r"WorkflowEntrypoint|def run\(self, event")
"""Other files need not be looked at."""


def check_paths(paths: Iterable[str]) -> Iterator[Finding]:
    """Check files, and all Python files below folders.

    Args:
        paths: Files and folders.

    Raises:
        FileNotFoundError: There is neither a file nor a folder of such a name.
        OSError: A file cannot be read.
    """
    for path in python_files(paths):
        yield from check_bytes(Path(path).read_bytes(), path)


def check_bytes(data: bytes, path: str) -> list[Finding]:
    """Check a file that has been read."""
    try:
        return check_source(text_of(data), path)
    except SyntaxError as error:
        return [_unreadable(path, error.lineno or 1, error.offset or 1, error.msg)]


def check_source(source: str, path: str = "<source>") -> list[Finding]:
    """Check the source of a module.

    Args:
        source: Its text.
        path: How findings call it.

    Returns:
        What was found, in order; source that is no Python is a finding, too.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's source, such as an invalid escape
            module = ast.parse(source)
        found = _findings(module, path) if _MAY_HOLD_ONE.search(source) else set()
    except SyntaxError as error:
        return [_unreadable(path, error.lineno or 1, error.offset or 1, error.msg)]
    except (RecursionError, MemoryError):
        return [_unreadable(path, 1, 1, "it nests too deeply")]
    except ValueError as error:  # a null byte, or a number of a thousand digits
        return [_unreadable(path, 1, 1, str(error))]
    return not_silenced(sorted(found), source.splitlines())


def _unreadable(path: str, line: int, column: int, reason: str) -> Finding:
    rule = RULES["WF100"]
    return Finding(path, max(line, 1), max(column, 1), rule.code, f"The file {rule.why}: {reason}. {rule.mend}")


def _findings(module: ast.Module, path: str) -> set[Finding]:
    tree = Tree(module)
    classes = Classes(tree)
    found: dict[tuple[int, int, str], Finding] = {}
    for cls in classes.workflows:
        code = Code(path, tree, Resolver(tree, classes), classes, cls)
        for each in (finding for check in CHECKS for finding in check(code)) if code.run else ():
            found.setdefault((each.line, each.column, each.code), each)
    return set(found.values())
