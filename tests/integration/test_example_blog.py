"""The example `examples/blog`: its own tests, and the same on real workers with a real server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.support import wait_until
from tests.support.plugin import run_pytest
from tests.support.processes import environment
from tests.support.web import free_port
from wf import Client
from wf.dev.process import kill_group, spawn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Processes
    from wf.settings import Settings

EXAMPLE = Path(__file__).parents[2] / "examples/blog"
CLEAN = {"author": "ann@example.org", "title": "Tea", "body": "Water first."}
SUSPICIOUS = {"author": "bob@example.org", "title": "Rich", "body": "At the casino"}
BY_HUMAN = {"approved": True, "moderator": "mo"}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Where the processes find the example and its blog."""
    return {"PYTHONPATH": str(EXAMPLE), "BLOG": str(tmp_path / "blog.sqlite"), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def http(settings: Settings, env: dict[str, str], tmp_path: Path) -> Iterator[httpx.Client]:
    """The web app, as its README starts it."""
    port, log = free_port(), tmp_path / "app.log"
    argv = [sys.executable, "-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("ab") as output, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        process = spawn(
            argv, env=environment(settings, env), cwd=EXAMPLE, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            wait_until(lambda: answers(client), 30, "the app answers")
            yield client
        except BaseException as error:
            error.add_note(log.read_text())
            raise
        finally:
            kill_group(process)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/posts").is_success
    except httpx.TransportError:
        return False


def ask(client: httpx.Client, path: str, body: dict[str, Any]) -> Any:
    answer = client.post(path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


def titles(client: httpx.Client) -> list[str]:
    return [post["title"] for post in client.get("/posts").json()]


def test_its_own_tests_pass(tmp_path: Path) -> None:
    """Whoever copies the example and types `pytest` sees them pass, without servers."""
    done = run_pytest(EXAMPLE, "-q")
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d\d passed", done.stdout)


def test_without_its_key_a_post_is_published_twice(tmp_path: Path) -> None:
    """What the README says to try: without the idempotency key, a worker's death publishes the post again."""
    broken = shutil.copytree(EXAMPLE, tmp_path / "blog", ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    code = (broken / "moderation.py").read_text().replace("key=ctx.idempotency_key", "key=str(ctx.attempt)", 1)
    (broken / "moderation.py").write_text(code)
    done = run_pytest(broken, "-q", "-k", "dies")
    assert done.returncode == 1, done.stdout
    assert "assert (2, 1) == (1, 1)" in done.stdout
    assert "1 failed, 1 passed" in done.stdout


def test_on_real_workers(http: httpx.Client, processes: Processes, settings: Settings, env: dict[str, str]) -> None:
    """A clean post is published by itself, a suspicious one by a human, though the worker is killed in between."""
    start_worker = partial(processes.worker, "moderation", PYTHONPATH=env["PYTHONPATH"], BLOG=env["BLOG"])
    worker = start_worker()
    ask(http, "/posts", CLEAN)
    wait_until(lambda: titles(http) == ["Tea"], 20, "the clean post is published")

    id = ask(http, "/posts", SUSPICIOUS)["id"]
    review = wait_until(lambda: http.get("/reviews").json(), 20, "the other one waits for a moderator")
    assert [(each["post"], each["title"]) for each in review] == [(id, "Rich")]
    worker.kill()
    ask(http, f"/reviews/{id}", BY_HUMAN)
    assert titles(http) == ["Tea"]
    start_worker()
    with Client(settings=settings) as client:
        assert client.workflow("moderation").get(id).result(timeout=60) == BY_HUMAN
    assert titles(http) == ["Tea", "Rich"]
    assert http.get("/reviews").json() == []
    assert http.get(f"/posts/{id}").json() == {"status": "complete", "outcome": BY_HUMAN}
