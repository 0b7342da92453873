"""Payloads at rest, sealed: encrypted and authenticated with Fernet (AES-128-CBC and HMAC-SHA256).

With `WF_ENCRYPTION_KEYS` set, everything that the codec writes is sealed before it leaves the process: params, outputs,
errors with their tracebacks, failures of attempts, payloads of events, details of heartbeats and log lines of steps, in
`bytea` columns and in the Redis mailbox. What was written before stays readable. Make a key with::

    python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"

Rotation: all keys open, the first one seals. Every client, worker and API process needs a key before anybody seals with
it, so a new key goes in three steps, each one deployed everywhere before the next:

1. put the new key behind the old one: ``WF_ENCRYPTION_KEYS=old,new``;
2. put it in front: ``WF_ENCRYPTION_KEYS=new,old``;
3. drop the old one when no instance is left that has values of its time (`WF_SUCCESS_RETENTION`, `WF_ERROR_RETENTION`).

The very first key is given to all processes at once, or with a short stop: a process without keys reads nothing sealed.
Who lacks a key gets a `CodecError` that says so, for that value; a worker gives up its nudge, and the alarm repeats it.

Not sealed is what must be found, compared or shown without a key: ids, names of workflows and steps, types of events,
versions, statuses and times; and the `jsonb` columns: step configuration, settings of workflows, warnings (names of
steps), details of the audit, schedules, outcomes of rollbacks (but for their errors, which are sealed), and what a
version tells of its code: diagrams (`version.graph`: source text and constants) and the schemas of params and events
(`version.params_schema`, `version.event_schemas`: without defaults where there is a key). So are names of loggers
(`line.logger`). No payload of yours goes there, so put no secret into a name, an id or the source. Logs and Flower show
the messages of errors.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

SEAL = b"\x02"
"""First byte of what is sealed; the codec's own is another one."""


class Cipher:
    """Seals and opens what the codec writes.

    Args:
        keys: Fernet keys, comma-separated: the first one seals, all of them open.

    Raises:
        ValueError: One of them is no Fernet key; the error tells which one, and does not show it.
    """

    def __init__(self, keys: str) -> None:
        # Imported here, because it takes longer than a client that has no keys wants to wait.
        from cryptography.fernet import Fernet, InvalidToken, MultiFernet  # noqa: PLC0415

        given = [key.strip() for key in keys.split(",")]
        made = []
        for number, key in enumerate(given, 1):
            try:
                made.append(Fernet(key))
            except ValueError:
                raise ValueError(
                    f"key {number} of {len(given)} is not a Fernet key (32 bytes in URL-safe base64); make one with "
                    f'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
                ) from None
        self._fernet, self._refused = MultiFernet(made), InvalidToken

    def seal(self, data: bytes) -> bytes:
        """What goes out of the process in the place of these bytes, 59 to 74 bytes more."""
        if data[:1] == SEAL:
            return data  # it came in like this, and no key here opens it
        return SEAL + urlsafe_b64decode(self._fernet.encrypt(data))

    def open(self, data: bytes) -> bytes:
        """What was sealed; bytes that never were, or that no key opens, as they are. `codec.decode` refuses those."""
        if data[:1] != SEAL:
            return data
        try:
            return self._fernet.decrypt(urlsafe_b64encode(data[1:]))
        except self._refused:
            return data

    def sealed(self, value: Any) -> Any:
        """A parameter of a statement: bytes sealed, also those in a list; anything else as it is."""
        kind = type(value)
        if kind is bytes:
            return self.seal(value)
        return [self.sealed(item) for item in value] if kind is list else value

    def opened(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The rows that a statement gave, with whatever is sealed in them opened."""
        return [tuple(self.open(value) if type(value) is bytes else value for value in row) for row in rows]


def cipher_for(keys: str) -> Cipher | None:
    """The cipher for a setting `encryption_keys`; None if it is empty, and nothing is sealed.

    Raises:
        ValueError: One of the keys cannot be used.
    """
    return Cipher(keys) if keys.strip() else None
