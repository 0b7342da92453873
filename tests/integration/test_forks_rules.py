"""Forks by the rules: checked params, what is refused, limits, sealed payloads, and several at once."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from pydantic import BaseModel

from tests.support import Rig
from tests.support.errands import Errand, by_name
from tests.support.forks import LIMIT, Line, complete
from wf import AsyncClient, InstanceAlreadyExists, InstanceNotFound, PayloadTooLarge, StepNotFound, WorkflowEntrypoint
from wf.client import Client
from wf.errors import InvalidInstanceId, InvalidPayload, JournalBusy, RateLimited, SerializationError
from wf.instance import Instance
from wf.workflow import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wf.settings import Settings


class Stars(BaseModel):
    stars: int = 1


class Rated(WorkflowEntrypoint, name="fork-rated", params=Stars):
    async def run(self, event: Any, step: Any) -> int:
        return int(event.payload.stars)


@pytest.mark.parametrize("by", ["class", "name"])
def test_edited_params_are_checked_and_filled_in_as_for_a_creation(rig: Rig, by: str) -> None:
    """By the model of the class that runs the original's version; None stands for `{}`."""
    rig.create(Rated, params={"stars": 4})
    rig.settle()
    instance = by_name(rig, Rated).get("i-1") if by == "name" else rig.client.workflow(Rated).get("i-1")
    with pytest.raises(InvalidPayload, match=r"stars: Input should be a valid integer"):
        instance.fork(params={"stars": "many"})
    forks = [instance.fork(params=given) for given in ({"stars": 5}, None)]
    forks.append(instance.fork())
    rig.settle()
    assert [fork.status().output for fork in forks] == [5, 1, 4]
    assert forks[1].describe().params == {"stars": 1}


def test_a_model_of_an_older_class_checks_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that knows the workflow only in an older version leaves it to the worker."""
    monkeypatch.setattr(registry, "_classes", dict(registry._classes))

    class New(WorkflowEntrypoint, name="fork-versions", version="2"):
        async def run(self, event: Any, step: Any) -> Any:
            return event.payload

    instance = rig.create(New)
    rig.settle()
    registry._classes["fork-versions"] = {}

    class Old(WorkflowEntrypoint, name="fork-versions", version="1", params=Stars):
        pass

    fork = instance.fork(params={"stars": "many"})
    registry.add(New)
    rig.settle()
    assert fork.status().output == {"stars": "many"}
    assert fork.version == "2"


def test_what_cannot_be_forked_is_refused(rig: Rig) -> None:
    """Each refusal has its class, and leaves nothing behind."""
    instance = complete(rig)
    gone = Instance(rig.client, "fork-line", "nobody")
    tight = Client(settings=rig.settings.model_copy(update={"max_payload": 100}), clock=rig.clock)
    refusals: list[tuple[type[Exception], Callable[[], Any]]] = [
        (InstanceNotFound, gone.fork),
        (InstanceNotFound, lambda: gone.fork(params={"n": 2})),
        (InstanceAlreadyExists, lambda: instance.fork("i-1")),
        (StepNotFound, lambda: instance.fork("i-2", from_step="c")),
        (StepNotFound, lambda: instance.fork("i-1", from_step=("nap", 1, "do"))),
        (InvalidInstanceId, lambda: instance.fork("not an id")),
        (SerializationError, lambda: instance.fork("i-2", params=object())),
        (ValueError, lambda: instance.fork("i-2", from_step=("b", 0))),
        (PayloadTooLarge, lambda: tight.workflow(Line).get("i-1").fork("i-2", params="x" * 200)),
    ]
    with tight:
        for error, fork in refusals:
            with pytest.raises(error):
                fork()
    assert rig.sql("select id from wf.instance") == [("i-1",)]
    assert rig.sql("select count(*) from wf.audit where action = 'fork'") == [(0,)]
    assert rig.sql("select distinct instance from wf.step") == rig.sql("select key from wf.instance")


def test_forks_count_against_the_rate_of_creations(rig: Rig) -> None:
    """As restarts do."""
    instance = rig.create(Errand)
    settings = rig.settings.model_copy(update={"workflow_creation_rate": 2})
    with Client(settings=settings, clock=rig.clock) as client:
        limited = client.workflow(Errand).get(instance.id)
        limited.fork()
        limited.fork()
        with pytest.raises(RateLimited):
            limited.fork()


def test_a_fork_waits_for_a_slot_like_any_other(rig: Rig) -> None:
    """The original holds the only one; when it has ended the fork runs."""

    class Alone(WorkflowEntrypoint, name="fork-alone", concurrency=1):
        async def run(self, event: Any, step: Any) -> Any:
            await step.do("work", stand)
            return event.payload

    begun, gate = threading.Event(), threading.Event()

    def stand() -> None:
        begun.set()
        assert gate.wait(LIMIT)

    by_name(rig, Alone)
    instance = rig.create(Alone, params=1)
    running = rig.in_thread(rig.advance, rig.take()[0])
    assert begun.wait(LIMIT)
    fork = instance.fork("i-2", params=2)
    rig.settle()
    assert fork.status().status == "queued"
    gate.set()
    running.result(LIMIT)
    rig.settle()
    assert (instance.status().output, fork.status().output) == (1, 2)


@pytest.fixture
def sealed(settings: Settings) -> Iterator[Rig]:
    with Rig(settings.model_copy(update={"encryption_keys": Fernet.generate_key().decode()})) as rig:
        yield rig


def test_what_is_sealed_is_copied_as_it_is_and_what_is_new_is_sealed(sealed: Rig) -> None:
    """No payload stands in the database in the clear, and the fork reads them all."""
    instance = complete(sealed)
    fork = instance.fork("i-2", from_step="b", params={"n": "iban"})
    sealed.settle()
    assert fork.status().output[:1] + fork.status().output[-3:] == ["iban", {"by": "ada"}, "together 1", "b 2"]
    [[params]] = sealed.sql("select params from wf.payload join wf.instance on key = instance where id = 'i-2'")
    assert (params[:1], b"iban" in params) == (b"\x02", False)


def test_a_fork_and_a_deletion_at_once(rig: Rig) -> None:
    """Whichever comes first, the fork is whole, or there is none: it never begins with half of a history."""
    for number in range(8):
        id = f"o-{number}"
        instance = complete(rig, id)
        start = threading.Barrier(2)

        def delete(instance: Instance = instance, start: threading.Barrier = start) -> None:
            start.wait(LIMIT)
            instance.delete()

        deleting = rig.in_thread(delete)
        start.wait(LIMIT)
        try:
            fork = instance.fork(f"f-{number}", from_step="b")
        except InstanceNotFound:
            fork = None
        deleting.result(LIMIT)
        rig.settle()
        kept = rig.sql("select count(*) from wf.step join wf.instance on key = instance where id = %s", f"f-{number}")
        if fork is None:
            assert kept == [(0,)]
        else:
            assert fork.status().status == "complete"
            assert len(fork.status().output) == 13
        with pytest.raises(InstanceNotFound):
            instance.status()


def test_two_forks_of_one_id_make_one(rig: Rig) -> None:
    """The second one is told that the id is taken, and leaves nothing behind."""
    instance = complete(rig)
    made = [rig.in_thread(lambda: instance.fork("i-2", from_step="b")) for _ in range(4)]
    errors = [one.exception(LIMIT) for one in made]
    assert sum(error is None for error in errors) == 1
    assert all(isinstance(error, InstanceAlreadyExists | JournalBusy) for error in errors if error is not None)
    assert rig.sql("select count(*) from wf.audit where action = 'fork'") == [(2,)]
    assert rig.sql("select count(*) from wf.payload") == [(2,)]


async def _forked(settings: Settings) -> str:
    async with AsyncClient(settings=settings) as client:
        instance = await (await client.workflow("errand")).get("i-1")
        return (await instance.fork("i-2", params={"do": ""})).id


def test_async_clients_fork(rig: Rig) -> None:
    """The same method, awaited."""
    rig.create(Errand, params={"do": "wait"})
    assert asyncio.run(_forked(rig.settings)) == "i-2"
    rig.settle()
    assert rig.client.workflow(Errand).get("i-2").status().output == {"got": {"do": ""}}
