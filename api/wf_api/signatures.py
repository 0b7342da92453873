"""Signatures of webhooks: three schemes, each an HMAC-SHA256 over the body and the time of its sending.

The time is signed, so that nobody can send an old delivery again as a new one: it must lie within a window around now.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from wf_api.problems import BadSignature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Claim(NamedTuple):
    """What a delivery claims, taken apart.

    Attributes:
        time: When it was sent, as it says.
        signed: What is signed.
        signatures: The signatures it shows, of which one must fit.
        encode: How the scheme writes a signature.
    """

    time: str
    signed: bytes
    signatures: Iterable[str]
    encode: Callable[[bytes], str]


def check_signature(
    scheme: str, keys: Iterable[bytes], headers: Mapping[str, str], body: bytes, *, now: float, window: float
) -> None:
    """Refuse a delivery that the holder of a key has not signed just now.

    Args:
        scheme: `standard`, `stripe` or `slack`.
        keys: Those that count; two while one takes the place of the other.
        headers: Of the request, in lower case, decoded as Latin-1.
        body: As it was sent.
        now: Seconds since the epoch.
        window: How many seconds its time may differ from that.

    Raises:
        BadSignature: It is not signed, or not by a holder of a key, or its time is too far off.
    """
    claim = SCHEMES[scheme].claim(headers, body)
    fits = False
    for key in keys:
        wanted = claim.encode(hmac.digest(key, claim.signed, sha256)).encode()
        for given in claim.signatures:
            # No stop at the first that fits: how long this takes tells nothing.
            fits |= hmac.compare_digest(given.encode(errors="surrogateescape"), wanted)
    if not fits:
        raise BadSignature("The signature does not fit: another secret has signed, or something else than this body.")
    late = now - int(claim.time)
    if abs(late) > window:
        which = f"is {late:.0f} s old" if late > 0 else f"comes from the future, by {-late:.0f} s"
        raise BadSignature(f"The delivery {which}; {window:g} s are allowed. Sign it anew, or look at the clocks.")


def check_key(scheme: str, secret: str) -> bytes:
    """The key in a secret, as the sender shows it.

    Raises:
        ValueError: The scheme has no such secrets; the message does not show it.
    """
    if not secret:
        raise ValueError("it is empty")
    return SCHEMES[scheme].key(secret)


def _standard_key(secret: str) -> bytes:
    try:
        key = b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is not whsec_ and base64, as Standard Webhooks has it") from None
    if len(key) < 16:
        raise ValueError("its key is shorter than 16 bytes, so it could be guessed")
    return key


def _standard(headers: Mapping[str, str], body: bytes) -> Claim:
    id, time = _header(headers, "webhook-id"), _time(_header(headers, "webhook-timestamp"))
    given = [text[3:] for text in _header(headers, "webhook-signature").split() if text.startswith("v1,")]
    return Claim(time, f"{id}.{time}.".encode("latin-1") + body, given, lambda digest: b64encode(digest).decode())


def _stripe(headers: Mapping[str, str], body: bytes) -> Claim:
    pairs = [part.strip().partition("=")[::2] for part in _header(headers, "stripe-signature").split(",")]
    time = _time(next((value for name, value in pairs if name == "t"), ""))
    return Claim(time, f"{time}.".encode() + body, [value for name, value in pairs if name == "v1"], bytes.hex)


def _slack(headers: Mapping[str, str], body: bytes) -> Claim:
    time = _time(_header(headers, "x-slack-request-timestamp"))
    given = _header(headers, "x-slack-signature")
    return Claim(time, f"v0:{time}:".encode() + body, [given.removeprefix("v0=")], bytes.hex)


def _header(headers: Mapping[str, str], name: str) -> str:
    if not (found := headers.get(name, "")):
        raise BadSignature(f"The delivery has no header {name}.")
    return found


def _time(text: str) -> str:
    # Exactly as it stands there, because it is part of what is signed.
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise BadSignature("The delivery does not say when it was sent, in seconds since 1970.")
    return text


class _Scheme(NamedTuple):
    key: Callable[[str], bytes]
    claim: Callable[[Mapping[str, str], bytes], Claim]


SCHEMES = {
    "standard": _Scheme(_standard_key, _standard),
    "stripe": _Scheme(str.encode, _stripe),
    "slack": _Scheme(str.encode, _slack),
}
