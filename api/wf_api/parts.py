"""What the routes work with, connected; one of each for a process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from wf.client import Client
from wf_api.watch import Watch

if TYPE_CHECKING:
    from wf.clock import Clock
    from wf.settings import Settings


class Parts:
    """The parts of one API process.

    Args:
        settings: Read once.
        clock: Takes the place of the database's clock, in tests.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.client = Client(settings=settings, clock=clock, actor="api")
        self.watch = Watch(self.client.database, settings.api_feed_tick)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
