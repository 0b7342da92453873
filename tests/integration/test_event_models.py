"""Typed events: pydantic models of their payloads by type, checked when they are sent, and what waits give."""

from __future__ import annotations

import asyncio
from datetime import date
from types import new_class
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, Field, GetJsonSchemaHandler, RootModel, field_validator

from tests.support.errands import by_name
from tests.support.parcels import at
from tests.support.rig import START
from wf import InstanceNotFound, InvalidEventType, WorkflowEntrypoint
from wf.errors import InvalidPayload
from wf.params import json_schema
from wf.schemas import declared
from wf.workflow import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Rig
    from tests.support.api import Api
    from wf.instance import Instance


class Approval(BaseModel):
    """What a reviewer says."""

    stars: int = Field(ge=1, le=5)
    by: str = "nobody"
    on: date | None = None


class Review(BaseModel):
    title: str
    pages: int = Field(default=1, ge=1)


class Notes(RootModel[list[str]]):
    pass


async def reviewed(self: Any, event: Any, step: Any) -> Any:
    """Tells what its waits gave in the first pass and in the last one."""
    approved = await step.wait_for_event("approval", "approved", timeout="1 hour")
    first = await step.do("between", lambda: [repr(approved.payload), approved.type])
    notes = await step.wait_for_event("notes", "noted", timeout="1 hour")
    free = await step.wait_for_event("free", "free", timeout="1 hour")
    return [first, repr(approved.payload), repr(notes.payload), free.payload, approved.timestamp.timestamp()]


def flow(name: str, **more: Any) -> type[WorkflowEntrypoint]:
    """A workflow with models for two types of events."""
    keywords = {"name": f"events-{name}", "events": {"approved": Approval, "noted": Notes}, **more}
    return new_class("Reviewed", (WorkflowEntrypoint,), keywords, lambda body: body.update(run=reviewed))


def stored(rig: Rig) -> list[tuple[Any, ...]]:
    return rig.sql("select type, payload from wf.event order by id")


@pytest.mark.parametrize("given", ["mapping", "model"])
def test_a_wait_gives_the_model_live_and_replayed(rig: Rig, given: str) -> None:
    """Whatever was sent, every pass gets the same model; types without a model are as they were."""
    instance = rig.create(flow(f"given-{given}"))
    payload: dict[str, Any] = {"stars": "4", "on": "2026-01-02"}
    instance.send_event("approved", payload if given == "mapping" else Approval.model_validate(payload))
    instance.send_event("noted", ["a"])
    instance.send_event("free", {"stars": "many"})
    for nudge in rig.take():
        rig.advance(nudge)
    rig.workers[0].engine.passes.clear()  # what comes next replays from the journal
    rig.settle()
    wanted = repr(Approval(stars=4, on=date(2026, 1, 2)))
    assert instance.result(timeout=1) == [
        [wanted, "approved"], wanted, repr(Notes(["a"])), {"stars": "many"}, START,
    ]  # fmt: skip
    assert instance.describe().steps[0].output["payload"] == {"stars": 4, "by": "nobody", "on": date(2026, 1, 2)}


@pytest.mark.parametrize("named", ["class", "name"])
def test_a_payload_that_does_not_fit_is_refused_when_it_is_sent(rig: Rig, named: str) -> None:
    """The error names event, fields and problem, never the values, and nothing is stored."""
    cls = flow(f"refused-{named}")
    rig.create(cls)
    instance = (rig.client.workflow(cls) if named == "class" else by_name(rig, cls)).get("i-1")
    for payload in ({"stars": 77}, {}, None, "hunter2"):
        with pytest.raises(InvalidPayload, match="'approved'") as caught:
            instance.send_event("approved", payload)
        assert (caught.value.event, caught.value.code) == ("approved", "payload.invalid")
        assert "77" not in str(caught.value)
        assert "hunter2" not in str(caught.value)
    assert stored(rig) == []
    assert rig.sql("select inbox, rev from wf.instance") == [(0, 0)]


def test_only_an_existing_instance_says_what_it_takes(rig: Rig) -> None:
    """A type that no event can have is refused as such; so is an id that is not there."""
    cls = flow("order")
    instance = rig.create(cls)
    with pytest.raises(InvalidEventType):
        instance.send_event("no type", {})
    with pytest.raises(InstanceNotFound):
        rig.client.workflow(cls).get("i-2")


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes this process forget a class, and gives a way to know it again."""

    def forget(cls: type[WorkflowEntrypoint]) -> None:
        monkeypatch.delitem(registry._classes, cls.workflow_name)

    yield forget
    monkeypatch.undo()


def send_unchecked(rig: Rig, instance: Instance, cls: type[WorkflowEntrypoint], forget: Any, payload: Any) -> None:
    """Send an event as a process does that does not know the class."""
    forget(cls)
    instance.send_event("approved", payload)
    registry.add(cls)


def test_what_does_not_fit_makes_the_wait_raise(rig: Rig, forgetful: Any) -> None:
    """`run` may catch it and wait again; on replay it is caught again."""

    class Patient(WorkflowEntrypoint, name="events-patient", events={"approved": Approval}):
        async def run(self, event: Any, step: Any) -> Any:
            for number in range(3):
                try:
                    got = await step.wait_for_event(f"try {number}", "approved", timeout="1 hour")
                    return [number, got.payload.stars]
                except InvalidPayload as error:
                    await step.do(f"note {number}", lambda error=error: str(error))
            return None

    instance = rig.create(Patient)
    for payload in ({"stars": 77}, "text"):
        send_unchecked(rig, instance, Patient, forgetful, payload)
    rig.settle()
    instance.send_event("approved", {"stars": 5})
    rig.workers[0].engine.passes.clear()
    rig.settle()
    assert instance.result(timeout=1) == [2, 5]
    notes = [step.output for step in instance.describe().steps if step.type == "step"]
    assert notes[0] == (
        "The payload of event 'approved' of workflow 'events-patient' does not fit Approval: "
        "stars: Input should be less than or equal to 5."
    )


def test_what_does_not_fit_and_nobody_catches_ends_the_instance(rig: Rig, forgetful: Any) -> None:
    """With the same error as the sender would have got; also one of several that are awaited together."""

    class Both(WorkflowEntrypoint, name="events-both", events={"approved": Approval}):
        async def run(self, event: Any, step: Any) -> Any:
            await asyncio.gather(
                step.wait_for_event("one", "approved", timeout="1 hour"),
                step.wait_for_event("other", "never", timeout="1 hour"),
            )

    instance = rig.create(Both)
    send_unchecked(rig, instance, Both, forgetful, {"stars": 0})
    rig.settle()
    with pytest.raises(InvalidPayload, match="greater than or equal to 1") as caught:
        instance.result(timeout=1)
    assert caught.value.event == "approved"


def test_a_validator_that_raises_something_else_raises_it_at_the_wait(rig: Rig, forgetful: Any) -> None:
    """An author's own error ends the instance, not the worker."""

    class Odd(BaseModel):
        n: int

        @field_validator("n")
        @classmethod
        def _check(cls, n: int) -> int:
            if n == 13:
                raise StopIteration("no thirteen")
            return n

    class Odds(WorkflowEntrypoint, name="events-odds", events={"approved": Odd}):
        async def run(self, event: Any, step: Any) -> Any:
            await step.wait_for_event("one", "approved", timeout="1 hour")

    instance = rig.create(Odds)
    send_unchecked(rig, instance, Odds, forgetful, {"n": 13})
    rig.settle()
    assert (instance.status().status, instance.status().error.message) == ("errored", "StopIteration: no thirteen")


BAD: list[tuple[Any, str]] = [
    ([Approval], "must be a dict of models by type"),
    ({"approved": dict}, r"events\['approved'\] must be a pydantic model"),
    ({"approved": None}, r"events\['approved'\] must be a pydantic model"),
    ({"no type": Approval}, "no type"),
]


@pytest.mark.parametrize(("events", "message"), BAD, ids=str)
def test_a_bad_keyword_is_refused_when_the_class_is_defined(events: Any, message: str) -> None:
    """The message names the workflow or the type, and what is wrong with it."""
    with pytest.raises(ValueError, match=message):
        flow("bad", events=events)


class Opaque:
    pass


class Unspeakable(BaseModel):
    model_config = {"arbitrary_types_allowed": True}

    thing: Opaque


class Infinite(BaseModel):
    limit: float = float("inf")


class Null(BaseModel):
    text: str = "a\x00b"


class Half(BaseModel):
    text: str = "\ud800"


class Quiet(BaseModel):
    """Has a default that is no JSON, which is left out."""

    thing: bytes = b"\xff"


class Broken(BaseModel):
    n: int = 0

    @classmethod
    def __get_pydantic_json_schema__(cls, _core: Any, _handler: GetJsonSchemaHandler) -> Any:
        raise TypeError("no schema")


def test_a_worker_tells_what_payloads_must_look_like(rig: Rig) -> None:
    """As pydantic says it, of each version; what cannot be said, or not be stored, is left out."""
    models = {
        "approved": Approval, "noted": Notes, "odd": Unspeakable, "inf": Infinite, "nul": Null, "bad": Broken,
        "half": Half, "quiet": Quiet,
    }  # fmt: skip
    both = [flow("told", version="1", params=Review, events=models), flow("told", version="2", params=Null, events={})]
    for cls in both:
        rig.workers[0].catalog.register(cls)
    found = [declared(rig.client.database, "events-told", version) for version in ("1", "2", "3")]
    thing = {"title": "Thing", "type": "string", "format": "binary"}
    told = {
        "approved": Approval.model_json_schema(), "noted": Notes.model_json_schema(),
        "quiet": {"title": "Quiet", "description": Quiet.__doc__, "type": "object", "properties": {"thing": thing}},
    }  # fmt: skip
    assert found == [("1", Review.model_json_schema(), told), ("2", None, {}), None]
    assert declared(rig.client.database, "events-told") == found[1]
    assert declared(rig.client.database, "nowhere") is None
    rig.workers[0].catalog.register(flow("told", version="1", events={}))
    assert declared(rig.client.database, "events-told", "1") == ("1", None, {})


def test_the_schema_of_a_model_is_pydantics() -> None:
    """With its description, defaults and limits."""
    assert json_schema(Approval) == Approval.model_json_schema()


# Over REST, by a process that does not know the class.


@pytest.fixture
def strange(rig: Rig, forgetful: Any) -> type[WorkflowEntrypoint]:
    """A workflow that workers have registered, and whose class this process has forgotten."""
    cls = flow("api", params=Review)
    rig.workers[0].catalog.register(cls)
    forgetful(cls)
    return cls


def detail(api: Api, path: str, body: Any) -> str:
    answer = api("POST", path, json=body)
    problem = answer.json()["errors"][0]
    assert (answer.status_code, problem["code"]) == (400, 10407), answer.text
    return str(problem["detail"])


@pytest.mark.usefixtures("strange")
def test_params_that_do_not_fit_the_schema_are_refused(rig: Rig, api: Api) -> None:
    """One, in a batch, and of a fork: with the path of each fault, and nothing is created."""
    base = "/api/workflows/events-api/instances"
    said = detail(api, base, {"params": {"title": 1, "pages": 0}})
    assert said.startswith("The payload of workflow 'events-api' does not fit Review: ")
    assert '$.title: 1 is not of type "string"' in said
    assert "$.pages: 0 is less than the minimum of 1" in said
    assert detail(api, base, {}) == (
        "The payload of workflow 'events-api' does not fit Review: $: \"title\" is a required property."
    )
    assert detail(api, base + "/batch", [{"params": {"title": "a"}}, {"params": []}]).endswith(
        "This is about entry 1 of the batch. Nothing of the batch was done."
    )
    assert rig.sql("select count(*) from wf.instance") == [(0,)]
    api.ok("POST", base, json={"instance_id": "r-17", "params": {"title": "a"}})
    assert "$.title" in detail(api, base + "/r-17/fork", {"params": {"title": None}})
    api.ok("POST", base + "/r-17/fork", json={})
    assert rig.sql("select count(*) from wf.instance") == [(2,)]


def test_events_that_do_not_fit_the_schema_are_refused(rig: Rig, api: Api, strange: type[WorkflowEntrypoint]) -> None:
    """Other types and good payloads get through, and `run` gets the model."""
    api.ok("POST", "/api/workflows/events-api/instances", json={"instance_id": "r-17", "params": {"title": "a"}})
    events = at("r-17", "/events/", "events-api")
    said = detail(api, events + "approved", {"stars": 7})
    assert said == (
        "The payload of event 'approved' of workflow 'events-api' does not fit Approval: "
        "$.stars: 7 is greater than the maximum of 5."
    )
    assert "$[0]" in detail(api, events + "noted", [1]).replace("$.0", "$[0]")
    assert stored(rig) == []
    for type, payload in (("approved", {"stars": 5}), ("noted", []), ("free", {"stars": 7})):
        api.ok("POST", events + type, json=payload)
    registry.add(strange)
    rig.settle()
    output = rig.client.workflow(strange).get("r-17").status().output
    assert output[1:4] == [repr(Approval(stars=5)), repr(Notes([])), {"stars": 7}]


def test_a_long_value_is_not_told_in_full(api: Api, strange: type[WorkflowEntrypoint]) -> None:
    """Nor more faults than anybody reads."""
    del strange
    base = "/api/workflows/events-api/instances"
    assert len(detail(api, base, {"params": {"title": ["x" * 100_000]}})) < 1_000
    api.ok("POST", base, json={"instance_id": "r-17", "params": {"title": "a"}})
    said = detail(api, at("r-17", "/events/noted", "events-api"), list(range(5_000)))
    assert len(said) < 2_000


def test_each_version_has_its_own_schema(rig: Rig, api: Api, forgetful: Any) -> None:
    """An event is checked by that of its instance; new params by that of the newest version, two seconds late."""
    old = flow("versions", version="1", params=Review)
    new = flow("versions", version="2", params=Notes, events={"approved": Notes})
    rig.workers[0].catalog.register(old)
    forgetful(new)
    base = "/api/workflows/events-versions/instances"
    api.ok("POST", base, json={"instance_id": "old", "params": {"title": "a"}})
    rig.workers[0].catalog.register(new)
    detail(api, base, {"params": ["a"]})
    rig.clock.advance(2)
    api.ok("POST", base, json={"instance_id": "new", "params": ["a"]})
    for id, fits, not_fits in (("old", {"stars": 1}, []), ("new", [], {"stars": 1})):
        detail(api, at(id, "/events/approved", "events-versions"), not_fits)
        api.ok("POST", at(id, "/events/approved", "events-versions"), json=fits)


@pytest.mark.usefixtures("strange")
def test_creations_look_for_the_schema_once_in_two_seconds(rig: Rig, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are."""
    looks = []
    database = api.app.state.parts.client.database
    read = database.read

    def listen(sql: Any, params: Any = None) -> Any:
        if "params_schema" in sql:
            looks.append(params)
        return read(sql, params)

    monkeypatch.setattr(database, "read", listen)
    for _ in range(5):
        api.ok("POST", "/api/workflows/events-api/instances", json={"params": {"title": "a"}})
    assert len(looks) == 1
    rig.clock.advance(2)
    api.ok("POST", "/api/workflows/events-api/instances", json={"params": {"title": "a"}})
    assert len(looks) == 2


def test_a_schema_beyond_the_validator_checks_nothing(rig: Rig, api: Api, forgetful: Any) -> None:
    """The worker does; what is sent is not refused because of it."""
    cls = flow("beyond", params=Review)
    rig.workers[0].catalog.register(cls)
    rig.sql('update wf.version set params_schema = \'{"$ref": "http://127.0.0.1:1/nothing"}\'')
    forgetful(cls)
    api.ok("POST", "/api/workflows/events-beyond/instances", json={"params": 1})


def test_the_schemas_are_shown(rig: Rig, api: Api) -> None:
    """Of each version; a version that nobody knows is not found, one that is in flight only has none."""
    rig.workers[0].catalog.register(flow("shown", params=Review))
    path = "/api/workflows/events-shown/versions/{}/schemas"
    assert api.ok("GET", path.format(1)) == {
        "params": Review.model_json_schema(),
        "events": {"approved": Approval.model_json_schema(), "noted": Notes.model_json_schema()},
    }
    unknown = (404, 10201, "workflows.api.error.version.not_found")
    assert api.refusal("GET", path.format(2)) == unknown
    rig.sql("insert into wf.instance (workflow, id, version, due_at) values ('events-shown', 'x', '0', now())")
    assert api.ok("GET", path.format(0)) == {"params": None, "events": {}}
    gone = (404, 10200, "workflows.api.error.workflow.not_found")
    assert api.refusal("GET", "/api/workflows/nowhere/versions/1/schemas") == gone
