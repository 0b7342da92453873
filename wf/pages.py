"""Pages of instances: how they are found, a few statements each, however many instances there are.

What an index has (workflow, status, time) is found at once, and an id by its beginning, too, if few begin like it. All
else is looked for among a number of instances, and a page that is short may have a cursor that leads on: a version, and
ids of which many begin alike, among `LOOK`; a text in errors, params and outputs among `INSIDE`.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from wf import listed
from wf.answers import Answer, Page
from wf.contents import BYTES, Wanted
from wf.listing import ENTRY, FEW, INSIDE, KEY_MAX, LOOK
from wf.sql import statements

if TYPE_CHECKING:
    from datetime import datetime

    from wf.database import Database, Rows
    from wf.listing import Listing

SLACK = timedelta(hours=1)
"""Instances get their keys in the order of creation, but for those of transactions that were open for so long."""

BUDGET = 8 * 2**20
"""Bytes of stored values that one page reads."""

_ID_MAX = 271
_LAST = "z"  # of the characters of ids, where letters sort as in English or by their bytes


class Place(NamedTuple):
    """A list as its statements need it."""

    shape: listed.Shape
    values: dict[str, Any]


class Pages:
    """Finds pages.

    Args:
        database: Where.
    """

    def __init__(self, database: Database) -> None:
        self._database, self._sql = database, statements()

    def find(self, workflow: str, listing: Listing) -> Page:
        """A page of the instances of a workflow; an empty one if nobody knows the workflow."""
        if listing.is_impossible:
            return Page([], None)
        place = self._place(workflow, listing)
        end = self._end_of_look(place) if place.shape.is_looked_for else None
        if listing.looks_inside:
            return self._holding(place, listing, end)
        if listing.skipped:
            place.values.update(self._after_skipped(place, listing))
        rows = self._rows(listed.page(place.shape), place, number=listing.size + 1)
        more = len(rows) > listing.size
        return _page(rows[: listing.size], rows[listing.size - 1][0] if more else end)

    def _place(self, workflow: str, listing: Listing) -> Place:
        low = 0 if listing.since is None else self._key_at(_moved(listing.since, -SLACK))
        high = KEY_MAX if listing.until is None else self._key_at(_moved(listing.until, SLACK))
        if listing.cursor is not None:
            cursor = min(int(listing.cursor), KEY_MAX)
            low, high = (max(low, cursor + 1), high) if listing.oldest_first else (low, min(high, cursor))
        begins = listing.id or ""
        values = {
            "workflow": workflow, "status": listing.one_status, "version": listing.version, "since": listing.since,
            "until": listing.until, "above": low - 1, "below": high, "few": FEW, "begins": begins,
            "first": begins, "last": begins.ljust(_ID_MAX, _LAST), "budget": BUDGET, "bytes": BYTES,
        }  # fmt: skip
        shape = listed.Shape(
            listing.oldest_first, listing.one_status is not None, listing.version is not None,
            listing.since is not None, listing.until is not None, "",
        )  # fmt: skip
        if listing.id is not None:
            ((number,),) = self._database.read(self._sql["list_beginning"], values | {"cap": FEW + 1})
            shape = shape._replace(begins="many" if number > FEW else "few")
        return Place(shape, values | {"look": LOOK if shape.is_looked_for else KEY_MAX})

    def _end_of_look(self, place: Place) -> int | None:
        """The key of the last instance that is looked at for what has no index; None if all may be."""
        ((number, last),) = self._rows(listed.skipped(place.shape.all()), place, number=LOOK)
        end: int | None = last if number == LOOK else None
        return end

    def _after_skipped(self, place: Place, listing: Listing) -> dict[str, int]:
        """Where a page begins that is given by its number.

        It is looked up first: an OFFSET beside the LIMIT makes Postgres sort.
        """
        ((number, last),) = self._rows(listed.skipped(place.shape), place, number=listing.skipped)
        if listing.oldest_first:
            return {"above": KEY_MAX if number < listing.skipped else last}
        return {"below": 0 if number < listing.skipped else last}

    def _holding(self, place: Place, listing: Listing, end: int | None) -> Page:
        """A page of those that have a text in them."""
        error = None if listing.error is None else Wanted(listing.error)
        search = None if listing.search is None else Wanted(listing.search)
        statement = listed.contents(place.shape, error=error is not None, values=search is not None)
        rows = self._rows(statement, place, number=INSIDE)
        seen = [row for row in rows if row[1]]
        matching = (key for key, _, *held in seen if _holds(error, search, held))
        keys = list(islice(matching, listing.skipped, listing.skipped + listing.size + 1))
        if len(keys) > listing.size:
            keys.pop()
            end = keys[-1]
        elif len(rows) == INSIDE or len(seen) < len(rows):
            end = seen[-1][0]
        return _page(self._rows(listed.chosen(place.shape), place, keys=keys) if keys else [], end)

    def _key_at(self, moment: datetime) -> int:
        """A key that divides the instances created before a moment from the later ones."""
        rows = self._database.read(self._sql["instance_key_at"], {"at": moment.timestamp()})
        key: int = rows[0][0]
        return key

    def _rows(self, statement: str, place: Place, **values: Any) -> Rows:
        return self._database.read(statement, place.values | values)


def _holds(error: Wanted | None, search: Wanted | None, held: list[bytes | None]) -> bool:
    if error is not None and not error.is_in_error(held[0]):
        return False
    return search is None or any(map(search.is_in_value, held[-2:]))


def _page(rows: Rows, cursor: int | None) -> Page:
    entries = [Answer(zip(ENTRY, row[1:], strict=True)) for row in rows]
    return Page(entries, None if cursor is None else str(cursor))


def _moved(moment: datetime, by: timedelta) -> datetime:
    """A moment a little earlier or later; the first and the last of the calendar stay where they are."""
    try:
        return moment + by
    except OverflowError:
        return moment
