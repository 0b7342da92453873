"""Values in the journal: one version byte, then JSON in UTF-8.

JSON's own types stand for themselves (NaN and the infinities as Python writes them); `codec_write` has all
others. Decoding gives back a value that equals the original in type and value. An object that is referenced twice
comes back as two equal ones. Nothing is ever pickled.
"""

from __future__ import annotations

import json
from typing import Any

from wf.cipher import SEAL
from wf.codec_read import unpack
from wf.codec_write import MAX_DEPTH, TAG, Packer
from wf.errors import PayloadTooLarge, SerializationError, WfError

_VERSION = b"\x01"
_SCALARS = frozenset({str, int, float, bool, type(None)})
_STR = frozenset({str})

_dumps = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
# `float` reads NaN as a new object each time: two NaN keys of one dict must stay two.
_TAGGED = json.JSONDecoder(object_hook=unpack, parse_constant=float)
_UNTAGGED = json.JSONDecoder(parse_constant=float)


class CodecError(WfError, ValueError):
    """Stored bytes cannot be read: damaged, sealed with an unknown key, of another release, or their class is gone."""

    code = "payload.unreadable"


def check_opened(data: bytes | bytearray | memoryview) -> None:
    """Refuse bytes that are still sealed.

    Raises:
        CodecError: They are.
    """
    if data[:1] == SEAL:
        raise CodecError(
            "Stored data is encrypted, and WF_ENCRYPTION_KEYS of this process lacks the key that opens it. Add the key "
            "with which it was written behind the others; if it is there, the data is damaged."
        )


def encode(value: object, *, what: str = "value", limit: int | None = None) -> bytes:
    """Write a value for the journal.

    Args:
        value: JSON types, or any of those that `codec_write` adds, nested at will.
        what: What the value is for; the error about its size begins with it.
        limit: Largest size of the result in bytes; None for any.

    Raises:
        SerializationError: Some part of the value cannot be stored; the error names the path to it.
        PayloadTooLarge: The result is larger than `limit`.
    """
    try:
        data = _VERSION + _write(value)
    except RecursionError:
        raise SerializationError("$", "it is nested too deeply for the stack that is left") from None
    except UnicodeEncodeError as error:
        raise SerializationError("$", f"a name in it is not proper Unicode ({error.object!r:.120})") from None
    if limit is not None and len(data) > limit:
        raise PayloadTooLarge(what, len(data), limit)
    return data


def decode(data: bytes | bytearray | memoryview) -> Any:
    """Read what `encode` wrote.

    Raises:
        CodecError: The bytes are damaged, encrypted, of an unknown version, or name a class that cannot be found.
    """
    if (version := bytes(data[:1])) != _VERSION:
        check_opened(data)
        raise CodecError(
            f"Stored data begins with {version!r}, this release reads {_VERSION!r}: it is damaged, "
            f"or a newer release wrote it."
        )
    try:
        text = str(data[1:], "utf-8")
        value, end = (_TAGGED if f'"{TAG}"' in text else _UNTAGGED).raw_decode(text)
    except Exception as error:  # damaged data can trip any part, and so can the import of a class
        raise CodecError(f"Stored data cannot be read ({type(error).__name__}: {error}).") from error
    if end != len(text):
        raise CodecError(f"Stored data goes on for {len(text) - end} characters after its end: it is damaged.")
    return value


def _is_plain(value: Any, depth: int) -> bool:
    """Whether JSON alone gives the value back. Deep nesting and cycles go the slow way, which explains them."""
    kind = type(value)
    if kind in _SCALARS:
        return True
    if depth >= MAX_DEPTH:
        return False
    if kind is dict and _STR.issuperset(map(type, value)) and TAG not in value:
        items = value.values()
    elif kind is list:
        items = value
    else:
        return False
    if _SCALARS.issuperset(map(type, items)):
        return True
    return all(_is_plain(item, depth + 1) for item in items)


def _write(value: object) -> bytes:
    if _is_plain(value, 0):
        try:
            return _dumps(value).encode()
        except ValueError:  # lone surrogates and very long integers, which JSON cannot carry
            pass
    return _dumps(Packer(value).pack(value)).encode()
