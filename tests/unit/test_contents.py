"""Whether stored values have a text in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from wf.cipher import SEAL
from wf.codec import encode
from wf.contents import Wanted
from wf.faults import encode_error


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("zoë", {"to": "ZOË"}),
        ("STRASSE", "straße"),
        ('"order": 17, "to"', {"order": 17, "to": "x"}),
        ('{"order":17}', {"order": 17}),
        ("a, b: c", {"note": "a, b: c"}),
        ('say "hi"', 'I say "hi"\n'),
        ('say \\"hi\\"', 'I say "hi"\n'),
        ("c:\\temp", {"path": "C:\\Temp"}),
        ("2026-01-31t", [datetime(2026, 1, 31, 9, tzinfo=UTC)]),
        ("null", None),
        ("17", 17),
    ],
)
def test_a_text_is_found_in_a_value(text: str, value: Any) -> None:
    """As it stands in a value, and as JSON with and without blanks, whatever is small or capital."""
    assert Wanted(text).is_in_value(encode(value))


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("order: 17", encode({"order": 17})),
        ("datetime", encode(datetime(2026, 1, 31, tzinfo=UTC))),
        ("x", SEAL + b"xxx"),
        ("x", b'\x01{"~": "nobody", "v": "x"}'),
        ("x", None),
    ],
)
def test_a_text_is_not_found_where_it_is_not(text: str, data: bytes | None) -> None:
    """Nor in what cannot be read, nor in the words of the codec."""
    assert not Wanted(text).is_in_value(data)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("no ROUTE", True), ("ConnectionError", True), ("Error: no", True), (": no route", True), ("route\nto", True),
        ('"host"', True), ("\\d", True), ("no  route", False), ("test_contents", False), ("Traceback", False),
        ("KeyError", False), ("route: no", False), (" ", True), (":", True), ("é", False),
    ],
)  # fmt: skip
def test_a_text_is_found_in_an_error(text: str, found: bool) -> None:
    """In its name and its message, and nowhere else."""

    def refuse() -> None:
        raise ConnectionError('no route\nto "host" \\d')

    with pytest.raises(ConnectionError) as caught:
        refuse()
    data = encode_error(caught.value)
    assert Wanted(text).is_in_error(data) is found


@pytest.mark.parametrize("data", [None, b"", b"\x01{}", b"\x02secret", encode("an error?"), b"\xff\xff"])
def test_what_is_no_error_has_no_text(data: bytes | None) -> None:
    """Neither does what is damaged, encrypted, or not there."""
    assert not Wanted("e").is_in_error(data)
