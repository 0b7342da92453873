"""Pages on which values are filled in: to create an instance, to send an event, to fork; and the list with ticks."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from tests.support import Rig
from tests.support.access import make_token
from tests.support.api import Api
from tests.support.errands import Errand
from tests.support.jobs import fill
from tests.support.orders import FILLED, GOOD, HOSTILE, OrderFlow, only_workers_know, wait_for_signature
from tests.support.pages import Pages
from tests.support.parcels import at
from tests.support.standing import Door
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    import httpx

CREATE, LIST = "/workflows/{}/create", "/workflows/{}/instances"
EVIL = '</textarea><script>alert(1)</script>"><img src=x onerror=alert(1)>\u202e'


class Narrow(WorkflowEntrypoint, name="narrow", concurrency=1):
    """One at a time, each as long as the test wants."""

    door = Door()

    async def run(self, event: Any, step: Any) -> None:
        await step.do("stand", self.door.stand)


@dataclass
class Place:
    """A value with a class."""

    name: str


EXACT: dict[Any, Any] = {
    "price": Decimal("1.10"), "at": datetime(2027, 1, 2, 3, tzinfo=ZoneInfo("Europe/Berlin")), "raw": b"\x00\xff",
    "pair": (1, 2), "set": {1}, "place": Place("here"), "day": date(2027, 1, 2), "nan": float("inf"), 7: "seven",
    "half": "\ud800", "plain": [1, 1.0, True, None, "x"],
}  # fmt: skip
"""What JSON cannot say."""


def one(id: str, what: str, workflow: str = "paged-order") -> str:
    return f"/workflows/{workflow}/instances/{id}/{what}"


def params_of(api: Api, id: str, workflow: str = "paged-order") -> Any:
    return api.ok("GET", at(id, "?simple=true", workflow))["params"]


def stored(rig: Rig, id: str) -> bytes:
    """The params of an instance, as they are stored."""
    query = "select p.params from wf.payload p join wf.instance i on i.key = p.instance where i.id = %s"
    return bytes(rig.sql(query, id)[0][0])


def led_to(answer: httpx.Response, word: str) -> str:
    """The instance to which a form has led."""
    assert answer.status_code == 303, answer.text
    where, _, said = answer.headers["Location"].partition("?said=")
    assert said == word
    return str(where).rpartition("/")[2]


@pytest.fixture
def pages(api: Api) -> Pages:
    return Pages(api)


@pytest.fixture
def order(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """An order that waits for its signature; the server does not know its class."""
    wait_for_signature(rig, monkeypatch)
    return rig


@pytest.fixture
def errand(rig: Rig) -> Rig:
    """An errand that waits, of a workflow without models."""
    rig.workers[0].catalog.register(Errand)
    rig.create(Errand, "r-17", {"do": "wait"})
    rig.settle()
    return rig


# Create


def test_an_order_is_created_by_its_fields(order: Rig, api: Api, pages: Pages) -> None:
    """What is filled in is what the API stores for the same JSON; defaults stand in the form."""
    page = pages.get(CREATE.format("paged-order"))
    assert "It is of version 1, the newest one" in page.words
    assert "begins as soon as a worker takes it" in page.words
    shown = page.forms[CREATE.format("paged-order")]
    assert (shown["payload/colour"], shown["payload/price"]) == (['"red"'], ["1.10"])
    sent = FILLED | {"id": "r-18", "success_retention": "2 days"}
    assert led_to(pages.send(CREATE.format("paged-order"), **sent), "created") == "r-18"
    assert params_of(api, "r-18") == GOOD | {"colour": "blue", "price": "3.50", "gift": False}
    found = api.ok("GET", at("r-18", "", "paged-order"))
    assert found["trigger"]["source"] == "api"
    assert order.sql("select keep_success, keep_error from wf.instance where id = 'r-18'") == [(172_800.0, None)]
    random = led_to(pages.send(CREATE.format("paged-order"), **FILLED), "created")
    assert len(random) == 36


def test_without_a_model_params_are_json(errand: Rig, api: Api, pages: Pages) -> None:
    """None at all are `{}`."""
    path = CREATE.format("errand")
    assert "no model" in pages.get(path).words
    made = led_to(pages.send(path, **{"json:payload": '{"do": "sleep", "n": [1, 2.5, null]}'}), "created")
    assert params_of(api, made, "errand") == {"do": "sleep", "n": [1, 2.5, None]}
    assert params_of(api, led_to(pages.send(path), "created"), "errand") == {}
    empty = pages.send(path, **{"json:payload": " \r\n "})
    assert params_of(api, led_to(empty, "created"), "errand") == {}


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"id": "r-17"}, 409, "There is an instance 'r-17' already"),
        ({"id": "no blanks"}, 400, "'no blanks' is invalid"),
        ({"payload/number": "12"}, 400, "12 is greater than the maximum of 9"),
        ({"payload/number": "many"}, 400, "This is no whole number."),
        ({"payload/item": ""}, 400, "Fill this in."),
        ({"payload/colour": '"green"'}, 400, "Choose one of these."),
        ({"payload/customer/name": None}, 400, "Fill this in."),
        ({"success_retention": "soon"}, 400, "This time, "),
        ({"error_retention": "0"}, 400, "must be above zero"),
    ],
)
def test_what_is_wrong_stands_beside_what_was_typed(
    order: Rig, pages: Pages, changes: dict[str, Any], status: int, told: str
) -> None:
    """And everything else is in the form as it was; nothing was created."""
    path = CREATE.format("paged-order")
    sent = FILLED | {"payload/gift": "on", "error_retention": "3 days"} | changes
    page = pages.read(pages.send(path, **sent), status)
    assert told in page.words
    assert "what is wrong stands beside it" in page.words
    again = {name: value for name, (value,) in page.forms[path].items() if name != "seen"}
    typed = {"id": "", "success_retention": ""} | {name: value or "" for name, value in sent.items()}
    if again["payload/colour"] == "":  # a choice that there is not
        typed["payload/colour"] = ""
    assert again == typed
    assert order.sql("select count(*) from wf.instance") == [(1,)]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("{", "This is no JSON"), ("[NaN]", "This is no JSON"), ("1e999", "not JSON"), ("[" * 5000, "nested"),
        ("[" * 150 + "]" * 150, "nested"), (EVIL, "This is no JSON"),
    ],
)  # fmt: skip
def test_what_is_no_json_is_told_and_kept(errand: Rig, pages: Pages, typed: str, told: str) -> None:
    """As it was typed, and as text."""
    path = CREATE.format("errand")
    answer = pages.send(path, **{"json:payload": typed})
    page = pages.read(answer, 400)
    assert told in page.words
    assert page.forms[path]["json:payload"] == [typed]
    assert "<script>alert" not in answer.text


def test_params_beyond_the_limit_are_kept_in_the_form(errand: Rig, pages: Pages) -> None:
    """With the size that they may have."""
    path, typed = CREATE.format("errand"), '"' + "x" * 1_100_000 + '"'
    page = pages.read(pages.send(path, **{"json:payload": typed}), 413)
    assert "The payload is 1,100,003 bytes; the limit is 1,048,576" in page.words
    assert page.forms[path]["json:payload"] == [typed]


def test_too_many_creations_are_refused_in_the_form(rig: Rig) -> None:
    """With the time to wait, and with what was typed."""
    rig.workers[0].catalog.register(Errand)
    with Api(rig.settings.model_copy(update={"creation_rate": 1.0}), rig.clock) as api:
        pages, path = Pages(api), CREATE.format("errand")
        assert pages.send(path).status_code == 303
        answer = pages.send(path, id="r-18")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert pages.read(answer, 429).forms[path]["id"] == ["r-18"]


def test_a_limit_of_concurrency_is_told_of(rig: Rig, pages: Pages) -> None:
    """Whether there is a place is what a worker will find."""
    rig.workers[0].catalog.register(Narrow)
    path = CREATE.format("narrow")
    assert "At most 1 of its workflow run at once, and now there is a place" in pages.get(path).words
    rig.create(Narrow, "first")
    working = rig.in_thread(rig.settle)
    Narrow.door.wait_for()
    assert "all places are taken: it is queued behind those that wait already" in pages.get(path).words
    made = led_to(pages.send(path), "created")
    assert rig.sql("select status from wf.instance where id = %s", made) == [("queued",)]
    Narrow.door.open()
    working.result(10)


def test_a_version_that_came_meanwhile_is_told_of(order: Rig, pages: Pages) -> None:
    """The params may have to look different now: nothing is created."""
    path = CREATE.format("paged-order")
    old = pages.get(path).forms[path]
    order.sql("update wf.version set params_schema = null")
    page = pages.read(pages.post(path, old | FILLED), 409)
    assert "Its code has changed since this page was made" in page.words
    order.sql("update wf.version set version = '2'")
    order.sql("update wf.workflow set version = '2'")
    assert pages.post(path, old | FILLED).status_code == 409
    assert "It is of version 2, the newest one" in pages.get(path).words
    assert order.sql("select count(*) from wf.instance") == [(1,)]


def test_a_class_that_the_server_knows_checks_for_itself(rig: Rig, api: Api, pages: Pages) -> None:
    """As it checks what the API gets."""
    rig.workers[0].catalog.register(OrderFlow)
    path = CREATE.format("paged-order")
    page = pages.read(pages.send(path, **FILLED | {"payload/number": "12"}), 400)
    assert "Input should be less than or equal to 9" in page.words
    made = led_to(pages.send(path, **FILLED), "created")
    rig.settle()
    assert api.ok("GET", at(made, "", "paged-order"))["status"] == "waiting"


def test_there_is_no_form_for_a_workflow_that_nobody_knows(api: Api, pages: Pages) -> None:
    """Nor for an instance."""
    for path in (CREATE.format("nothing"), one("r-1", "fork"), one("r-1", "send-event")):
        pages.get(path, 404)
        assert pages.post(path, {}).status_code == 404


# Send an event


def test_the_type_that_is_awaited_has_its_fields(order: Rig, api: Api, pages: Pages) -> None:
    """It is filled in before; what was sent is in the journal, and the wait takes it."""
    path = one("r-17", "send-event")
    page = pages.get(path)
    assert "signature-1 for one of type signed, until 2027-01-16 08:00:00" in page.words
    assert page.forms[path]["type"] == ["signed"]
    assert page.forms[path]["payload/stars"] == ["5"]
    assert led_to(pages.send(path, **{"payload/by": "Ada", "event_id": "m-1"}), "sent") == "r-17"
    assert led_to(pages.send(path, **{"payload/by": "Eve", "event_id": "m-1"}), "sent") == "r-17"
    (event,) = api.ok("GET", at("r-17", "/events", "paged-order"))
    assert (event["payload"], event["event_id"]) == ({"by": "Ada", "stars": 5}, "m-1")


def test_another_type_has_other_fields(order: Rig, api: Api, pages: Pages) -> None:
    """Without a script: asked for by a button, or shown before anything wrong is sent; JSON fits every type."""
    path = one("r-17", "send-event")
    free = pages.get(path + "?type=free").forms[path]
    assert "json:payload" in free
    for typed, wanted in (("", ""), ('{"by": "Eve"}', "Eve")):
        shown = pages.read(pages.post(path, free | {"type": "signed", "json:payload": typed, "do": "fields"}), 200)
        assert (shown.forms[path]["type"], shown.forms[path]["payload/by"]) == (["signed"], [wanted])
    broken = pages.read(pages.post(path, free | {"type": "signed", "json:payload": "{", "do": "fields"}), 200)
    assert broken.forms[path]["json:payload"] == ["{"]
    mine = pages.get(path).forms[path] | {"payload/by": "Ada"}
    page = pages.read(pages.post(path, mine | {"type": "free"}), 409)
    assert "Nothing was sent yet: these are the fields of the other type now." in page.words
    assert json.loads(page.forms[path]["json:payload"][0]) == {"by": "Ada", "stars": 5}
    assert api.ok("GET", at("r-17", "/events", "paged-order")) == []
    led_to(pages.post(path, free | {"type": "signed", "json:payload": '{"by": "Ada"}'}), "sent")
    led_to(pages.post(path, free | {"json:payload": ""}), "sent")
    found = [(event["type"], event["payload"]) for event in api.ok("GET", at("r-17", "/events", "paged-order"))]
    assert found == [("signed", {"by": "Ada"}), ("free", None)]


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"payload/stars": "7"}, 400, "7 is greater than the maximum of 5"),
        ({"payload/by": ""}, 400, "Fill this in."),
        ({"event_id": "x" * 201}, 400, "use 1 to 200 printable characters"),
        ({"type": "no blanks", "shown": "no blanks", "json:payload": "1"}, 400, "'no blanks'"),
        ({"type": EVIL, "json:payload": "1"}, 400, "invalid"),
        ({"type": "", "json:payload": "{"}, 400, "This is no JSON"),
    ],
)
def test_an_event_that_cannot_be_sent_stays_in_the_form(
    order: Rig, api: Api, pages: Pages, changes: dict[str, Any], status: int, told: str
) -> None:
    """Nothing was sent."""
    path = one("r-17", "send-event")
    sent = {"payload/by": "Ada", "payload/stars": "4"} | changes
    answer = pages.send(path, **sent)
    page = pages.read(answer, status)
    assert told in page.words
    again = page.forms[path]
    assert {name: again[name] for name in changes if name != "shown"} == {
        name: [value] for name, value in changes.items() if name != "shown"
    }
    assert "<script>alert" not in answer.text
    assert api.ok("GET", at("r-17", "/events", "paged-order")) == []


def test_what_will_become_of_an_event_is_said(errand: Rig, pages: Pages) -> None:
    """As it stands, whoever waits."""
    path, instance = one("r-17", "send-event", "errand"), errand.client.workflow("errand").get("r-17")
    assert "Any other event is kept until a step waits for its type." in pages.get(path).words
    instance.pause()
    assert "It is paused: the event is kept until it is resumed." in pages.get(path).words
    old = pages.get(path).forms[path]
    instance.restart()
    assert "No step waits for an event now" in pages.get(path).words
    assert "It has moved on" in pages.read(pages.post(path, old), 409).words
    instance.terminate()
    page = pages.get(path)
    assert "It has ended: it is terminated." in page.words
    assert (page.forms, page.buttons) == ({}, [])
    assert pages.post(path, {"type": "go", "json:payload": "1"}).status_code == 409
    assert errand.sql("select count(*) from wf.event") == [(0,)]


# Fork


def test_a_fork_with_other_params(order: Rig, api: Api, pages: Pages) -> None:
    """They stand in the form; the original is as it was."""
    before, path = api.ok("GET", at("r-17", "", "paged-order")), one("r-17", "fork")
    page = pages.get(path)
    assert "This one stays as it is" in page.words
    assert page.forms[path]["payload/item"] == ["hat"]
    made = led_to(pages.send(path, **{"id": "again", "payload/item": "coat"}), "forked")
    assert params_of(api, made) == before["params"] | {"item": "coat"}
    assert api.ok("GET", at(made, "", "paged-order"))["steps"] == []
    assert api.ok("GET", at("r-17", "", "paged-order")) == before
    (entry,) = api.ok("GET", "/api/audit?action=fork&instance=again")
    assert (entry["actor"], entry["detail"]["edited"]) == ("api:local", True)


def test_a_fork_begins_where_one_says(order: Rig, api: Api, pages: Pages) -> None:
    """From the start, unless an address or the choice names a step."""
    path = one("r-17", "fork")
    assert pages.get(path).forms[path]["begin"] == [""]
    address = f"{path}?from=signature&count=1&type=waitForEvent"
    assert pages.get(address).forms[path]["begin"] == ["waitForEvent:1:signature"]
    made = led_to(pages.send(address), "forked")
    assert [step["name"] for step in api.ok("GET", at(made, "", "paged-order"))["steps"]] == ["pack-1"]
    assert stored(order, made) == stored(order, "r-17")
    page = pages.get(f"{path}?from=nope", 409)
    assert 'Step "nope" not found' in page.words
    for begin in ("do:1:nope", "do:0:pack", "pack", "timer:1:x"):
        page = pages.read(pages.send(path, begin=begin, id="x", **{"payload/item": "y"}), 409 if "no" in begin else 400)
        assert (page.forms[path]["id"], page.forms[path]["payload/item"]) == (["x"], ["y"])
    assert order.sql("select count(*) from wf.instance") == [(2,)]


def test_params_that_nobody_has_changed_are_those_that_are_stored(rig: Rig, pages: Pages) -> None:
    """To the last byte, whatever JSON makes of them; what is changed is stored as it was shown, and that is said."""
    rig.create(Errand, "r-17", EXACT)
    path = one("r-17", "fork", "errand")
    page = pages.get(path)
    assert "Some of these values are no JSON" in page.words
    made = led_to(pages.send(path), "forked")
    assert stored(rig, made) == stored(rig, "r-17")
    shown = page.forms[path]["json:payload"][0]
    unbroken = led_to(pages.send(path, **{"json:payload": shown.replace("\n", "\r\n")}), "forked")
    assert stored(rig, unbroken) == stored(rig, "r-17")  # as browsers send lines
    edited = led_to(pages.send(path, **{"json:payload": shown.replace("seven", "eight")}), "forked")
    assert b'"price":"1.10"' in stored(rig, edited)
    assert b'"7":"eight"' in stored(rig, edited)
    (entry,) = rig.sql("select detail ->> 'edited' from wf.audit where instance = %s", made)
    assert entry == ("false",)


def test_defaults_of_the_model_do_not_count_as_a_change(rig: Rig, pages: Pages, monkeypatch: Any) -> None:
    """The form shows them, and what the instance lacks; left as it stands, the fork has the stored params."""
    rig.create(Errand, "r-17", {"do": "wait"})
    only_workers_know(rig, monkeypatch)
    rig.sql("update wf.instance set workflow = 'paged-order'")
    path = one("r-17", "fork")
    for params in (b'\x01{"item":"hat","number":2}', b'\x01{"price":{"~":"Decimal","v":"1.10"}}', b"\x01[1,2]"):
        rig.sql("update wf.payload set params = %s where instance = (select min(key) from wf.instance)", params)
        made = led_to(pages.send(path), "forked")
        assert stored(rig, made) == params


def test_a_change_back_is_none(order: Rig, pages: Pages) -> None:
    """What counts is what is sent, not how it came about; and a number is no text."""
    path = one("r-17", "fork")
    made = led_to(pages.send(path, **{"payload/number": "2"}), "forked")
    assert stored(order, made) == stored(order, "r-17")
    assert pages.send(path, **{"payload/number": ""}).status_code == 400


def test_what_cannot_be_read_is_never_written_back(rig: Rig) -> None:
    """Params sealed with a key that the server lacks: there are no fields, and none that is made up is taken."""
    key = base64.urlsafe_b64encode(b"k" * 32).decode()
    with Rig(rig.settings.model_copy(update={"encryption_keys": key})) as sealed, Api(rig.settings, rig.clock) as api:
        sealed.create(Errand, "r-17", {"secret": 1})
        pages, path = Pages(api), one("r-17", "fork", "errand")
        page = pages.get(path)
        assert "They cannot be read here: Stored data is encrypted" in page.words
        assert "json:payload" not in page.forms[path]
        made = led_to(pages.send(path, params="shown", **{"json:payload": '"[UNREADABLE]"'}), "forked")
        assert stored(rig, made) == stored(rig, "r-17")
        assert stored(rig, made)[:1] != b"\x01"


def test_params_that_no_form_could_send_are_left_alone(rig: Rig, pages: Pages) -> None:
    """They are told to be too big, and copied."""
    rig.create(Errand, "r-17", {"text": "%" * 700_000})
    path = one("r-17", "fork", "errand")
    page = pages.get(path)
    assert "They are too big to be edited here" in page.words
    assert "json:payload" not in page.forms[path]
    assert stored(rig, led_to(pages.send(path), "forked")) == stored(rig, "r-17")


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"id": "r-17"}, 409, "There is an instance 'r-17' already"),
        ({"id": "no blanks"}, 400, "'no blanks' is invalid"),
        ({"payload/number": "0"}, 400, "0 is less than the minimum of 1"),
        ({"payload/due": ""}, 400, "Fill this in."),
    ],
)
def test_a_fork_that_cannot_be_made_stays_in_the_form(
    order: Rig, pages: Pages, changes: dict[str, Any], status: int, told: str
) -> None:
    """With the step that was chosen; nothing was created."""
    path = one("r-17", "fork")
    page = pages.read(pages.send(path, **{"payload/item": "coat", "begin": "do:1:pack"} | changes), status)
    assert told in page.words
    fields = page.forms[path]
    assert (fields["payload/item"], fields["begin"]) == (["coat"], ["do:1:pack"])
    assert {name: fields[name] for name in changes} == {name: [value] for name, value in changes.items()}
    assert order.sql("select count(*) from wf.instance") == [(1,)]


def test_a_restart_meanwhile_is_told_before_a_fork(order: Rig, pages: Pages) -> None:
    """The steps that the page has offered are others now."""
    path = one("r-17", "fork")
    old = pages.get(path).forms[path]
    order.client.workflow("paged-order").get("r-17").restart()
    assert "It has moved on" in pages.read(pages.post(path, old), 409).words
    assert order.sql("select count(*) from wf.instance") == [(1,)]


# The list


def test_ticked_rows_go_to_the_bulk_page(rig: Rig, api: Api, pages: Pages) -> None:
    """With their ids; who may only look has nothing to tick."""
    rig.workers[0].catalog.register(Errand)
    ids = fill(rig, "errored", 3)
    html = api("GET", LIST.format("errand"), headers=pages.headers).text
    assert html.count('type="checkbox" name="ids"') == 3
    bulk = pages.get(f"/workflows/errand/bulk?ticked=yes&ids={ids[0]}&ids={ids[2]}")
    assert bulk.forms["/workflows/errand/bulk"]["ids"] == [f"{ids[0]}\n{ids[2]}"]
    none = pages.get("/workflows/errand/bulk?ticked=yes", 400)
    assert "No instance of the list was ticked" in none.words
    reader = make_token(rig, "eve", "read")
    assert "checkbox" not in api("GET", LIST.format("errand"), headers=pages.headers | reader).text


def test_the_link_to_the_bulk_page_has_the_filters(rig: Rig, pages: Pages) -> None:
    """Those that it knows."""
    rig.workers[0].catalog.register(Errand)
    fill(rig, "errored", 1)
    query = "status=errored&version=1&since=2027-01-01&until=2027-12-31"
    links = pages.get(f"{LIST.format('errand')}?{query}").links
    assert f"/workflows/errand/bulk?{query}" in links
    fields = pages.get(f"/workflows/errand/bulk?{query}").forms["/workflows/errand/bulk"]
    assert (fields["status"], fields["since"], fields["until"]) == (
        ["errored"], ["2027-01-01T00:00:00"], ["2027-12-31T23:59:59.999"]
    )  # fmt: skip


# Who may


def test_who_may_only_look_gets_no_form(order: Rig, api: Api) -> None:
    """Neither the pages nor what their forms would do; and who may touch another workflow only, neither."""
    for token in (make_token(order, "eve", "read"), make_token(order, "bob", "write", workflows=["other"])):
        theirs = Pages(api, token)
        for path in (CREATE.format("paged-order"), one("r-17", "send-event"), one("r-17", "fork")):
            theirs.get(path, 403)
            assert theirs.post(path, FILLED | {"type": "signed", "json:payload": "1"}).status_code == 403
    assert order.sql("select count(*) from wf.instance") == [(1,)]
    assert order.sql("select count(*) from wf.event") == [(0,)]


def test_a_page_of_another_site_changes_nothing(order: Rig, api: Api) -> None:
    """Also before there is any token."""
    for path in (CREATE.format("paged-order"), one("r-17", "send-event"), one("r-17", "fork")):
        answer = api("POST", path, data=FILLED | {"type": "x"}, headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403
    assert order.sql("select count(*) from wf.instance") == [(1,)]


def test_hostile_texts_are_text(order: Rig, api: Api, pages: Pages) -> None:
    """Of authors, of senders, and of whoever makes up an address."""
    for path in (
        CREATE.format("paged-order"),
        one("r-17", "fork"),
        one("r-17", "send-event?type=%22%3E%3Cscript%3Ealert(1)"),
    ):
        answer = api("GET", path, headers=pages.headers)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
    assert HOSTILE in pages.get(CREATE.format("paged-order")).words


def test_a_form_that_is_too_big_is_told_of_in_words(errand: Rig, api: Api, pages: Pages) -> None:
    """To a browser; a program gets JSON."""
    path, field = CREATE.format("errand"), {"json:payload": "x" * 2_100_000}
    assert "more than 2,097,152 bytes (WF_API_MAX_BODY)" in pages.read(pages.post(path, field), 413).words
    assert api.refusal("POST", path, data=field)[:2] == (413, 10414)
