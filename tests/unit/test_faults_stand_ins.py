"""Errors in the journal that cannot come back as they were: stand-ins, groups, and hostile classes."""

from __future__ import annotations

import asyncio
import sys
import types
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from wf.codec import CodecError, encode
from wf.errors import Signal, StepError
from wf.faults import ErrorSummary, decode_error, encode_error, summary, traceback_text


class MyError(Exception):
    pass


class Coded(Exception):
    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.code, self._detail = code, detail

    def __str__(self) -> str:
        return f"{self.code}: {self._detail}"


class Holder(Exception):
    def __init__(self, handle: object) -> None:
        super().__init__("held")
        self.handle, self.kept = handle, 1

    def __str__(self) -> str:
        return f"held {self.handle}"


class Mute(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)

    __repr__ = __str__


class Hostile(Exception):
    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no")


class Group(ExceptionGroup[Exception]):
    pass


class Model(BaseModel):
    a: int


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    """The error after it was really raised, so that it has a traceback."""
    if cause is not None:
        error.__cause__ = cause
    try:
        raise error  # noqa: TRY301 - raising is all this does
    except Exception as caught:
        return caught


def rebuilt(error: BaseException) -> Any:
    return decode_error(encode_error(error))


def stand_in(error: BaseException) -> StepError:
    back = rebuilt(error)
    assert type(back) is StepError
    return back


def local_error() -> Exception:
    class Local(Exception):
        pass

    return Local("boom")


@pytest.mark.parametrize(
    ("error", "name", "message"),
    [
        (local_error(), "Local", "boom"),
        (asyncio.CancelledError("gone"), "CancelledError", "gone"),
        (KeyboardInterrupt(), "KeyboardInterrupt", ""),
        (SystemExit(1), "SystemExit", "1"),
        (Signal("s"), "Signal", "s"),
        (Holder(print), "Holder", "held <built-in function print>"),
        (Group("g", [ValueError()]), "Group", "g (1 sub-exception)"),
        (BaseExceptionGroup("g", [KeyboardInterrupt()]), "BaseExceptionGroup", "g (1 sub-exception)"),
        (StepError("Gone", "away"), "Gone", "away"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_cannot_be_rebuilt_becomes_a_step_error(error: BaseException, name: str, message: str) -> None:
    """The stand-in carries the name and the message; signals and exits are never raised from the journal."""
    back = stand_in(error)
    assert (back.name, back.message) == (name, message)
    assert summary(encode_error(error)).name == name
    assert summary(encode_error(stand_in(back))).name == name


def test_errors_of_validation_become_step_errors() -> None:
    """Pydantic's ValidationError has no constructor; its text is kept."""
    with pytest.raises(ValidationError) as caught:
        Model(a="x")  # type: ignore[arg-type]
    back = stand_in(caught.value)
    assert back.name == "ValidationError"
    assert "valid integer" in back.message


def test_a_class_that_is_gone_becomes_a_step_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the class cannot be imported where the error is read, notes, cause and traceback are still there."""
    error = raised(MyError("m"), KeyError("k"))
    error.add_note("n")
    data = encode_error(error)
    monkeypatch.delattr(sys.modules[__name__], "MyError")
    back: Any = decode_error(data)
    assert (type(back), back.name, back.message) == (StepError, "MyError", "m")
    assert (back.__notes__, type(back.__cause__)) == (["n"], KeyError)
    assert "MyError: m" in traceback_text(back)


def test_only_exceptions_are_rebuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that names something else than a subclass of Exception makes nothing run."""
    data = encode_error(MyError("m"))
    called: list[object] = []
    monkeypatch.setattr(sys.modules[__name__], "MyError", lambda *args: called.append(args))
    assert type(decode_error(data)) is StepError
    monkeypatch.setattr(sys.modules[__name__], "MyError", KeyboardInterrupt)
    assert type(decode_error(data)) is StepError
    assert called == []


def test_attributes_whose_class_is_gone_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attribute that cannot be read any more does not cost the error its class."""
    error = MyError("m")
    error.model, error.n = Model(a=1), 1  # type: ignore[attr-defined]
    data = encode_error(error)
    monkeypatch.delattr(sys.modules[__name__], "Model")
    back: Any = decode_error(data)
    assert (type(back), back.n, hasattr(back, "model")) == (MyError, 1, False)


def test_groups_of_tasks_survive() -> None:
    """An ExceptionGroup keeps its members, nested ones too; members that cannot be rebuilt get stand-ins."""
    group = ExceptionGroup("all", [Coded(1, "x"), ExceptionGroup("some", [local_error()])])
    back = rebuilt(raised(group))
    assert type(back) is ExceptionGroup
    assert str(back) == str(group)
    assert type(back.exceptions[0]) is Coded
    assert type(back.exceptions[1].exceptions[0]) is StepError
    assert summary(encode_error(group)).message == "all (2 sub-exceptions)"


def test_groups_share_a_cause() -> None:
    """A cause that two members have in common is kept with both."""
    cause = KeyError("k")
    group = ExceptionGroup("g", [raised(MyError("a"), cause), raised(MyError("b"), cause)])
    assert [type(member.__cause__) for member in rebuilt(group).exceptions] == [KeyError, KeyError]


@pytest.mark.parametrize(
    "error", [Mute("x"), Hostile("x"), MyError(Mute("x")), MyError("\ud800\0")], ids=lambda e: type(e).__name__
)
def test_encoding_never_fails(error: Exception) -> None:
    """Errors whose own methods fail, or exit, are stored with at least their name."""
    data = encode_error(raised(error))
    assert summary(data).name == type(error).__name__
    assert isinstance(decode_error(data), Exception)


def test_a_text_that_cannot_be_had_is_said_to_be_so() -> None:
    """When `str` of the error fails, the message says which class it was and what went wrong."""
    assert stand_in(Mute("x")).message == "<Mute whose text cannot be had: SystemExit>"


def test_the_summary_imports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, message and traceback are read without importing the class or those of its attributes."""
    module = types.ModuleType("shortlived")
    exec("class Gone(Exception): pass\nclass Kind(__import__('enum').Enum): A = 1", vars(module))
    monkeypatch.setitem(sys.modules, "shortlived", module)
    error = module.Gone(module.Kind.A)
    error.kind = module.Kind.A
    data = encode_error(error)
    assert type(decode_error(data)) is module.Gone
    monkeypatch.delitem(sys.modules, "shortlived")
    assert summary(data) == ErrorSummary("Gone", "Kind.A", "shortlived.Gone: Kind.A\n")
    assert type(decode_error(data)) is StepError


@pytest.mark.parametrize("data", [b"", b"\x01nul", encode(None), encode({"name": "x"}), encode([1])])
def test_damaged_records_are_codec_errors(data: bytes) -> None:
    """Bytes that are no error record raise `CodecError`, in both readers."""
    for read in (decode_error, summary):
        with pytest.raises(CodecError):
            read(data)
