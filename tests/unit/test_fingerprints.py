"""Which errors are the same but for the things they name."""

from __future__ import annotations

import pytest

from wf.fingerprints import LENGTH, LINES, common_text, fingerprint, first_lines

UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


@pytest.mark.parametrize(
    ("message", "pattern"),
    [
        ("order 17 refused", "order <number> refused"),
        ("took 1.25 s at 09:30:00, of 1,000", "took <number> s at <number>, of <number>"),
        (f"no {UUID} and no {UUID.replace('-', '').upper()}", "no <uuid> and no <uuid>"),
        ("<Thing object at 0x7fcdd980A6d0>", "<Thing object at <hex>>"),
        ("commit 0635fe4a is gone", "commit <hex> is gone"),
        ("no key 'a b' in \"x\" or `y`", "no key <text> in <text> or <text>"),
        ("can't and won't", "can't and won't"),
        ("deadbeef faceless decade", "deadbeef faceless decade"),
        ("worker-7 of eu2", "worker-<number> of eu<number>"),
        ("", ""),
        ("zu spät für 'Zoë'", "zu spät für <text>"),
    ],
)
def test_things_give_way_to_what_they_are(message: str, pattern: str) -> None:
    """Numbers, ids, addresses and quoted texts; words stay."""
    assert fingerprint("Error", message).pattern == pattern


def test_a_fingerprint_is_of_a_name_and_a_pattern() -> None:
    """Its hash is short, the same in every process, and another one for another name."""
    one, same, other = fingerprint("A", "order 1"), fingerprint("A", "order 2"), fingerprint("B", "order 1")
    assert (one, one.hash) == (same, same.hash)
    assert (one.hash, other.hash) == ("0bdf6179710e", "ea7c67b961b6")
    assert fingerprint("A", "x" * LENGTH + "1").pattern == "x" * LENGTH
    assert len(fingerprint("\ud800", "\ud800").hash) == 12


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("order 17 was refused by 'bank'", "was refused by"),
        ("17", "Refused"),
        ("", "Refused"),
        ("x" * 150, "x" * 100),
        ("first\nthe second line\nthird", "the second line"),
    ],
)
def test_a_common_text_finds_all_that_are_the_same(message: str, text: str) -> None:
    """It is the longest part without things, on one line; the name, if the message has nothing to say."""
    assert common_text("Refused", message) == text


def test_a_message_is_shown_by_its_first_lines() -> None:
    """And no more of these than fits."""
    assert first_lines("a\nb\nc\nd") == "a\nb\nc"
    assert len(first_lines("x" * 5000)) == LENGTH
    assert len(first_lines("x\n" * 5000).splitlines()) == LINES
