"""Senders of webhooks, who sign as the three schemes say."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256


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
