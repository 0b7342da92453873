"""`wf lint`, as it is called; it needs neither servers nor settings."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner

from wf.cli import main
from wf.lint import RULES, check_source

if TYPE_CHECKING:
    from click.testing import Result

ROOT = Path(__file__).parents[2]
BAD = """\
import time

from wf import WorkflowEntrypoint


class A(WorkflowEntrypoint):
    async def run(self, event, step):
        event.payload["at"] = time.time()
        step.sleep("a", 1)
"""
GOOD = BAD.replace('        event.payload["at"] = time.time()\n', "").replace("step.sleep", "await step.sleep")


def lint(*args: str) -> Result:
    """Call it in this process."""
    return CliRunner().invoke(main, ["lint", *args], catch_exceptions=False)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two files, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "good.py").write_text(GOOD)
    return tmp_path


def found(result: Result) -> list[str]:
    """Files and codes."""
    lines = [re.match(r"(.+?):(\d+):(\d+): (WF\d+) .+\.$", line) for line in result.stdout.splitlines()]
    assert all(lines), result.output
    return [f"{each[1]}:{each[2]} {each[4]}" for each in lines if each]


ALL = ["bad.py:8 WF121", "bad.py:8 WF102", "bad.py:9 WF110"]


@pytest.mark.usefixtures("here")
def test_findings_are_lines_and_exit_code_1() -> None:
    """This folder is checked if none is named; a clean file says nothing and gives 0."""
    for args in ((), (".",), ("bad.py", "good.py", "bad.py")):
        result = lint(*args)
        assert (found(result), result.exit_code, result.stderr) == (ALL, 1, "")
    clean = lint("good.py")
    assert (clean.output, clean.exit_code) == ("", 0)


@pytest.mark.usefixtures("here")
def test_each_message_says_what_why_and_how() -> None:
    """The whole line, as an editor shows it."""
    assert lint("bad.py", "--select", "WF110").stdout == (
        "bad.py:9:9: WF110 `step.sleep()` is not awaited: its result and its error are lost, and it is cancelled when "
        "`run` ends. Write `await` before it, or gather it with others.\n"
    )


@pytest.mark.usefixtures("here")
def test_rules_are_selected_and_ignored() -> None:
    """By codes and their beginnings, as flake8 does; what no rule begins with is refused."""
    assert found(lint("--select", "WF121,WF102")) == ALL[:2]
    assert found(lint("--select", "WF12, wf110")) == [ALL[0], ALL[2]]
    assert found(lint("--ignore", "WF12,WF110")) == [ALL[1]]
    assert found(lint("--select", "WF1", "--ignore", "WF10")) == [ALL[0], ALL[2]]
    assert lint("--ignore", "WF").exit_code == 0
    refused = lint("--select", "E501")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert 'wf: No rule begins with "E501"' in refused.stderr


@pytest.mark.usefixtures("here")
def test_json_is_one_document() -> None:
    """A list of objects, empty if nothing is found."""
    result = lint("bad.py", "--format", "json")
    told = json.loads(result.stdout)
    assert [each["code"] for each in told] == ["WF121", "WF102", "WF110"]
    assert set(told[0]) == {"path", "line", "column", "code", "title", "message"}
    assert result.exit_code == 1
    assert json.loads(lint("good.py", "--format", "json").stdout) == []


def test_github_shows_it_beside_the_lines(here: Path) -> None:
    """One workflow command a finding, in which what would end it is escaped."""
    (here / "a,b:%.py").write_text(BAD)
    [line] = lint("a,b:%.py", "--format", "github", "--select", "WF110").stdout.splitlines()
    assert line.startswith("::error file=a%2Cb%3A%25.py,line=9,col=9,title=WF110::`step.sleep()` is not awaited:")


@pytest.mark.usefixtures("here")
def test_what_is_not_there_is_exit_code_2() -> None:
    """A file or folder that is not there is named; nothing else is told."""
    result = lint("good.py", "none.py")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == 'wf: There is no file or folder "none.py".\n'


def test_what_is_no_python_is_a_finding(here: Path) -> None:
    """A syntax error is told with its line, and does not keep other files from being checked."""
    (here / "broken.py").write_text("x = 1\ndef (:\n")
    (here / "latin.py").write_bytes(b"x = 1\n\ny = '\xff'\n")
    (here / "empty.py").write_text("")
    result = lint()
    assert found(result) == [*ALL, "broken.py:2 WF100", "latin.py:3 WF100"]
    assert result.exit_code == 1


def test_folders_are_walked_without_what_is_not_yours(here: Path) -> None:
    """Hidden folders, caches and virtual environments are left out; what is named itself is not."""
    for folder in (".hidden", "__pycache__", ".venv", "mine", "node_modules", "pkg/sub"):
        (here / folder).mkdir(parents=True)
        (here / folder / "bad.py").write_text(BAD)
    (here / "mine" / "pyvenv.cfg").write_text("")
    (here / "text.txt").write_text(BAD)
    (here / "loop").symlink_to(here)
    files = [line.partition(":")[0] for line in found(lint("--select", "WF102"))]
    assert files == ["bad.py", "pkg/sub/bad.py"]
    assert [line.partition(":")[0] for line in found(lint(".hidden", "--select", "WF102"))] == [".hidden/bad.py"]
    empty = here / "nothing"
    empty.mkdir()
    assert (lint("nothing").output, lint("nothing").exit_code) == ("", 0)


def test_odd_names_of_files_are_printed(here: Path) -> None:
    """Bytes that are no text, and what would steer the terminal, are written out; pipes and broken links are left."""
    folder = here / "odd"
    folder.mkdir()
    for name in (b"a\x1b[31m.py", b"b\xff.py"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text(BAD)
    os.mkfifo(folder / "c.py")
    (folder / "d.py").symlink_to("nowhere")
    lines = lint("odd", "--select", "WF110").stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["odd/a\\x1b[31m.py", "odd/b\\udcff.py"]
    assert len(json.loads(lint("odd", "--select", "WF110", "--format", "json").stdout)) == 2
    assert lint("odd/d.py").exit_code == 2


@pytest.mark.parametrize(
    "comment", ["# noqa", "# noqa: WF110", "#NOQA:E501,WF110", "# noqa: WF110 meant so", "# noqa WF"]
)
def test_noqa_says_that_it_is_meant(here: Path, comment: str) -> None:
    """A bare `# noqa`, and one with the code, silence the line; nothing else does."""
    (here / "bad.py").write_text(BAD.replace('step.sleep("a", 1)', f'step.sleep("a", 1)  {comment}'))
    assert found(lint("bad.py")) == ALL[:2]


@pytest.mark.parametrize("comment", ["# noqa: WF102", "# noqa:E501", "# noqa-ish", "# no qa", "# WF110"])
def test_other_comments_silence_nothing(here: Path, comment: str) -> None:
    """Another code, or another word."""
    (here / "bad.py").write_text(BAD.replace('step.sleep("a", 1)', f'step.sleep("a", 1)  {comment}'))
    assert found(lint("bad.py")) == ALL


def test_rules_are_listed_and_explained() -> None:
    """Each with its title, its reason, and an example that breaks it; one that is not there is refused."""
    listed = lint("--list")
    assert [line[:5] for line in listed.stdout.splitlines()] == list(RULES)
    for code, rule in RULES.items():
        told = lint("--explain", code.lower()).stdout
        assert told.startswith(f"{code}: {rule.title}\n")
        assert rule.why in told
    refused = lint("--explain", "WF999")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert 'There is no rule "WF999"' in refused.stderr


@pytest.mark.parametrize("code", [code for code in RULES if code != "WF100"])
def test_the_examples_of_rules_are_true(code: str) -> None:
    """What is shown as bad is found by its rule, in a workflow around it, and what is shown as good is not."""
    head = (
        "import asyncio, httpx, os, time, uuid\nfrom datetime import UTC, datetime\nfrom uuid import uuid4\n"
        "from wf import WorkflowEntrypoint\n\n\nclass A(WorkflowEntrypoint):\n    async def run(self, event, step):\n"
    )
    before = {
        "WF116": "steps = [step.do('a', lambda: 1), step.do('b', lambda: 1)]\n",
        "WF120": "found = []\n",
        "WF122": "async def charge(): await step.do('charge', lambda: 1)\n",
    }.get(code, "")
    for text, finds in ((RULES[code].bad, True), (RULES[code].good, False)):
        whole = before + (f"{text}\n    pass" if text.endswith(":") else text)
        body = "".join(f"        {line}\n" for line in whole.splitlines())
        assert [each.code for each in check_source(head + body)] == ([code] if finds else []), body


def test_it_starts_fast_and_imports_little(here: Path) -> None:
    """A fresh process imports neither SQLAlchemy nor Celery nor pydantic, needs no settings, and loads no user code."""
    (here / "loud.py").write_text(f"raise SystemExit('imported')\n{BAD}")
    code = (
        "import sys\nfrom wf.cli import main\n"
        "try:\n    main(['lint', 'loud.py'])\nexcept SystemExit as end:\n    print('exit', end.code)\n"
        "print(*sorted({'sqlalchemy', 'celery', 'kombu', 'pydantic', 'psycopg', 'redis', 'loud'} & set(sys.modules)))"
    )
    env = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True)
    *told, ended, imported = done.stdout.split("\n")[:-1]
    assert [line.split()[1] for line in told] == ["WF121", "WF102", "WF110"]
    assert (ended, imported) == ("exit 1", "")


def test_the_hook_of_pre_commit_calls_it() -> None:
    """pre-commit installs this package and calls a command that is there."""
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert (hook["id"], hook["language"], hook["types"]) == ("wf-lint", "python", ["python"])
    command, *args = hook["entry"].split()
    assert command == "wf"
    assert CliRunner().invoke(main, [*args, "--list"]).exit_code == 0
