"""The cipher: what is sealed shows nothing, opens with the right keys only, and no key is ever shown."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest
from cryptography.fernet import Fernet, InvalidToken
from hypothesis import given
from hypothesis import strategies as st

from wf.cipher import SEAL, Cipher, cipher_for
from wf.codec import CodecError, decode, encode
from wf.plain import legible, plain
from wf.settings import InvalidSettings, Settings

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
DATA = encode({"iban": "DE02 1203"})


def test_what_is_sealed_shows_nothing_and_comes_back() -> None:
    """The bytes begin with a mark of their own, hold nothing of the value, and differ each time."""
    cipher = Cipher(NEW)
    sealed = cipher.seal(DATA)
    assert sealed[:1] == SEAL != DATA[:1]
    assert b"1203" not in sealed
    assert sealed != cipher.seal(DATA)
    assert cipher.open(sealed) == DATA


@given(st.binary(max_size=200).map(lambda data: b"\x01" + data))
def test_any_bytes_come_back_and_grow_by_at_most_74(data: bytes) -> None:
    """Sealing costs a bounded number of bytes, so that limits may count the plain ones."""
    cipher = Cipher(NEW)
    assert cipher.open(cipher.seal(data)) == data
    assert 59 <= len(cipher.seal(data)) - len(data) <= 74


def test_what_was_written_without_keys_stays_readable() -> None:
    """Bytes that were never sealed pass as they are."""
    assert Cipher(NEW).open(DATA) == DATA


def test_the_first_key_seals_and_all_of_them_open() -> None:
    """Rotation: the new key in front, the old one behind it, blanks around the comma allowed."""
    both = Cipher(f" {NEW} , {OLD} ")
    assert both.open(Cipher(OLD).seal(DATA)) == DATA
    assert Cipher(NEW).open(both.seal(DATA)) == DATA
    assert Fernet(NEW).decrypt(urlsafe_b64encode(both.seal(DATA)[1:])) == DATA
    with pytest.raises(InvalidToken):
        Fernet(OLD).decrypt(urlsafe_b64encode(both.seal(DATA)[1:]))


@pytest.mark.parametrize("damage", [lambda data: data[:40], lambda data: data[:-1] + b"!", lambda _: SEAL])
def test_what_no_key_opens_is_left_as_it_is_and_refused_by_whoever_reads_it(damage: object) -> None:
    """Another key or damage: the error names the variable, people see a text, and it is not sealed a second time."""
    assert callable(damage)
    cipher = Cipher(NEW)
    for sealed in (Cipher(OTHER).seal(DATA), damage(cipher.seal(DATA))):
        assert cipher.open(sealed) == cipher.seal(sealed) == sealed
        for read in (decode, plain):
            with pytest.raises(CodecError, match="WF_ENCRYPTION_KEYS of this process lacks the key"):
                read(sealed)
        assert legible(sealed).startswith("[UNREADABLE: Stored data is encrypted, and WF_ENCRYPTION_KEYS")


def test_parameters_and_rows_are_sealed_and_opened_where_they_are_bytes() -> None:
    """Everything else passes untouched; bytes inside a list are found, too."""
    cipher = Cipher(NEW)
    values = [DATA, None, 7, "text", [DATA, None], [1, 2]]
    sealed = [cipher.sealed(value) for value in values]
    assert sealed[1:4] + sealed[5:] == values[1:4] + values[5:]
    assert (sealed[0][:1], sealed[4][0][:1], sealed[4][1]) == (SEAL, SEAL, None)
    assert cipher.opened([(sealed[0], 7, None), (sealed[4][0], "text", DATA)]) == [
        (DATA, 7, None),
        (DATA, "text", DATA),
    ]


@pytest.mark.parametrize("keys", ["secret-key", f"{NEW},", f"{NEW},secret-key", "clé"], ids=["one", "none", "two", "é"])
def test_a_bad_key_is_refused_at_the_start_and_not_shown(keys: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable, tells which key it is and how to make one, and shows none."""
    monkeypatch.setenv("WF_ENCRYPTION_KEYS", keys)
    with pytest.raises(InvalidSettings, match=r"WF_ENCRYPTION_KEYS: key \d of \d is not a Fernet key") as caught:
        Settings()
    told = f"{caught.value!r} {caught.value} {caught.value.__cause__} {caught.value.__context__}"
    assert not any(key in told for key in keys.split(",") if key)
    assert "Fernet.generate_key()" in told


def test_keys_are_in_no_text_of_the_settings() -> None:
    """Whoever logs the settings logs no key."""
    settings = Settings(encryption_keys=NEW)
    assert NEW not in f"{settings!r} {settings}"


def test_without_keys_there_is_no_cipher() -> None:
    """An empty variable switches sealing off."""
    assert cipher_for("") is cipher_for(" ") is None


def test_settings_show_no_secrets() -> None:
    """Neither keys nor the passwords in URLs stand in what a log or a crash report prints of the settings."""
    secret = Settings(database_url="postgresql://me:hush-1@db/x", redis_url="redis://:hush-2@mq/0", encryption_keys=NEW)
    assert "hush" not in repr(secret)
    assert NEW not in repr(secret)
