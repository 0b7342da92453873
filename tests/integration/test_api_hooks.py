"""Signed webhooks: what they do, and which are refused."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import signing
from tests.support.api import Api
from tests.support.signing import SECRET, Sender
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support import Rig
    from wf.core import Event, Step
    from wf.dev.servers import Valkey

OTHER = "whsec_" + b64encode(b"o" * 24).decode()
BAD_SIGNATURE = (401, 10000, "workflows.api.error.hook.bad_signature")
UNUSABLE = (400, 10002, "workflows.api.error.hook.unusable")

RULES = """
[standard]
scheme = "standard"
secret_env = ["HOOK_NEW", "HOOK_OLD"]
workflow = "ordered"
instance = "order-{body.data.order_id}"
event = "{body.type}"

[paid]
scheme = "stripe"
secret_env = "HOOK_PLAIN"
window = "1 minute"
workflow = "ordered"
instance = "order-{body.data.lines.1.id}"
event = "{body.type}"
events = {"invoice.paid" = "paid"}
payload = "body.data"
delivery = "{body.id}"

[said]
scheme = "slack"
secret_env = "HOOK_PLAIN"
workflow = "ordered"
instance = "{body.order}"
event = "said"

[new]
scheme = "standard"
secret_env = "HOOK_NEW"
workflow = "ordered"
create = true
payload = "body.order"

[told]
scheme = "slack"
secret_env = "HOOK_PLAIN"
workflow = "ordered"
create = true
delivery = "{body.id}"

[by-id]
scheme = "standard"
secret_env = "HOOK_NEW"
workflow = "ordered"
create = true
id = "of-{headers.webhook-id}"

[named]
scheme = "slack"
secret_env = "HOOK_PLAIN"
workflow = "ordered"
create = true
id = "user-{body.user}"

[nowhere]
scheme = "slack"
secret_env = "HOOK_PLAIN"
workflow = "gone"
create = true
"""


class Ordered(WorkflowEntrypoint, name="ordered"):
    async def run(self, event: Event, step: Step) -> Any:
        return (await step.wait_for_event("wait", "paid")).payload


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOOK_NEW": SECRET, "HOOK_OLD": OTHER, "HOOK_PLAIN": "plain"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    """Writes a file of rules."""

    def written(text: str) -> str:
        file = tmp_path / "hooks.toml"
        file.write_text(text)
        return str(file)

    return written


@pytest.fixture
def api(rig: Rig, secrets: None, write: Callable[[str], str]) -> Iterator[Api]:
    rig.workers[0].catalog.register(Ordered)
    with Api(rig.settings.model_copy(update={"hooks": write(RULES)}), rig.clock) as made:
        yield made


@pytest.fixture
def sender(rig: Rig, api: Api) -> Sender:
    return Sender(rig, api)


def events(rig: Rig) -> list[tuple[Any, ...]]:
    return rig.sql("select i.id, e.type from wf.event e join wf.instance i on i.key = e.instance order by e.id")


def test_standard_webhooks_send_events(rig: Rig, sender: Sender) -> None:
    """No token is needed; dots of the type become underscores; a repetition counts once, another message again."""
    rig.create(Ordered, "order-7")
    body = {"type": "order.payment/made", "data": {"order_id": 7}}
    taken = (202, {"workflow": "ordered", "id": "order-7", "event": "order_payment_made"})
    assert sender.standard("standard", body) == taken
    assert sender.standard("standard", body) == taken
    assert sender.standard("standard", body, late=60) == taken
    assert events(rig) == [("order-7", "order_payment_made")]
    sender.standard("standard", body, id="msg_2")
    assert len(events(rig)) == 2


def test_a_secret_is_changed_without_a_gap(rig: Rig, sender: Sender) -> None:
    """While two are named, both count; a third does not."""
    rig.create(Ordered, "order-7")
    body = {"type": "paid", "data": {"order_id": "7"}}
    assert sender.standard("standard", body, secret=SECRET, id="a")[0] == 202
    assert sender.standard("standard", body, secret=OTHER, id="b")[0] == 202
    third = "whsec_" + b64encode(b"t" * 24).decode()
    assert sender.standard("standard", body, secret=third, id="c") == BAD_SIGNATURE
    assert len(events(rig)) == 2


def test_stripe_events_arrive_by_their_map(rig: Rig, sender: Sender) -> None:
    """With the part of the body that the rule names; once, also if Stripe sends a changed body later."""
    instance = rig.create(Ordered, "order-o-2")
    rig.settle()
    data = {"lines": [{"id": "o-1"}, {"id": "o-2"}], "sum": 5}
    body = {"id": "evt_1", "type": "invoice.paid", "data": data}
    assert sender.stripe("paid", body) == (202, {"workflow": "ordered", "id": "order-o-2", "event": "paid"})
    assert sender.stripe("paid", body | {"pending_webhooks": 1}, late=-30)[0] == 202
    assert events(rig) == [("order-o-2", "paid")]
    rig.settle()
    assert instance.status().output == data


def test_what_a_map_does_not_name_is_taken_and_ignored(rig: Rig, sender: Sender) -> None:
    """A refusal would make the sender repeat it for days."""
    rig.create(Ordered, "order-o-2")
    status, result = sender.stripe("paid", {"id": "evt_2", "type": "invoice.voided"})
    assert status == 202
    assert "ignored" in result
    assert events(rig) == []


def test_slack_sends_events(rig: Rig, sender: Sender) -> None:
    """A repetition with another time counts once."""
    rig.create(Ordered, "i-1")
    body = {"text": "hi", "order": "i-1"}
    assert sender.slack("said", body)[0] == 202
    assert sender.slack("said", body, late=10)[0] == 202
    assert events(rig) == [("i-1", "said")]
    assert sender.slack("said", body | {"text": "hi!"})[0] == 202
    assert len(events(rig)) == 2


def test_the_id_of_standard_webhooks_may_be_used(sender: Sender) -> None:
    """Of all headers it alone is signed."""
    taken = sender.standard("by-id", {}, id="msg_7")
    assert taken == (202, {"workflow": "ordered", "id": "of-msg_7"})


def test_a_delivery_creates_an_instance(rig: Rig, sender: Sender) -> None:
    """One for each, however often it is sent, with the part of the body as params, and known as an event's."""
    first, again = (sender.standard("new", {"order": {"n": 1}}) for _ in range(2))
    other = sender.standard("new", {"order": {"n": 2}}, id="msg_2")
    assert first == again
    assert first[0] == other[0] == 202
    assert first[1]["id"] != other[1]["id"]
    assert first[1]["id"].startswith("new-")
    assert rig.sql("select id, trigger from wf.instance order by key") == [
        (first[1]["id"], "event"), (other[1]["id"], "event"),
    ]  # fmt: skip
    assert rig.client.workflow("ordered").get(first[1]["id"]).describe().params == {"n": 1}


def test_a_delivery_may_name_its_instance(rig: Rig, sender: Sender) -> None:
    """A second one for the same is taken, and creates nothing."""
    assert sender.slack("named", {"user": 5, "n": 1}) == (202, {"workflow": "ordered", "id": "user-5"})
    assert sender.slack("named", {"user": 5, "n": 2}) == (202, {"workflow": "ordered", "id": "user-5"})
    assert rig.sql("select id from wf.instance") == [("user-5",)]


def test_what_is_not_signed_is_refused(rig: Rig, sender: Sender) -> None:
    """Nothing, another body, another id, another secret, another scheme, something that is no signature."""
    rig.create(Ordered, "order-7")
    data = json.dumps({"type": "paid", "data": {"order_id": 7}}).encode()
    now = rig.clock.now()
    good = signing.standard(SECRET, data, now)
    wrong = [
        {},
        good | {"webhook-id": "msg_2"},
        good | {"webhook-timestamp": str(int(now) + 1)},
        good | {"webhook-timestamp": "soon"},
        good | {"webhook-timestamp": f"-{int(now)}"},
        good | {"webhook-timestamp": "9" * 400},
        good | {"webhook-signature": "v1,"},
        good | {"webhook-signature": good["webhook-signature"].replace("v1,", "v2,")},
        good | {"webhook-signature": good["webhook-signature"][:-1]},
        {name: value for name, value in good.items() if name != "webhook-id"},
        signing.stripe(SECRET, data, now),
    ]
    for headers in wrong:
        assert sender.post("standard", data, headers) == BAD_SIGNATURE, headers
    assert sender.post("standard", data + b" ", good) == BAD_SIGNATURE
    assert events(rig) == []
    assert sender.post("standard", data, good)[0] == 202


@pytest.mark.parametrize("sign", [signing.stripe, signing.slack])
def test_wrong_signatures_of_the_others(rig: Rig, sender: Sender, sign: Callable[..., dict[str, str]]) -> None:
    """The same for Stripe and Slack."""
    hook = "paid" if sign is signing.stripe else "said"
    data, now = b'{"id": 1, "type": "other"}', rig.clock.now()
    for headers in ({}, sign("other", data, now), sign("plain", b"{}", now), sign("", data, now)):
        assert sender.post(hook, data, headers) == BAD_SIGNATURE
    assert sender.post("paid", data, {"Stripe-Signature": "nonsense"}) == BAD_SIGNATURE
    assert sender.post("paid", data, {"Stripe-Signature": f"t={int(now)},v1="}) == BAD_SIGNATURE
    odd = {"X-Slack-Request-Timestamp": b"1", "X-Slack-Signature": "é".encode("latin-1")}
    assert sender.post("said", data, odd) == BAD_SIGNATURE


def test_what_is_too_old_or_of_the_future_is_refused(rig: Rig, sender: Sender) -> None:
    """Each rule has its window; the answer tells how far off the time was."""
    rig.create(Ordered, "order-7")
    body = {"type": "paid", "data": {"order_id": 7}}
    assert sender.standard("standard", body, late=301) == BAD_SIGNATURE
    assert sender.standard("standard", body, late=-301) == BAD_SIGNATURE
    assert sender.standard("standard", body, late=300)[0] == 202
    assert sender.stripe("paid", {"type": "x"}, late=61) == BAD_SIGNATURE
    assert sender.stripe("paid", {"type": "x"}, late=59)[0] == 202
    for late, says in ((400, "is 400 s old"), (-400, "comes from the future, by 400 s")):
        headers = signing.slack("plain", b"{}", rig.clock.now() - late)
        assert says in sender.detail("said", b"{}", headers)


def test_a_hook_that_is_not_there(sender: Sender) -> None:
    """404, whatever its signature."""
    assert sender.slack("other", {}) == (404, 7003, "workflows.api.error.hook.not_found")


def test_what_a_rule_needs_and_the_body_has_not(rig: Rig, sender: Sender) -> None:
    """The answer names the path and the key of the rule."""
    for body in (b"", b"{", b"NaN", b"[" * 100_000, b"\xff"):
        assert sender.slack("named", body) == UNUSABLE, body[:9]
    now = rig.clock.now()
    for data, says in (
        (b"{}", "There is no body.user; hook 'named' needs it for its id."),
        (b"[1]", "There is no body.user; hook 'named' needs it for its id."),
        (b'{"user": true}', "body.user is neither text nor a whole number; hook 'named' needs it for its id."),
        (b'{"user": {}}', "body.user is neither text nor a whole number; hook 'named' needs it for its id."),
        (b"{", "The body is not JSON."),
    ):
        assert sender.detail("named", data, signing.slack("plain", data, now)) == says
    nine = {"id": 1, "type": "invoice.paid", "data": {"lines": []}}
    assert sender.stripe("paid", nine) == UNUSABLE
    assert sender.slack("said", {}) == UNUSABLE


def test_text_that_is_no_unicode_is_refused(rig: Rig, sender: Sender) -> None:
    """JSON can write half a character, from which nothing can be made that names a delivery."""
    half = rb'{"id": "\ud800"}'
    assert sender.slack("told", half) == UNUSABLE
    says = "body.id is not text in Unicode; hook 'told' needs it for its delivery."
    assert sender.detail("told", half, signing.slack("plain", half, rig.clock.now())) == says
    assert sender.slack("named", rb'{"user": "\ud800"}') == UNUSABLE
    assert sender.slack("named", rb'{"user": "a", "more": "\ud800"}')[0] == 202


def test_what_the_client_refuses_is_told(rig: Rig, sender: Sender) -> None:
    """No such instance, one that has ended, ids and types that cannot be, a workflow that nobody knows."""
    body = {"type": "paid", "data": {"order_id": 7}}
    assert sender.standard("standard", body)[:2] == (404, 10400)
    rig.create(Ordered, "order-7").terminate()
    assert sender.standard("standard", body)[:2] == (409, 10403)
    assert sender.standard("standard", {"type": "paid", "data": {"order_id": "ä"}})[:2] == (400, 10401)
    assert sender.standard("standard", {"type": "-x", "data": {"order_id": 7}})[:2] == (400, 10402)
    assert sender.slack("named", {"user": "a b"})[:2] == (400, 10401)
    assert sender.slack("nowhere", {})[:2] == (404, 10200)


def test_without_postgres_the_sender_shall_come_again(
    rig: Rig, secrets: None, write: Callable[[str], str], own_redis: Valkey
) -> None:
    """503 with Retry-After, for which every sender has patience."""
    away = rig.settings.model_copy(update={"hooks": write(RULES), "database_url": "postgresql://127.0.0.1:1/x"})
    with Api(away, rig.clock) as api:
        headers = signing.slack("plain", b'{"user": 1}', rig.clock.now())
        answer = api("POST", "/hooks/named", content=b'{"user": 1}', headers=headers)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
