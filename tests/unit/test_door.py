"""What the door remembers of its lookups, and for how long."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from wf.clock import ManualClock
from wf_api.door import TRUST, _Remembered


class Journal:
    """Answers when it may, with what was there when it was asked."""

    def __init__(self) -> None:
        self.there: Any = "ci"
        self.asked, self.may = threading.Event(), threading.Event()
        self.looks = 0

    def look(self, _: str) -> Any:
        self.looks += 1
        found = self.there
        self.asked.set()
        assert self.may.wait(10)
        return found


@pytest.fixture
def journal() -> Journal:
    return Journal()


def test_an_answer_that_was_on_its_way_when_all_expired_is_not_believed(journal: Journal) -> None:
    """A token that is revoked during its lookup would else work for two seconds more."""
    remembered = _Remembered(journal.look, ManualClock(1000))

    async def use() -> None:
        first = asyncio.create_task(remembered.find("wf_x"))
        await asyncio.to_thread(journal.asked.wait, 10)
        journal.there = None
        remembered.expire()
        journal.may.set()
        assert await first == "ci"
        assert await remembered.find("wf_x") is None

    asyncio.run(use())


def test_who_asks_at_the_same_time_waits_for_the_same_lookup(journal: Journal) -> None:
    """A thousand feeds that get news together would else look their token up a thousand times."""
    remembered = _Remembered(journal.look, ManualClock(1000))

    async def use() -> None:
        asking = [asyncio.create_task(remembered.find("wf_x")) for _ in range(3)]
        await asyncio.to_thread(journal.asked.wait, 10)
        asking[0].cancel()
        journal.may.set()
        assert [await one for one in asking[1:]] == ["ci"] * 2
        assert journal.looks == 1
        assert not remembered._looking

    asyncio.run(use())


def test_what_has_expired_is_known_still(journal: Journal) -> None:
    """It is looked up again, but its caller is no stranger."""
    journal.may.set()
    remembered = _Remembered(journal.look, ManualClock(1000))

    async def use() -> None:
        assert not remembered.remembers("wf_x")
        assert [await remembered.find("wf_x") for _ in range(2)] == ["ci"] * 2
        assert journal.looks == 1
        remembered.expire()
        assert remembered.remembers("wf_x")
        assert await remembered.find("wf_x") == "ci"
        assert journal.looks == 2

    asyncio.run(use())


@pytest.mark.parametrize("by", [TRUST, -3600.0])
def test_nothing_is_believed_for_long(journal: Journal, by: float) -> None:
    """Not even if the clock is set back."""
    journal.may.set()
    clock = ManualClock(10_000)
    remembered = _Remembered(journal.look, clock)

    async def use() -> None:
        await remembered.find("wf_x")
        clock.advance(by)
        await remembered.find("wf_x")
        assert journal.looks == 2

    asyncio.run(use())
