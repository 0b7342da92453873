"""Random numbers that are the same in every pass."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID


class Chance:
    """What `step.random()` and `step.uuid4()` draw from.

    Each draw is a hash of the seed, what is drawn and how often it was drawn before: one kind does not move the other
    on, so a workflow may be given a `uuid4()` more without changing its `random()`.

    Args:
        seed: The instance's own; nobody can tell the draws without it.
    """

    __slots__ = ("_counts", "_seed")

    def __init__(self, seed: bytes | str) -> None:
        self._seed = seed.encode("utf-8", "surrogatepass") if isinstance(seed, str) else seed
        self._counts: dict[str, int] = {}

    def random(self) -> float:
        """The next number from 0 up to, but not including, 1."""
        return (int.from_bytes(self._draw("random")[:8]) >> 11) * 2.0**-53

    def uuid4(self) -> UUID:
        """The next random UUID."""
        return UUID(bytes=self._draw("uuid4")[:16], version=4)

    def _draw(self, kind: str) -> bytes:
        self._counts[kind] = count = self._counts.get(kind, 0) + 1
        return sha256(b"%s %d " % (kind.encode(), count) + self._seed).digest()
