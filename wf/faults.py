"""Errors in the journal: written so that the first raise and every replay raise the same reconstructed error.

An error is one record, a plain dict in the codec's bytes. Whatever may name a class (arguments, attributes) is kept as
text of its own inside the record, so that `summary` reads name, message and traceback without importing anything.
"""

from __future__ import annotations

import concurrent.futures
import os
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import BuiltinFunctionType, MemberDescriptorType, WrapperDescriptorType
from typing import TYPE_CHECKING, Any

from wf.classes import class_ref, find_class
from wf.codec import CodecError, decode, encode
from wf.errors import NonRetryableError, StepError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_TEXT = 16_384  # characters of a message or of one error's traceback
_VALUE = 65_536  # bytes of one argument or attribute
_CHAIN = 10  # causes behind an error, and levels of groups
_GROUP = 100  # members of a group
_TRACEBACK = "__wf_traceback__"
_MACHINERY = tuple(f"{Path(file).parent}{os.sep}" for file in (__file__, str(concurrent.futures.__file__)))
_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


@dataclass(frozen=True)
class ErrorSummary:
    """What people see of a stored error.

    Attributes:
        name: Class name, or the name that the error gave itself.
        message: Its message.
        traceback: Traceback text, causes first; empty when there is none.
    """

    name: str
    message: str
    traceback: str


def encode_error(error: BaseException) -> bytes:
    """Write an error for the journal. Never fails, whatever the error's own methods do."""
    try:
        return encode(_record(error, _CHAIN, frozenset()))
    except Exception:  # an error can override anything we read of it; its name and message are still worth keeping
        return encode({"name": type(error).__name__, "message": _text(error)})


def decode_error(data: bytes | bytearray | memoryview) -> BaseException:
    """Rebuild an error from what `encode_error` wrote.

    Returns:
        The same class with arguments, attributes, notes and causes; a `StepError` with the name and the message
        where the class cannot be rebuilt here. `__traceback__` is empty, `traceback_text` still gives the original.

    Raises:
        CodecError: The bytes are damaged.
    """
    return _rebuild(_read(data))


def summary(data: bytes | bytearray | memoryview) -> ErrorSummary:
    """Read name, message and traceback of a stored error without importing any class.

    Raises:
        CodecError: The bytes are damaged.
    """
    record = _read(data)
    return ErrorSummary(record["name"], record["message"], _chain_text(record))


def traceback_text(error: BaseException) -> str:
    """The traceback of an error and its causes; of a rebuilt error the original one."""
    return _chain_text(_read(encode_error(error)))


# Writing.


def _record(error: BaseException, levels: int, seen: frozenset[int]) -> dict[str, Any]:
    seen |= {id(error)}
    state = vars(error)
    record: dict[str, Any] = {
        "name": _name(error),
        "message": _text(error)[:_TEXT],
        "args": [_storable(arg) or _storable(_text(arg, repr)[:1_000]) for arg in error.args],
        "attrs": _kept({name: value for name, value in state.items() if not _is_dunder(name)}),
        "members": _kept(_members(error)),
        "notes": [_text(note)[:_TEXT] for note in state.get("__notes__", ()) if isinstance(note, str)],
        "traceback": _own_traceback(error),
        "suppress": error.__suppress_context__,
    }
    try:
        record["class"] = class_ref(type(error))
    except ImportError:
        record["class"] = ""
    cause, context = error.__cause__, error.__context__
    if levels and cause is not None and id(cause) not in seen:
        record["cause"] = _record(cause, levels - 1, seen)
    if levels and context is not None and not error.__suppress_context__ and id(context) not in seen:
        record["context"] = _record(context, levels - 1, seen)
    if type(error) is ExceptionGroup and levels and len(error.exceptions) <= _GROUP:
        record["group"] = [_record(member, levels // 2, seen) for member in error.exceptions]
        record["title"] = _text(error.message)
    return record


def _name(error: BaseException) -> str:
    name = getattr(error, "name", None) if isinstance(error, StepError | NonRetryableError) else None
    own = isinstance(name, str) and name not in ("", NonRetryableError.__name__)
    return _text(name) if own else type(error).__name__


def _text(value: object, show: Any = str) -> str:
    try:
        return str.__str__(show(value))  # exactly a str, even if the author's method gives a subclass
    except BaseException as error:  # even SystemExit from an author's __str__ must not cost the error its record
        return f"<{type(value).__name__} whose text cannot be had: {type(error).__name__}>"


def _storable(value: object) -> str | None:
    """The codec's text of a value; None when the value cannot be stored."""
    try:
        return encode(value, limit=_VALUE).decode()
    except Exception:  # besides the codec's own errors, a value can override anything that is read of it
        return None


def _kept(values: dict[str, Any]) -> dict[str, str]:
    return {name: text for name, value in values.items() if (text := _storable(value)) is not None}


def _is_dunder(name: object) -> bool:
    return not isinstance(name, str) or (name.startswith("__") and name.endswith("__"))


def _slots(cls: type) -> Iterator[tuple[str, MemberDescriptorType]]:
    """State that is not in `__dict__`: an author's slots, and such as `OSError.filename` or `ImportError.path`."""
    for base in cls.__mro__:
        for name, slot in vars(base).items():
            if isinstance(slot, MemberDescriptorType) and not _is_dunder(name):
                yield name, slot


def _members(error: BaseException) -> dict[str, Any]:
    held: dict[str, Any] = {}
    for name, slot in _slots(type(error)):
        try:
            value = slot.__get__(error)
        except AttributeError:  # a slot that is not set
            continue
        if value is not None:
            held.setdefault(name, value)
    return held


def _own_traceback(error: BaseException) -> str:
    """The traceback of the error alone, the end of it if it is long."""
    kept = vars(error).get(_TRACEBACK)
    if isinstance(kept, str):
        return kept
    trace = _from_author(error.__traceback__)
    try:
        text = "".join(traceback.format_exception(type(error), error, trace, chain=False))
    except Exception:  # formatting calls the author's own methods
        text = "".join(traceback.format_tb(trace)) + f"{type(error).__name__}: {_text(error)}\n"
    return text if len(text) <= _TEXT else f"... (shortened)\n{text[-_TEXT:]}"


def _from_author(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames by which we came to the author's code; all of it if it never came there."""
    found = trace
    while found is not None and found.tb_frame.f_code.co_filename.startswith(_MACHINERY):
        found = found.tb_next
    return found or trace


# Reading.


def _read(data: bytes | bytearray | memoryview) -> dict[str, Any]:
    record = decode(data)
    if not isinstance(record, dict) or not isinstance(record.get("name"), str) or "message" not in record:
        raise CodecError("Stored data is not an error record; it is damaged or was stored as a value.")
    return record


def _chain_text(record: dict[str, Any]) -> str:
    before = ""
    if "cause" in record:
        before = _chain_text(record["cause"]) + _CAUSE
    elif "context" in record:
        before = _chain_text(record["context"]) + _CONTEXT
    return before + str(record.get("traceback", ""))


def _rebuild(record: dict[str, Any]) -> Exception:
    error = _rebuild_one(record) or StepError(record["name"], record["message"])
    vars(error)[_TRACEBACK] = record.get("traceback", "")
    if record.get("notes"):
        vars(error)["__notes__"] = list(record["notes"])
    # Past the __setattr__ of the class: a frozen dataclass can be an error too.
    for link in ("cause", "context"):
        if link in record:
            BaseException.__setattr__(error, f"__{link}__", _rebuild(record[link]))
    BaseException.__setattr__(error, "__suppress_context__", bool(record.get("suppress")))
    return error


def _rebuild_one(record: dict[str, Any]) -> Exception | None:
    """The error without its surroundings; None when it cannot be had."""
    try:
        cls = find_class(record["class"])
        if not issubclass(cls, Exception):
            return None
        error = _new(cls, record)
        if error is None or type(error) is not cls:
            return None
        vars(error).update(_known(record["attrs"]))
        members = _known(record["members"])
        for name, slot in _slots(cls):
            if name in members:
                _set(slot, error, members[name])
    except Exception:  # importing and rebuilding run foreign code; the stand-in carries the name and the message
        return None
    return error if _has_text(error) else None


def _has_text(error: Exception) -> bool:
    """Whether `str` works; attributes that could not be stored may be what the text is made of."""
    try:
        return isinstance(str(error), str)
    except BaseException:  # an author's __str__ may raise anything, and nobody could log such an error
        return False


def _new(cls: type[Exception], record: dict[str, Any]) -> Exception | None:
    """An object of the class, made by the built-in part of its constructor only."""
    if issubclass(cls, BaseExceptionGroup):
        return ExceptionGroup(record["title"], list(map(_rebuild, record["group"]))) if "group" in record else None
    args = [decode(text.encode()) for text in record["args"]]
    error: Exception = _builtin(cls, "__new__")(cls, *args)
    _builtin(cls, "__init__")(error, *args)
    return error


def _builtin(cls: type, name: str) -> Any:
    """The method as the nearest class written in C has it, so that no author's constructor runs."""
    found = (vars(base)[name] for base in cls.__mro__ if name in vars(base))
    return next(method for method in found if isinstance(method, BuiltinFunctionType | WrapperDescriptorType))


def _known(texts: dict[str, str]) -> dict[str, Any]:
    known = {}
    for name, text in texts.items():
        try:
            known[name] = decode(text.encode())
        except CodecError:  # its class is gone here; the error is more useful without the attribute than not at all
            continue
    return known


def _set(slot: MemberDescriptorType, error: Exception, value: object) -> None:
    try:
        slot.__set__(error, value)
    except (AttributeError, TypeError):  # read-only, and set by the constructor already
        return
