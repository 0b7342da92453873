"""The API keeps what its OpenAPI says, whatever it is asked: schemathesis against the real server."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.access import make_token
from tests.support.errands import Errand
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Rig
    from tests.support.api import Api

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance",
)  # fmt: skip
"""No 5xx, and no status, type or shape that is not documented."""

CONFIG = """
parameters = { name = "errand" }

[[operations]]
include-path-regex = "instances/.id"
parameters = { name = "errand", id = "r-17" }

[[operations]]
include-method = "GET"
generation = { max-examples = 4 }
"""
"""Fewer requests at random for what only reads: there the examples and the edges tell most."""


class Scheduled(WorkflowEntrypoint, name="scheduled", schedules=["0 9 * * *"], concurrency=2):
    """A workflow with settings to show."""

    async def run(self, event: object, step: object) -> None:
        """Nothing."""


def populate(rig: Rig) -> None:
    """Instances of every kind, for answers that have something to show."""
    for cls in (Errand, Scheduled):
        rig.workers[0].catalog.register(cls)
    for n, doing in enumerate(["", "fail", "flaky", "sleep", "wait"]):
        rig.create(Errand, f"i-{n}", {"do": doing})
    rig.create(Errand, "r-17", {"do": ""})
    rig.settle()


@pytest.mark.timeout(300)
def test_the_api_answers_as_documented_whatever_it_is_asked(rig: Rig, api: Api, tmp_path: Path) -> None:
    """Requests made up from the OpenAPI, right and wrong ones, find no 5xx and no undocumented answer."""
    populate(rig)
    token = make_token(rig, "trial", "admin")["Authorization"]  # or the first one that is made would lock us out
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"),
        *(f"{api.url}/api/openapi.json", "--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"),
        *("--max-examples", "8", "--seed", "17", "--request-timeout", "10", "--continue-on-failure", "--no-color"),
        *("--header", f"Authorization: {token}"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-4_000:]
