"""`wf.compat.cloudflare`: what it installs, and what it does not overwrite."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conformance.samples import cloudflare
from tests.support.processes import environment
from wf.compat.workers import Request, Response
from wf.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

IMPORT = "import wf.compat.cloudflare\nfrom workers import Response, WorkflowEntrypoint"


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A fresh process in a folder."""
    argv = [sys.executable, "-c", code]
    return subprocess.run(
        argv, cwd=folder, env=environment(Settings()), capture_output=True, text=True, timeout=60, check=False
    )


def test_without_it_there_is_no_such_module(tmp_path: Path) -> None:
    """Importing `wf` alone takes no name that could be somebody else's."""
    assert "No module named 'workers'" in python("import wf\nimport workers", tmp_path).stderr


def test_both_modules_are_there() -> None:
    """They can be found and imported as any other, again and again."""
    cloudflare.install()
    for name in ("workers", "workers.workflows"):
        assert importlib.util.find_spec(name) is sys.modules[name].__spec__


@pytest.mark.parametrize("name", ["workers.py", "workers/__init__.py"])
def test_another_module_of_that_name_is_not_hidden(tmp_path: Path, name: str) -> None:
    """The error says where the other one is, and what to do."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    done = python(IMPORT, tmp_path)
    assert (
        f"ModuleTaken: Cloudflare's module `workers` cannot be stood in for: there is another one ({path})"
        in done.stderr
    )
    assert "Rename it" in done.stderr


def test_a_module_that_is_imported_already_is_not_replaced(tmp_path: Path) -> None:
    """Also if it cannot be found on the path any more."""
    code = f"import sys, types\nsys.modules['workers'] = types.ModuleType('workers')\n{IMPORT}"
    assert "there is another one (already imported)" in python(code, tmp_path).stderr


def test_a_folder_of_that_name_is_no_module(tmp_path: Path) -> None:
    """A folder with sources in another language does no harm."""
    (tmp_path / "workers").mkdir()
    assert python(f"{IMPORT}\nprint(Response.__name__)", tmp_path).stdout == "Response\n"


def test_a_worker_says_it_in_one_line(settings: Settings, tmp_path: Path) -> None:
    """`wf worker --compat cloudflare` beside another `workers` ends with exit code 1."""
    (tmp_path / "workers.py").write_text("")
    argv = [sys.executable, "-m", "wf", "worker", "workers", "--compat", "cloudflare"]
    done = subprocess.run(
        argv, cwd=tmp_path, env=environment(settings), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("wf: Cloudflare's module `workers` cannot be stood in for")


def test_dicts_have_no_attributes_without_it(tmp_path: Path) -> None:
    """Whoever does not ask for it gets the plain dict that was stored."""
    code = (
        "from wf.views import shown\nprint(type(shown({})))\nimport wf.compat.cloudflare\nprint(shown([{'a': 1}])[0].a)"
    )
    assert python(code, tmp_path).stdout == "<class 'dict'>\n1\n"


def test_responses_can_be_made() -> None:
    """From text, bytes, nothing and JSON; they hold what they were given."""
    assert asyncio.run(Response("hello").text()) == "hello"
    assert asyncio.run(Response(b"bytes", status=201).text()) == "bytes"
    assert asyncio.run(Response().text()) == ""
    made = Response.json({"a": None}, status=404, headers={"x": "y"})
    assert (made.body, made.status, made.ok) == ('{"a": null}', 404, False)
    assert made.headers == {"content-type": "application/json", "x": "y"}
    assert Response.redirect("/there").headers == {"location": "/there"}


def test_requests_can_be_made() -> None:
    """They hold URL, method, headers and body."""
    made = Request("https://x.example/a?b=1", "POST", {"h": "1"}, '{"n": 1}')
    assert (made.url, made.method, made.headers) == ("https://x.example/a?b=1", "POST", {"h": "1"})
    assert asyncio.run(made.json()) == {"n": 1}
