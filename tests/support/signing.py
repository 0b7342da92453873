"""Senders of webhooks, who sign as the three schemes say."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.api import Api
    from tests.support.rig import Rig

SECRET = "whsec_" + b64encode(b"k" * 24).decode()


def standard(secret: str, body: bytes, at: float, id: str = "msg_1") -> dict[str, str]:
    """Headers of Standard Webhooks."""
    signed = f"{id}.{int(at)}.".encode() + body
    digest = hmac.digest(b64decode(secret.removeprefix("whsec_")), signed, sha256)
    signature = f"v1a,other v1,{b64encode(digest).decode()}"
    return {"webhook-id": id, "webhook-timestamp": str(int(at)), "webhook-signature": signature}


def stripe(secret: str, body: bytes, at: float) -> dict[str, str]:
    """The header of Stripe."""
    digest = hmac.digest(secret.encode(), f"{int(at)}.".encode() + body, sha256)
    return {"Stripe-Signature": f"t={int(at)},v1={digest.hex()},v0={'0' * 64}"}


def slack(secret: str, body: bytes, at: float) -> dict[str, str]:
    """Headers of Slack."""
    digest = hmac.digest(secret.encode(), f"v0:{int(at)}:".encode() + body, sha256)
    return {"X-Slack-Request-Timestamp": str(int(at)), "X-Slack-Signature": f"v0={digest.hex()}"}


class Sender:
    """Signs bodies, and posts them."""

    def __init__(self, rig: Rig, api: Api) -> None:
        self.rig, self.api = rig, api

    def standard(self, hook: str, body: Any, *, secret: str = SECRET, late: float = 0, **more: Any) -> tuple[Any, ...]:
        data = json.dumps(body).encode()
        return self.post(hook, data, standard(secret, data, self.rig.clock.now() - late, **more))

    def stripe(self, hook: str, body: Any, *, late: float = 0) -> tuple[Any, ...]:
        data = json.dumps(body).encode()
        return self.post(hook, data, stripe("plain", data, self.rig.clock.now() - late))

    def slack(self, hook: str, body: Any, *, late: float = 0) -> tuple[Any, ...]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.post(hook, data, slack("plain", data, self.rig.clock.now() - late))

    def post(self, hook: str, data: bytes, headers: Mapping[str, Any]) -> tuple[Any, ...]:
        """What comes of it: status and result, or status, number and code."""
        answer = self.api("POST", f"/hooks/{hook}", content=data, headers=headers)
        if answer.is_success:
            return answer.status_code, answer.json()["result"]
        return self.api.refusal("POST", f"/hooks/{hook}", content=data, headers=headers)

    def detail(self, hook: str, data: bytes, headers: dict[str, str]) -> str:
        answer = self.api("POST", f"/hooks/{hook}", content=data, headers=headers)
        return str(answer.json()["errors"][0]["detail"])
