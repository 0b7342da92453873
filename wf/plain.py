"""Stored values for the eyes: JSON only, without importing any class, so that whoever looks needs no one's code."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from wf.codec import CodecError, check_opened, decode, encode
from wf.codec_read import unpack
from wf.codec_write import TAG

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.cipher import Cipher


def plain(data: bytes | bytearray | memoryview) -> Any:
    """What `wf.codec.encode` wrote, as JSON: sets as lists, objects as mappings, dates in ISO 8601, bytes in base64.

    Raises:
        CodecError: The bytes are damaged, encrypted or of a newer release.
    """
    check_opened(data)
    try:
        return _DECODER.decode(str(bytes(data)[1:], "utf-8"))
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise CodecError(f"Stored data cannot be read ({type(error).__name__}: {error}).") from error


def legible(data: bytes, read: Callable[[bytes], Any] = decode) -> Any:
    """A stored value for the eyes, whatever has become of its classes, or of itself.

    Args:
        data: As it is stored.
        read: Tried first; then the value is taken as JSON, and bytes that are not even that are told of in a text.
    """
    for attempt in (read, plain):
        try:
            return attempt(data)
        except CodecError as error:
            problem = error
    return f"[UNREADABLE: {problem}]"


def hidden(outcome: dict[str, Any] | None, cipher: Cipher | None) -> dict[str, Any] | None:
    """What a rollback came to, for its `jsonb` column: with keys its error is sealed, as text."""
    if cipher is None or outcome is None or outcome["error"] is None:
        return outcome
    return outcome | {"error": {"sealed": b64encode(cipher.seal(encode(outcome["error"]))).decode()}}


def revealed(outcome: dict[str, Any] | None, cipher: Cipher | None) -> dict[str, Any] | None:
    """What `hidden` has hidden; an error that no key opens is one that says so."""
    if outcome is None or outcome["error"] is None or "sealed" not in outcome["error"]:
        return outcome
    data = b64decode(outcome["error"]["sealed"])
    try:
        return outcome | {"error": decode(data if cipher is None else cipher.open(data))}
    except CodecError as error:
        return outcome | {"error": {"name": "CodecError", "message": str(error)}}


def _show(packed: dict[str, Any]) -> Any:
    return _SHOWN[packed[TAG]](packed) if TAG in packed else packed


def _content(packed: dict[str, Any]) -> Any:
    return packed["v"]


def _mapping(items: list[Any]) -> dict[str, Any]:
    return {key if isinstance(key, str) else json.dumps(key, ensure_ascii=False): value for key, value in items}


_HEX_MAX = 3_500
"""Digits of a number that is shown as one; from 4,300 decimal ones on, Python neither writes nor reads it."""

_SHOWN: dict[str, Callable[[dict[str, Any]], Any]] = {
    **dict.fromkeys(("tuple", "set", "frozenset", "namedtuple", "bytes", "Decimal", "UUID", "date"), _content),
    **dict.fromkeys(("dict", "dataclass"), lambda packed: _mapping(packed["v"])),
    **dict.fromkeys(("datetime", "time"), lambda packed: unpack(packed).isoformat()),
    "int": lambda packed: unpack(packed) if len(packed["v"]) < _HEX_MAX else packed["v"],
    "str": lambda packed: str(unpack(packed)).encode("utf-8", "backslashreplace").decode(),
    "timedelta": lambda packed: str(unpack(packed)),
    "enum": lambda packed: packed["v"] if "v" in packed else packed["bits"],
    "model": lambda packed: _mapping([*packed.get("v", ()), *packed.get("extra", ())]),
}
_DECODER = json.JSONDecoder(object_hook=_show, parse_constant=str)
