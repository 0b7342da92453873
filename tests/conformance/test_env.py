"""`self.env`: bindings of workflows (sections B.3, B.5), and what WF_ENV adds."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import wait_until
from tests.support.processes import environment
from wf import InstanceAlreadyExists, InstanceNotFound, InvalidTransition, WorkflowEntrypoint
from wf.client import Client
from wf.env import Environment, binding_name
from wf.settings import InvalidSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support import Processes, Rig
    from wf.core import Event, Step


class Bound(WorkflowEntrypoint, name="bound-2"):
    async def run(self, event: Event, step: Step) -> Any:
        return (await step.wait_for_event("go", "go")).payload


class AliasDash(WorkflowEntrypoint, name="env-alias"):
    pass


class AliasUnderscore(WorkflowEntrypoint, name="env_alias"):
    pass


@pytest.fixture
def env(rig: Rig) -> Any:
    """The env of a worker that has made `bound-2` known."""
    rig.workers[0].catalog.register(Bound)
    return rig.workers[0].environment.env


def with_factory(reference: str) -> Any:
    return Environment(Settings(env=reference))


@pytest.fixture
def factories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module `deployment_env` with functions for WF_ENV."""
    (tmp_path / "deployment_env.py").write_text(
        "import types\n"
        "from tests.conformance.test_env import Bound\n"
        "calls = []\n"
        "def mapping():\n    calls.append(1)\n    return {'KEY': 's3cret', 'BOUND_2': 'mine', 'ALIAS': Bound}\n"
        "def thing():\n    return types.SimpleNamespace(KEY='of an object')\n"
        "def broken():\n    raise KeyError('API_TOKEN')\n"
        "def nothing():\n    pass\n"
        "async def late():\n    return {}\n"
        "number = 7\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("deployment_env", None)


# Names.


@pytest.mark.parametrize(
    ("workflow", "name"),
    [
        ("report-2", "REPORT_2"), ("DAGWorkflow", "DAG_WORKFLOW"), ("MyWorkflow", "MY_WORKFLOW"),
        ("v2Report", "V2_REPORT"), ("already_snake", "ALREADY_SNAKE"), ("Report2", "REPORT2"),
        ("HTTP2Server", "HTTP2_SERVER"), ("My-Flow", "MY_FLOW"), ("x", "X"),
    ],
)  # fmt: skip
def test_a_workflow_is_bound_under_its_name_in_capitals(workflow: str, name: str) -> None:
    """Humps and dashes become underscores."""
    assert binding_name(workflow) == name


def test_an_unknown_name_shows_what_is_there(env: Any) -> None:
    """It is an AttributeError, so `hasattr` works; the message has the nearest name and all others."""
    with pytest.raises(AttributeError, match=r"env has no BOUND_3. Did you mean BOUND_2\? It has: .*BOUND_2.*WF_ENV"):
        _ = env.BOUND_3
    assert not hasattr(env, "BOUND_3")
    assert "BOUND_2" in dir(env)


def test_two_workflows_of_one_name_are_not_confused(env: Any) -> None:
    """The error names both and says how to choose."""
    with pytest.raises(AttributeError, match=r"env.ENV_ALIAS could be any of the workflows 'env-alias', 'env_alias'"):
        _ = env.ENV_ALIAS


# Bindings.


async def _create_in_all_forms(env: Any) -> list[str]:
    made = [
        await env.BOUND_2.create({"id": "a", "params": {"n": 1}, "locationHint": "weur"}),
        await env.BOUND_2.create(id="b", retention={"successRetention": "1 day"}),
        *await env.BOUND_2.create_batch([{"id": "c"}, {"id": "a"}]),
        *(await env.BOUND_2.createBatch({"instances": [{"id": "d"}]})).created,
    ]
    for instance in made:
        await instance.send_event({"type": "go", "payload": instance.id})
    with pytest.raises(InstanceAlreadyExists):
        await env.BOUND_2.create({"id": "a"})
    await env.BOUND_2.delete_batch(["d"])
    with pytest.raises(InstanceNotFound):
        await env.BOUND_2.get("d")
    return [instance.id for instance in made]


def test_a_binding_creates_as_cloudflares_does(rig: Rig, env: Any) -> None:
    """One dict or keywords, lists and object forms of a batch; every handle that they give takes events as dicts."""
    assert asyncio.run(_create_in_all_forms(env)) == ["a", "b", "c", "d"]
    rig.settle()
    bound = rig.client.workflow(Bound)
    assert [bound.get(id).status().output for id in "abc"] == ["a", "b", "c"]


async def _steer(rig: Rig, env: Any) -> list[str]:
    seen = []
    instance = await env.BOUND_2.create({"id": "steered"})

    async def note() -> None:
        await asyncio.to_thread(rig.settle)
        seen.append((await instance.status())["status"])

    await note()
    await instance.pause()
    await note()
    await instance.resume()
    await note()
    await instance.terminate({"rollback": False})
    await note()
    with pytest.raises(InvalidTransition):
        await instance.terminate()
    await instance.restart()
    await instance.sendEvent("go", payload="second life")
    await note()
    await instance.restart({"from": {"name": "go", "type": "waitForEvent"}})
    await note()
    await instance.delete()
    with pytest.raises(InstanceNotFound):
        await instance.status()
    return seen


def test_a_handle_steers_its_instance(rig: Rig, env: Any) -> None:
    """`status pause resume terminate restart send_event delete`, with options in Cloudflare's form."""
    assert asyncio.run(_steer(rig, env)) == ["waiting", "paused", "waiting", "terminated", "complete", "waiting"]


def test_a_misspelt_restart_is_refused(rig: Rig, env: Any) -> None:
    """Nothing is restarted from the start because of a typing error."""

    async def restart() -> None:
        instance = await env.BOUND_2.create()
        with pytest.raises(TypeError, match=r"restart\(\) takes \{'from': \.\.\.\}, not \{'form'"):
            await instance.restart({"form": {"name": "go"}})

    asyncio.run(restart())


# What the deployment adds.


@pytest.mark.usefixtures("factories")
def test_the_factory_adds_names_and_wins() -> None:
    """Its names come first, a workflow class among them becomes its binding, and it is called once."""
    made = with_factory("deployment_env:mapping")
    env = made.env
    assert (env.KEY, env.BOUND_2, repr(env.ALIAS)) == ("s3cret", "mine", "<binding of workflow 'bound-2'>")
    assert made.load() is made.load()
    assert {"KEY", "ALIAS", "BOUND_2"} <= set(dir(env))
    assert sys.modules["deployment_env"].calls == [1]


@pytest.mark.usefixtures("factories")
def test_the_factory_may_give_an_object() -> None:
    """Its attributes are the names."""
    env = with_factory("deployment_env:thing").env
    assert env.KEY == "of an object"
    assert env.BOUND_2.name == "bound-2"
    assert "KEY" in dir(env)


@pytest.mark.usefixtures("factories")
@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("nowhere_at_all:make", "cannot be used: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        (
            "deployment_env:missing",
            "cannot be used: AttributeError: module 'deployment_env' has no attribute 'missing'",
        ),
        ("deployment_env:number", "cannot be used: TypeError: 'int' object is not callable"),
        ("deployment_env:broken", "cannot be used: KeyError: 'API_TOKEN'"),
        ("deployment_env:nothing", "must be a plain function that returns a mapping, or an object with attributes"),
        ("deployment_env:late", "must be a plain function that returns a mapping, or an object with attributes"),
        ("deployment_env", "is not written as module:function."),
    ],
)
def test_a_bad_factory_is_named(reference: str, says: str) -> None:
    """The error names WF_ENV, its value, and what is wrong with it."""
    with pytest.raises(InvalidSettings) as caught:
        with_factory(reference).load()
    assert str(caught.value).startswith(f"WF_ENV={reference!r} {says}")


def test_a_worker_with_a_bad_factory_does_not_start(settings: Settings, tmp_path: Path) -> None:
    """`wf worker` says on one line what is wrong with WF_ENV, and ends with exit code 1."""
    (tmp_path / "deployed.py").write_text("def env():\n    raise KeyError('API_TOKEN')\n")
    argv = [sys.executable, "-m", "wf", "worker", "deployed"]
    env = environment(settings, {"WF_ENV": "deployed:env"})
    done = subprocess.run(argv, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "wf: WF_ENV='deployed:env' cannot be used: KeyError: 'API_TOKEN'\n")


DEPLOYED = """
import os
from wf import WorkflowEntrypoint

def env():
    with open("calls", "a") as calls:
        calls.write(f"{os.getpid()}\\n")
    return {"REGION": "weur"}

class Regional(WorkflowEntrypoint, name="env-regional"):
    async def run(self, event, step):
        return [await step.do(f"ask {n}", lambda: [self.env.REGION, os.getpid()]) for n in range(3)]
"""


def test_the_factory_is_called_once_in_each_process(settings: Settings, processes: Processes, tmp_path: Path) -> None:
    """A forked child has an env of its own, made before its first step."""
    (tmp_path / "deployed.py").write_text(DEPLOYED)
    (tmp_path / "celeryconfig.py").write_text('worker_pool = "prefork"\n')
    processes.worker("deployed", WF_ENV="deployed:env")
    with Client(settings=settings) as client:
        wait_until(lambda: "env-regional" in client.catalog.workflows(), 20, "the worker knows the workflow")
        answers = client.workflow("env-regional").create().result(timeout=30)
    assert [answer[0] for answer in answers] == ["weur"] * 3
    calls = (tmp_path / "calls").read_text().split()
    assert len(calls) == len(set(calls)) == 2  # parent and child
    assert {str(answer[1]) for answer in answers} < set(calls)
