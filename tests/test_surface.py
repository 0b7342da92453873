"""What the packages show: names, types of errors, and what importing them costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import wf
from tests.support.processes import environment
from wf import errors
from wf.settings import Settings

ROOT = Path(wf.__file__).parent
CORE = sorted((ROOT / "core").glob("*.py"))
ALLOWED = ("wf.core", "wf.errors", "wf.durations")
"""What the core may import of ours."""
FORBIDDEN = {
    "celery", "kombu", "os", "pathlib", "psycopg", "random", "redis", "secrets", "select", "socket", "sqlalchemy",
    "structlog", "subprocess", "time", "uuid",
}  # fmt: skip
"""I/O, clocks and randomness, none of which the core may import."""

HARMLESS = {"uuid.UUID"}
"""What it may import of them: a class that only holds a value."""


def python(code: str) -> str:
    """What a fresh process prints."""
    env = environment(Settings())
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def imports(path: Path) -> set[str]:
    """The modules that a file imports, those for type checkers included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= whole if whole <= HARMLESS else {node.module or ""}
    return found


def test_the_public_names_are_sorted_and_there() -> None:
    """`__all__` is in order, without doubles, and each name exists."""
    assert wf.__all__ == sorted(set(wf.__all__))
    assert all(hasattr(wf, name) for name in wf.__all__)


def test_everything_public_is_declared() -> None:
    """No class of ours that `wf` imports for its users is missing from `__all__`."""
    ours = {name for name, value in vars(wf).items() if getattr(value, "__module__", "").startswith("wf.")}
    assert {name for name in ours if not name.startswith("_")} <= set(wf.__all__)


def test_a_star_import_gives_the_public_names() -> None:
    """`from wf import *` works and gives exactly `__all__`."""
    code = "names = {}\nexec('from wf import *', names)\nnames.pop('__builtins__')\nprint(*sorted(names))"
    assert python(code).split() == wf.__all__


def test_every_public_name_is_documented() -> None:
    """Whoever asks `help(...)` is told something."""
    assert [name for name in wf.__all__ if not (getattr(wf, name).__doc__ or "").strip()] == []


def test_importing_the_library_imports_no_celery() -> None:
    """A web app that only uses the client pays for no Celery, and needs no app."""
    code = "import sys, wf, wf.cli\nprint(*{'celery', 'kombu', 'wf_tasks', 'wf_reaper'} & set(sys.modules))"
    assert python(code) == ""


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """A misspelt import fails as any other, and the error names the module and the name."""
    with pytest.raises(AttributeError, match=r"'wf' has no attribute 'Cleint'"):
        _ = wf.Cleint


def test_a_client_needs_no_celery() -> None:
    """Creating a client and addressing a workflow works without Celery, too."""
    code = (
        "import sys, wf\n"
        "client = wf.Client('postgresql://127.0.0.1:1/x', 'redis://127.0.0.1:1/0')\n"
        "client.workflow('report')\n"
        "print('celery' in sys.modules, 'kombu' in sys.modules)"
    )
    assert python(code) == "False False"


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_the_core_is_pure(path: Path) -> None:
    """Replay knows neither database, broker, clock nor chance, and nothing of ours that does."""
    for module in imports(path):
        assert module in HARMLESS or module.partition(".")[0] not in FORBIDDEN, module
        assert not module.startswith("wf") or module.startswith(ALLOWED), module


def test_each_error_for_callers_has_a_code_of_its_own() -> None:
    """Codes are stable text that names the kind, and no two errors share one."""
    kinds = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.WfError)]
    codes = [cls.code for cls in kinds if cls is not errors.InvalidTransition]  # whose code names the action
    assert len(set(codes)) == len(codes)
    assert all("." in code for code in codes if code != "rate_limited")


def test_the_tree_of_errors_shows_every_error() -> None:
    """The module's drawing names each class, and no class that is gone."""
    drawing = errors.__doc__ or ""
    names = {cls.__name__ for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, BaseException)}
    assert {name for name in names if name not in drawing} == set()


def test_signals_are_no_ordinary_exceptions() -> None:
    """An author's `except Exception` cannot swallow the engine's control flow."""
    assert issubclass(errors.Signal, BaseException)
    assert not issubclass(errors.Signal, Exception)
