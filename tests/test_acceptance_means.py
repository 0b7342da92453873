"""What the acceptance tests import: nothing that a user does not have."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import wf

FOLDER = Path(__file__).parent / "acceptance"
FILES = sorted(
    path for path in FOLDER.glob("*.py") if path.name != "conftest.py"
)  # which chooses the setting to run under
OF_OTHERS = {"celery", "httpx", "kombu", "opentelemetry", "psycopg", "pytest", "redis", "sqlalchemy"}
"""Drivers, the runner, and what a user's own code is written with."""

OURS = {"wf", "wf.errors", "wf.settings", "wf_tasks"}
"""Modules whose names are for users; `wf.contrib` and `wf.testing` are so as a whole."""


def foreign(source: str) -> set[str]:
    """The modules that a file imports, for type checkers only as well, and that a user does not have."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if not is_users(alias.name)}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names = {f"{module}.{alias.name}" for alias in node.names} if module in {"tests", "wf"} else set()
            found |= {name for name in {module, *names} if not is_users(name)}
    return found


def is_users(module: str) -> bool:
    """Whether users have this module, or name of a module; a name of `wf` is theirs if it is in `__all__`."""
    top, _, rest = module.partition(".")
    if top == "tests":
        return rest in {"", "acceptance"} or rest.startswith("acceptance.")
    if top == "wf" and rest.partition(".")[0] in {"contrib", "testing"}:
        return "._" not in module
    return top in sys.stdlib_module_names | OF_OTHERS or module in OURS or (top == "wf" and rest in wf.__all__)


def test_there_are_acceptance_tests() -> None:
    """The folder has not moved."""
    assert len(FILES) > 10


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_acceptance_test_uses_what_users_have(path: Path) -> None:
    """Public names of ours, the standard library, pytest, the drivers, and other files of the folder."""
    assert foreign(path.read_text()) == set()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from tests.support import wait_until", "tests.support"),
        ("from tests import support", "tests.support"),
        ("import tests.support.rig", "tests.support.rig"),
        ("from . import support", "."),
        ("from wf import crashpoints", "wf.crashpoints"),
        ("from wf import Client, crashpoints", "wf.crashpoints"),
        ("from wf.dispatch import connect", "wf.dispatch"),
        ("if TYPE_CHECKING:\n    from wf.instance import Instance", "wf.instance"),
        ("def f():\n    from wf.engine import Engine", "wf.engine"),
        ("from wf_tasks.runtime import Runtime", "wf_tasks.runtime"),
        ("import wf.journal", "wf.journal"),
        ("import structlog", "structlog"),
    ],
)
def test_what_is_private_is_found(line: str, found: str) -> None:
    """However it is imported."""
    assert foreign(line) == {found}


def test_what_is_public_is_not_found() -> None:
    """In each way in which it may be imported."""
    source = (
        "import wf, wf.testing.waiting, json, celery\n"
        "from wf import Client, testing\n"
        "from wf.testing import crashpoints\n"
        "from wf_tasks import attach\n"
        "from tests.acceptance import flows"
    )
    assert foreign(source) == set()
