"""Errors in the journal: rebuilt as the same class, or replaced by a stand-in; never a second failure."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import sqlite3
from typing import TYPE_CHECKING, Any, Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wf.errors
from wf.calling import call_named
from wf.codec import CodecError
from wf.errors import NonRetryableError, StepError, WfError
from wf.faults import decode_error, encode_error, summary, traceback_text

if TYPE_CHECKING:
    from collections.abc import Callable


class MyError(Exception):
    pass


class Coded(Exception):
    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.code, self._detail = code, detail

    def __str__(self) -> str:
        return f"{self.code}: {self._detail}"


class Keywords(LookupError):
    def __init__(self, *, where: str) -> None:
        self.where = where
        super().__init__()


class Slotted(Exception):
    __slots__ = ("code",)

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Disk(OSError):
    def __init__(self, path: str) -> None:
        super().__init__(errno.ENOSPC, "disk full", path)


class Fresh(Exception):
    def __new__(cls, *args: object) -> Self:
        raise AssertionError("an author's constructor must not run")

    def __init__(self, *args: object) -> None:
        raise AssertionError("an author's constructor must not run")


class Fatal(NonRetryableError):
    pass


class Outer(Exception):
    class Inner(Exception):
        pass


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    code: int


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


OURS = [
    wf.errors.InstanceNotFound("w", "i"), wf.errors.InstanceAlreadyExists("w", "i"),
    wf.errors.InstanceFinished("w", "i", "complete"), wf.errors.InstanceTerminated("w", "i"),
    wf.errors.InvalidInstanceId("-"), wf.errors.InvalidTransition("w", "i", "complete", "pause"),
    wf.errors.InvalidEventType("a.b"), wf.errors.WorkflowNotFound("x", ["xy", "b"]),
    wf.errors.PayloadTooLarge("what", 2_000, 1_000), wf.errors.SerializationError("$.a", "no"),
    wf.errors.JournalUnavailable("down"), wf.errors.BrokerUnavailable("down"), wf.errors.SchemaMismatch("1", "2"),
    wf.errors.InvalidPayload("w", "M", [{"type": "t", "loc": ("a", 0), "msg": "m"}]), wf.errors.InvalidBatch("empty"),
    wf.errors.RateLimited("w", 5.0, 0.2, "WF_CREATION_RATE"),
    wf.errors.JournalBusy("locked"), wf.errors.JournalRefused("read-only"),
    StepError("Name", "message"), NonRetryableError("m"), NonRetryableError("m", "Named"), Fatal("m"),
    wf.errors.WorkflowTimeoutError(1.5), wf.errors.WorkerLostError("s", 3), wf.errors.RuleError("r"),
    wf.errors.OutsideStepError("open"), wf.errors.NestedStepError("s"), wf.errors.StepAfterEndError("s"),
    wf.errors.StepLimitError(10), wf.errors.RestlessRunError(10),
    wf.errors.NonRetryableDelayError("a-1", "was late"), wf.errors.RollbackPhaseError("s"),
    CodecError("damaged"), WfError(),
]  # fmt: skip

COMMON = [
    ValueError(), ValueError("x", 1, (2,)), KeyError("k"), MyError("m"), Outer.Inner("i"), Coded(7, "broken"),
    Keywords(where="here"), Slotted(5), Disk("/data"), Frozen(3), OSError("plain"), OSError(2, "gone", "f", None, "g"),
    ConnectionResetError(104, "reset"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), StopIteration(4),
    UnicodeEncodeError("ascii", "é", 0, 1, "bad"), ImportError("i", name="n", path="p"), TimeoutError(),
    ModuleNotFoundError("m", name="n"), SyntaxError("bad", ("f.py", 1, 2, "text")), AttributeError("a", name="n"),
    sqlite3.OperationalError("locked"), ZeroDivisionError("division by zero"), RecursionError("deep"),
    asyncio.InvalidStateError("s"), AssertionError(["x"]),
]  # fmt: skip


@pytest.mark.parametrize("error", OURS + COMMON, ids=lambda e: type(e).__name__)
def test_errors_come_back_as_they_were(error: Exception) -> None:
    """Class, text, arguments and attributes survive, whatever the signature of the constructor."""
    back = rebuilt(error)
    assert type(back) is type(error)
    assert (str(back), back.args) == (str(error), error.args)
    assert {k: v for k, v in vars(back).items() if k != "__wf_traceback__"} == vars(error)
    for name in (
        "errno",
        "strerror",
        "filename",
        "filename2",
        "reason",
        "object",
        "name",
        "path",
        "lineno",
        "value",
        "code",
    ):
        assert getattr(back, name, None) == getattr(error, name, None)


@settings(deadline=None)
@given(
    st.lists(st.none() | st.integers() | st.text() | st.binary() | st.dates()),
    st.dictionaries(st.text("abc", min_size=1), st.integers()),
)
def test_any_arguments_and_attributes_come_back(args: list[object], attrs: dict[str, int]) -> None:
    """Arguments and attributes of types that the codec knows come back equal."""
    error = MyError(*args)
    vars(error).update(attrs)
    back = rebuilt(error)
    assert back.args == tuple(args)
    assert {name: getattr(back, name) for name in attrs} == attrs


def test_no_constructor_of_the_author_runs() -> None:
    """An error is rebuilt without calling its own `__new__` or `__init__`."""
    error = Exception.__new__(Fresh, "a")
    vars(error)["more"] = 1
    back = rebuilt(error)
    assert (type(back), back.args, back.more) == (Fresh, ("a",), 1)


def test_notes_survive() -> None:
    """Notes come back in order and can be added to."""
    error = MyError("m")
    error.add_note("one")
    error.add_note("two")
    back = rebuilt(error)
    back.add_note("three")
    assert back.__notes__ == ["one", "two", "three"]
    assert "two" in traceback_text(back)


def test_the_cause_survives() -> None:
    """`raise ... from` keeps its cause, rebuilt like the error itself."""
    back = rebuilt(raised(MyError("outer"), raised(Coded(1, "inner"))))
    assert type(back.__cause__) is Coded
    assert str(back.__cause__) == "1: inner"
    assert back.__suppress_context__


def test_the_context_survives_unless_suppressed() -> None:
    """An error raised while another was handled keeps it; `from None` hides it for good."""
    open_, hidden = MyError("open"), MyError("hidden")
    open_.__context__ = KeyError("k")
    hidden.__context__, hidden.__suppress_context__ = KeyError("k"), True
    back = rebuilt(open_)
    assert type(back.__context__) is KeyError
    assert back.__cause__ is None
    assert not back.__suppress_context__
    assert rebuilt(hidden).__context__ is None
    assert rebuilt(hidden).__suppress_context__


def test_chains_end() -> None:
    """A chain that bites its tail, or a very long one, is cut."""
    a, b = MyError("a"), MyError("b")
    a.__cause__, b.__cause__ = b, a
    assert rebuilt(a).__cause__.__cause__ is None
    error: BaseException = MyError("0")
    for n in range(1, 500):
        error, error.__cause__ = MyError(str(n)), error
    assert str(rebuilt(error)) == "499"


def test_the_traceback_text_survives_twice() -> None:
    """A rebuilt error shows where it was first raised, also after it was raised and stored again."""
    error = raised(MyError("outer"), raised(ValueError("inner")))
    text = traceback_text(error)
    assert "in raised" in text
    assert text.index("ValueError: inner") < text.index("direct cause") < text.index("MyError: outer")
    back = rebuilt(error)
    assert "MyError: outer" in back.__wf_traceback__
    assert traceback_text(back) == text
    assert traceback_text(raised(rebuilt(raised(back)))) == text


def below(call: Callable[[], object]) -> BaseException:
    """What a call raises, with a traceback that does not begin in this file."""
    with pytest.raises(Exception) as caught:
        call()
    trace = caught.value.__traceback__
    assert trace is not None
    assert trace.tb_next is not None
    return caught.value.with_traceback(trace.tb_next.tb_next)


def test_a_traceback_begins_in_the_author_s_code() -> None:
    """The frames by which the engine came to a callback are left out; what the callback called is kept."""

    def undo() -> None:
        decode_error(b"no record")

    lines = traceback_text(below(lambda: call_named(undo, {}, None))).splitlines()
    assert lines[1].endswith("in undo")
    assert any(line.endswith("in decode_error") for line in lines)


def test_an_error_of_our_own_keeps_its_whole_traceback() -> None:
    """Where no frame is the author's, nothing is left out."""
    assert "in decode_error" in traceback_text(below(lambda: decode_error(b"no record")))


def test_long_texts_keep_what_matters() -> None:
    """A huge message or traceback is cut: the record stays small, the end of the traceback stays."""
    error = MyError("x" * 1_000_000)
    error.add_note("the end")
    data = encode_error(raised(error))
    assert len(data) < 100_000
    assert summary(data).traceback.endswith("the end\n")
    assert len(summary(data).message) == 16_384


def test_arguments_that_cannot_be_stored_become_their_repr() -> None:
    """Such an argument is replaced by its repr, such an attribute is left out."""
    error = MyError(1, object, {"a": print})
    error.handle, error.kept = object(), 2  # type: ignore[attr-defined]
    back = rebuilt(error)
    assert back.args == (1, "<class 'object'>", "{'a': <built-in function print>}")
    assert not hasattr(back, "handle")
    assert back.kept == 2


def test_names_that_errors_give_themselves_are_shown() -> None:
    """The summary shows the `name=` of a NonRetryableError, or the class when none was given."""
    names = [
        summary(encode_error(e)).name for e in (NonRetryableError("m", "Named"), NonRetryableError("m"), Fatal("m"))
    ]
    assert names == ["Named", "NonRetryableError", "Fatal"]
