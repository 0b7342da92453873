"""Where signed webhooks arrive; no token is needed, and `wf_api.hooks` says what becomes of them."""

import json
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from wf.client import Client
from wf_api.documented import refusals
from wf_api.envelope import answered
from wf_api.hooks import Delivery, Hook
from wf_api.models.common import Envelope, Told
from wf_api.parts import Parts
from wf_api.payloads import Payloads
from wf_api.problems import NoHook, UnusableDelivery, as_given
from wf_api.signatures import check_signature

router = APIRouter(prefix="/hooks", tags=["hooks"], responses=refusals(400, 401, 404, 409, 413, 429, 503))


class Taken(Told):
    """What became of a delivery."""

    workflow: str
    id: str | None = Field(default=None, description="The instance that got the event, or that was created.")
    event: str | None = Field(default=None, description="The type of the event.")
    ignored: str | None = Field(default=None, description="Why nothing came of it.")


@router.post("/{name}", status_code=202, summary="Deliver a signed webhook", response_model=Envelope[Taken])
async def deliver(name: str, request: Request) -> Response:
    """Send an event, or create an instance, as the rule of this name says."""
    parts: Parts = request.app.state.parts
    parts.door.count(request)
    hook = parts.hooks.get(name)
    if hook is None:
        raise NoHook(f"There is no hook {name!r:.120} in the file of WF_HOOKS.")
    raw = await request.body()
    headers = dict(request.headers)
    check_signature(hook.rule.scheme, hook.keys, headers, raw, now=parts.clock.now(), window=hook.rule.window)
    delivery = Delivery(_json(raw), headers, raw)
    client = parts.client.acting_as(f"hook:{name}")
    act = _create if hook.rule.create else _send
    return answered(await run_in_threadpool(act, client, parts.payloads, hook, delivery), status=202)


def _send(client: Client, payloads: Payloads, hook: Hook, delivery: Delivery) -> dict[str, Any]:
    assert hook.rule.instance is not None
    type = hook.event_type(delivery)
    if type is None:
        return {"workflow": hook.rule.workflow, "ignored": "The rule has no event for a delivery of this type."}
    id = hook.fill(hook.rule.instance, delivery, "instance")
    payload = hook.payload(delivery)
    instance = client.workflow(hook.rule.workflow).get(id)
    payloads.check_event(hook.rule.workflow, instance.version, type, payload)
    with as_given():
        instance.send_event(type, payload, event_id=hook.delivery_id(delivery))
    return {"workflow": hook.rule.workflow, "id": id, "event": type}


def _create(client: Client, payloads: Payloads, hook: Hook, delivery: Delivery) -> dict[str, Any]:
    id = hook.delivery_id(delivery) if hook.rule.id is None else hook.fill(hook.rule.id, delivery, "id")
    params = hook.payload(delivery)
    payloads.check_params(hook.rule.workflow, params)
    with as_given():
        client.workflow(hook.rule.workflow).create(id, params, if_exists="return", trigger="event")
    return {"workflow": hook.rule.workflow, "id": id}


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise UnusableDelivery("The body is not JSON.") from None


def _no_constant(name: str) -> None:
    raise ValueError(name)
