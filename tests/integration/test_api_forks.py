"""Forks over REST, and by the command line: at the journal itself, and through an API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.access import make_token
from tests.support.cli import Shell
from tests.support.parcels import at
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import Rig
    from tests.support.api import Api

PREFIX = "workflows.api.error."
PATH = at("r-17", "/fork", "fork-api")


class Twice(WorkflowEntrypoint, name="fork-api"):
    """Tells what it was given before and after a step."""

    async def run(self, event: Any, step: Any) -> Any:
        first = await step.do("first", lambda: event.payload)
        return [first, await step.do("last", lambda: event.payload)]


@pytest.fixture(autouse=True)
def original(rig: Rig) -> None:
    """An instance that is over."""
    rig.workers[0].catalog.register(Twice)
    rig.create(Twice, "r-17", 1)
    rig.settle()


FORKS: list[tuple[dict[str, Any] | None, Any]] = [
    (None, [1, 1]),
    ({}, [1, 1]),
    ({"params": 2}, [2, 2]),
    ({"params": None}, [{}, {}]),
    ({"id": "r-18", "params": 2, "from": {"name": "last"}}, [1, 2]),
    ({"from": {"name": "last", "count": 1, "type": "do"}}, [1, 1]),
]


@pytest.mark.parametrize(("body", "output"), FORKS, ids=str)
def test_a_fork_over_rest(rig: Rig, api: Api, body: dict[str, Any] | None, output: Any) -> None:
    """The answer is that of a creation; what is not said is as in the original."""
    made = api.ok("POST", PATH, **({} if body is None else {"json": body}))
    assert made == {
        "id": (body or {}).get("id", made["id"]), "status": "queued", "version_id": "1", "workflow_id": "fork-api",
        "trigger_source": "fork",
    }  # fmt: skip
    rig.settle()
    found = api.ok("GET", at(made["id"], "", "fork-api"))
    assert (found["status"], found["output"], found["trigger"]) == ("complete", output, {"source": "fork"})
    entries = api.ok("GET", "/api/audit", params={"workflow": "fork-api", "instance": "r-17"})
    assert [(entry["actor"], entry["action"], entry["detail"]["to"]) for entry in entries] == [
        ("api:local", "fork", made["id"])
    ]


REFUSED: list[tuple[str, Any, tuple[int, int, str]]] = [
    (at("r-99", "/fork", "fork-api"), {}, (404, 10400, PREFIX + "instance.not_found")),
    (at("r-17", "/fork", "nowhere"), {}, (404, 10200, PREFIX + "workflow.not_found")),
    (PATH, {"id": "r-17"}, (409, 10405, PREFIX + "instance.already_exists")),
    (PATH, {"from": {"name": "second"}}, (409, 10406, PREFIX + "instance.cannot_restart")),
    (PATH, {"id": "no id"}, (400, 10401, PREFIX + "instance.invalid_id")),
    (PATH, {"from": {"name": "last", "count": 0}}, (400, 10002, PREFIX + "request.invalid")),
    (PATH, {"from_step": "last"}, (400, 10002, PREFIX + "request.invalid")),
]


@pytest.mark.parametrize(("path", "body", "refusal"), REFUSED, ids=str)
def test_what_cannot_be_forked_is_refused(
    rig: Rig, api: Api, path: str, body: Any, refusal: tuple[int, int, str]
) -> None:
    """With the status and number of its error, and nothing is created."""
    assert api.refusal("POST", path, json=body) == refusal
    assert rig.sql("select count(*) from wf.instance") == [(1,)]


def test_a_fork_needs_a_token_that_may_write_to_the_workflow(rig: Rig, api: Api) -> None:
    """A reader may not, nor who is limited to another one; who may is named in the audit."""
    forbidden = (403, 10003, PREFIX + "auth.forbidden")
    for header in (make_token(rig, "look", "read"), make_token(rig, "other", "write", workflows=["errand"])):
        assert api.refusal("POST", PATH, json={}, headers=header) == forbidden
    api.ok("POST", PATH, json={"id": "r-18"}, headers=make_token(rig, "ci", "write", workflows=["fork-api"]))
    assert rig.sql("select distinct actor from wf.audit where action = 'fork'") == [("api:ci",)]


@pytest.fixture(params=["journal", "api"])
def run(request: pytest.FixtureRequest, rig: Rig, api: Api) -> Callable[..., str]:
    """`wf ...` at the journal, or with nothing but the URL of an API; what it prints."""
    nowhere = {"WF_DATABASE_URL": "", "WF_REDIS_URL": "", "WF_API_URL": api.url}
    env = nowhere if request.param == "api" else {}

    def command(*args: str) -> str:
        done = Shell(rig.settings)(*args, **env)
        api.app.state.parts.nudging.flush()
        assert done.exit_code == 0, done.output
        return done.stdout

    return command


def test_the_command_forks(rig: Rig, run: Callable[..., str]) -> None:
    """From the start or from a step, with params or without; it says which one is new."""
    fork = ("instances", "fork", "fork-api")
    said = run(*fork, "latest", "--id", "e-1", "--params", '{"n": 2}')
    assert said == '🍴 The instance "r-17" from fork-api was forked as "e-1"\n'
    step = ("--from-step-name", "last", "--from-step-count", "1", "--from-step-type", "do")
    told = json.loads(run(*fork, "r-17", "--id", "e-2", "--params", "3", *step, "--json"))
    assert told == {"workflow": "fork-api", "id": "e-2", "of": "r-17"}
    made = json.loads(run(*fork, "r-17", "--json"))["id"]
    rig.settle()
    workflow = rig.client.workflow(Twice)
    assert [workflow.get(id).status().output for id in ("e-1", "e-2", made)] == [[{"n": 2}] * 2, [1, 3], [1, 1]]
    assert "Fork" in run("instances", "describe", "fork-api", "e-1")


def test_the_command_refuses_what_makes_no_sense(rig: Rig) -> None:
    """Options that belong together, params that are no JSON, ids that are taken."""
    shell = Shell(rig.settings)
    fork = ("instances", "fork", "fork-api", "r-17")
    assert "need --from-step-name" in shell.refusal(*fork, "--from-step-count", "2", code=2)
    assert "instance params" in shell.refusal(*fork, "--params", "{", code=2)
    assert "already has an instance 'r-17'" in shell.refusal(*fork, "--id", "r-17")
