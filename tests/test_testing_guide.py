"""TESTING.md tells the truth: every snippet runs as it stands, and what is shown is what comes out."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support.plugin import run_pytest
from wf.testing import InstanceIntrospector, Modifier, Workbench, WorkflowIntrospector
from wf.testing.timetravel import Time

if TYPE_CHECKING:
    from tests.support import Databases

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "TESTING.md").read_text()
SKIPPED = 1
"""The check of production's journals, where there is no production."""


class Shown(NamedTuple):
    """A command of the guide, and what it is shown to print."""

    command: str
    output: str


def files() -> dict[str, str]:
    """The files that the snippets make: each begins with its name, or goes on with the one before."""
    made: dict[str, str] = {}
    name = ""
    for code in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL):
        if begin := re.match(r"# (\w+\.py)\n", code):
            name = begin[1]
            assert name not in made, f"{name} is there twice"
            made[name] = code
        else:
            made[name] += f"\n\n{code}"
    return made


def commands() -> list[Shown]:
    """What is typed and shown, in its order; the installation is not tried."""
    blocks = re.findall(r"```console\n(.*?)```", GUIDE, re.DOTALL)
    typed = [part.split("\n", 1) for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE) if part]
    return [Shown(command, output) for command, output in typed if command.startswith("pytest ")]


COMMANDS = commands()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the guide."""
    made = tmp_path_factory.mktemp("guide")
    for name, code in files().items():
        (made / name).write_text(code)
    return made


def plain(text: str) -> str:
    """Text without what differs from run to run: dates, times, bigger numbers, and where lines are broken."""
    text = re.sub(r"^E( |$)", "", text, flags=re.MULTILINE)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "<date>", text)
    text = re.sub(r"\d+\.\d+s( \(\d:\d\d:\d\d\))?", "<time>", text)
    text = re.sub(r"\d{4,}", "<number>", text)
    return " ".join(text.split())


@pytest.mark.parametrize("shown", COMMANDS, ids=lambda shown: shown.command)
def test_what_is_shown_comes_out(shown: Shown, folder: Path, databases: Databases, redis_url: str) -> None:
    """Each command, typed as it stands, prints what is shown, in this order; `...` leaves something out."""
    servers = {"$TEST_POSTGRES": databases.url("postgres"), "$TEST_REDIS": redis_url}
    arguments = [servers.get(word, word) for word in shlex.split(shown.command)[1:]]
    done = run_pytest(folder, *arguments)
    out, at = plain(done.stdout), 0
    for part in map(plain, re.split(r"^\.\.\.$", shown.output, flags=re.MULTILINE)):
        found = out.find(part, at)
        assert found >= 0, f"not printed: {part}\n\n{done.stdout}\n{done.stderr}"
        at = found + len(part)
    assert done.returncode == ("failed" in shown.output)


def test_everything_else_passes(folder: Path) -> None:
    """The files that no command names are run, too, and pass."""
    named = " ".join(shown.command for shown in COMMANDS)
    others = [name for name in files() if name.startswith("test_") and name not in named]
    tests = sum(files()[name].count("def test_") for name in others)
    done = run_pytest(folder, "-q", *others)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|skipped)", done.stdout)}
    assert counts["passed"] + counts["skipped"] >= tests > len(others)
    assert counts["skipped"] == SKIPPED


def test_each_file_is_run() -> None:
    """No snippet is decoration: each file has tests, or is imported by one that has."""
    made = files()
    for name, code in made.items():
        module = name.removesuffix(".py")
        used = any(f"from {module} import" in other or f'worker("{module}"' in other for other in made.values())
        assert used or re.search(r"^(async )?def test_", code, re.MULTILINE), name


@pytest.mark.parametrize("cls", [Modifier, Workbench, InstanceIntrospector, WorkflowIntrospector, Time])
def test_nothing_is_left_out(cls: type) -> None:
    """The guide tells of each public method."""
    inner = {"wanted", "look_again", "record", "hopeless", "end_session", "environment", "next_at"}
    names = {name for name in vars(cls) if not name.startswith("_")} - inner
    assert names
    assert {name for name in names if not re.search(rf"\b{name}\b", GUIDE)} == set()


def test_its_links_lead_somewhere() -> None:
    """Each file that the guide points to is there."""
    links = re.findall(r"\]\(([^)#]+)\)", GUIDE)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
