"""Lists of instances: pages and filters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from tests.support import Rig
from tests.support.errands import Errand, moment
from wf.codec import encode
from wf.contents import BYTES
from wf.faults import encode_error
from wf.listing import FEW, INSIDE, LOOK, InvalidQuery, Listing
from wf.pages import BUDGET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.settings import Settings


def test_list_gives_the_newest_first_page_by_page(rig: Rig) -> None:
    """Pages hold 20 unless told otherwise, follow on each other without gap, and end with the cursor None."""
    workflow = rig.client.workflow(Errand)
    for n in range(45):
        workflow.create(f"i-{n}")
    pages = [workflow.list()]
    while pages[-1].cursor is not None:
        pages.append(workflow.list(cursor=pages[-1].cursor))
    assert [len(page) for page in pages] == [20, 20, 5]
    assert [entry.id for page in pages for entry in page] == [f"i-{n}" for n in reversed(range(45))]


def test_a_page_boundary_is_not_moved_by_instances_that_come_later(rig: Rig) -> None:
    """A cursor means a place among the instances, not a number of them."""
    workflow = rig.client.workflow(Errand)
    for n in range(4):
        workflow.create(f"i-{n}")
    first = workflow.list(limit=2)
    workflow.create("i-late")
    second = workflow.list(limit=2, cursor=first.cursor)
    assert [entry.id for entry in first] == ["i-3", "i-2"]
    assert [entry.id for entry in second] == ["i-1", "i-0"]
    assert second.cursor is None


def test_a_page_holds_a_hundred_at_most(rig: Rig) -> None:
    """limit=100 gives 100, and the 101st has a page of its own."""
    rig.sql(
        "insert into wf.instance (workflow, id, version, due_at) "
        "select 'errand', 'i-' || n, '1', now() from generate_series(1, 101) n"
    )
    page = rig.client.workflow(Errand).list(limit=100)
    assert (len(page), page[0].id) == (100, "i-101")
    assert [entry.id for entry in rig.client.workflow(Errand).list(limit=100, cursor=page.cursor)] == ["i-1"]


def test_list_filters_by_status_and_time(rig: Rig) -> None:
    """status, since and until narrow a list, bounds included, alone and together."""
    workflow = rig.client.workflow(Errand)
    for n, doing in enumerate(["", "fail", "sleep", "wait"]):
        workflow.create(f"i-{n}", {"do": doing})
        rig.clock.advance(60)
    rig.settle()

    def ids(**filters: Any) -> list[str]:
        return [entry.id for entry in workflow.list(**filters)]

    assert ids(status="complete") == ["i-0"]
    assert ids(status="errored") == ["i-1"]
    assert ids(status="waiting") == ["i-3", "i-2"]
    assert ids(status="paused") == []
    assert ids(since=moment(60), until=moment(120)) == ["i-2", "i-1"]
    assert ids(since=moment(121)) == ["i-3"]
    assert ids(until=moment(59).astimezone(None)) == ["i-0"]
    assert ids(status="waiting", until=moment(120)) == ["i-2"]


def test_pages_have_numbers_too(rig: Rig) -> None:
    """A page by its number is what the cursors lead to, in both orders; behind the last one there is nothing."""
    workflow = rig.client.workflow(Errand)
    for n in range(5):
        workflow.create(f"i-{n}")

    def ids(**listing: Any) -> list[str]:
        return [entry.id for entry in rig.client.catalog.list("errand", Listing(limit=2, **listing))]

    assert [ids(page=page) for page in (1, 2, 3, 4)] == [["i-4", "i-3"], ["i-2", "i-1"], ["i-0"], []]
    assert [ids(page=page, oldest_first=True) for page in (1, 3, 9)] == [["i-0", "i-1"], ["i-4"], []]
    assert ids(page=1, status="queued", until=moment(0)) == ["i-4", "i-3"]
    assert ids(page=2, status="complete") == []


def test_a_version_narrows_a_list(rig: Rig) -> None:
    """Only the instances of that version are given."""
    rig.create(Errand, "i-1")
    assert [entry.id for entry in rig.client.catalog.list("errand", Listing(version="1"))] == ["i-1"]
    assert list(rig.client.catalog.list("errand", Listing(version="2"))) == []


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("status", [None, "queued"])
def test_a_rare_version_is_looked_for_bit_by_bit(rig: Rig, oldest_first: bool, status: str | None) -> None:
    """However many instances there are: a page may be empty, and its cursor leads on, to each of them once."""
    rig.sql(
        "insert into wf.instance (workflow, id, version, due_at) select 'errand', 'i-' || n,"
        " case when n in (1, 10001, 20001) then 'rare' else '1' end, now() from generate_series(1, 20001) n"
    )
    listing = Listing(version="rare", status=status, oldest_first=oldest_first, limit=1)
    pages = [rig.client.catalog.list("errand", listing)]
    while pages[-1].cursor is not None:
        pages.append(rig.client.catalog.list("errand", listing.after(int(pages[-1].cursor))))
    found = [entry.id for page in pages for entry in page]
    assert found == (["i-1", "i-10001", "i-20001"] if oldest_first else ["i-20001", "i-10001", "i-1"])
    nowhere = rig.client.catalog.list("errand", Listing(version="9", status=status, oldest_first=oldest_first))
    assert (list(nowhere), nowhere.cursor) == ([], "10000" if oldest_first else "10002")
    assert list(rig.client.catalog.list("errand", Listing(version="9", page=3, oldest_first=oldest_first))) == []


def test_a_list_of_a_short_time_is_found_among_all_that_came_before_and_after(rig: Rig) -> None:
    """The keys between which the time lies are found by halving, with gaps where instances were deleted."""
    workflow = rig.client.workflow(Errand)
    for n in range(40):
        workflow.create(f"i-{n}")
        rig.clock.advance(3600)
    for n in range(40):
        if n % 3 == 0:
            workflow.get(f"i-{n}").delete()
    found = workflow.list(since=moment(10 * 3600), until=moment(14 * 3600))
    assert [entry.id for entry in found] == ["i-14", "i-13", "i-11", "i-10"]
    listing = Listing(since=moment(37 * 3600), oldest_first=True)
    assert [entry.id for entry in rig.client.catalog.list("errand", listing)] == ["i-37", "i-38"]
    assert list(workflow.list(since=moment(41 * 3600))) == list(workflow.list(until=moment(-1))) == []


def test_an_instance_was_modified_when_its_last_step_moved(rig: Rig) -> None:
    """An instance that sleeps was last modified when it fell asleep."""
    instance = rig.create(Errand, "i-1", {"do": "sleep"})
    rig.clock.advance(5)
    rig.settle()
    rig.clock.advance(1)
    (entry,) = rig.client.workflow(Errand).list()
    assert (entry.created_on, entry.modified_on) == (moment(0), moment(5))
    instance.pause()
    assert rig.client.workflow(Errand).list()[0].modified_on == moment(6)


def test_a_listed_instance_tells_its_status_version_and_times(rig: Rig) -> None:
    """An entry of a list has the baseline's names as items and snake_case as attributes."""
    rig.create(Errand, "r-17")
    rig.settle()
    (entry,) = rig.client.workflow(Errand).list()
    assert (entry.id, entry.status, entry.version) == ("r-17", "complete", "1")
    assert entry["createdOn"] == entry.created_on == entry.started_on == entry.ended_on == moment(0)
    assert entry.due_at is None


def ids(rig: Rig, **listing: Any) -> list[str]:
    """The ids on all pages, one by one."""
    found, page = [], rig.client.catalog.list("errand", Listing(**listing))
    while True:
        found += [entry.id for entry in page]
        if page.cursor is None:
            return found
        page = rig.client.catalog.list("errand", Listing(**listing | {"cursor": page.cursor}))


@pytest.mark.parametrize("oldest_first", [False, True])
def test_ids_are_found_by_how_they_begin(rig: Rig, oldest_first: bool) -> None:
    """In the order of the list, with all other filters, page by page; capitals make a difference."""
    for id in ("order-2", "order-1", "Order-3", "orders", "order-", "other"):
        rig.create(Errand, id, {"do": "fail" if id == "order-1" else ""})
    rig.settle()

    def found(**filters: Any) -> list[str]:
        shown = ids(rig, oldest_first=oldest_first, limit=2, **filters)
        return shown if oldest_first else shown[::-1]

    assert found(id="order-") == ["order-2", "order-1", "order-"]
    assert found(id="order") == ["order-2", "order-1", "orders", "order-"]
    assert found(id="order-", status="errored") == ["order-1"]
    assert found(id="order-", version="1", since=moment(0), until=moment(0)) == ["order-2", "order-1", "order-"]
    assert found(id="order-", version="2") == found(id="order-", since=moment(1)) == found(id="zz") == []
    page = rig.client.catalog.list("errand", Listing(id="o", page=2, limit=2, oldest_first=oldest_first))
    assert [entry.id for entry in page] == (["orders", "order-"] if oldest_first else ["orders", "order-1"])


@pytest.mark.parametrize("oldest_first", [False, True])
def test_a_beginning_that_many_ids_have_is_looked_for_bit_by_bit(rig: Rig, oldest_first: bool) -> None:
    """A rare one is found at once among all; a common one in the order of keys, with cursors that lead to the rest."""
    rig.sql(
        "insert into wf.instance (workflow, id, version, due_at) select 'errand',"
        " case when n > %s and n <= %s then 'often-' when n = 5 then 'rare-' else 'other-' end || n, '1', now()"
        " from generate_series(1, 21000) n",
        LOOK, LOOK + FEW + 1,
    )  # fmt: skip
    rare = rig.client.catalog.list("errand", Listing(id="rare-", oldest_first=oldest_first))
    assert ([entry.id for entry in rare], rare.cursor) == (["rare-5"], None)
    first = rig.client.catalog.list("errand", Listing(id="often-", oldest_first=oldest_first, limit=100))
    assert (len(first), first.cursor) == ((0, str(LOOK)) if oldest_first else (100, "14902"))
    found = ids(rig, id="often-", oldest_first=oldest_first, limit=100)
    expected = [f"often-{n}" for n in range(LOOK + 1, LOOK + FEW + 2)]
    assert found == (expected if oldest_first else expected[::-1])


def test_errors_are_found_by_a_text(rig: Rig) -> None:
    """In name and message, whatever is small or capital; only errored instances have one."""
    for n, doing in enumerate(["fail", "", "fail"]):
        rig.create(Errand, f"i-{n}", {"do": doing})
    rig.settle()
    for text in ("order 7", "ORDER 7 REF", "refusederror", "RefusedError: order 7 refused"):
        assert ids(rig, error=text) == ["i-2", "i-0"], text
    for text in ("order 8", "errands.py", "Traceback"):
        assert ids(rig, error=text) == [], text
    assert ids(rig, error="order", status="errored", id="i-2", version="1") == ["i-2"]
    assert ids(rig, error="order", search="fail", limit=1, oldest_first=True) == ["i-0", "i-2"]
    assert ids(rig, error="order", status="complete") == []
    second = rig.client.catalog.list("errand", Listing(error="order", page=2, limit=1))
    assert [entry.id for entry in second] == ["i-0"]
    assert [entry.id for entry in rig.client.workflow(Errand).list(error="order", limit=1)] == ["i-2"]


@pytest.fixture(params=["plain", "encrypted"])
def kept(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Rig]:
    """A rig without keys, and one with."""
    keys = Fernet.generate_key().decode() if request.param == "encrypted" else ""
    with Rig(settings.model_copy(update={"encryption_keys": keys})) as made:
        yield made


def test_params_and_outputs_are_found_by_a_text(kept: Rig) -> None:
    """As a value or as JSON, also of types beyond JSON, in every script, and with keys."""
    rig = kept
    at = datetime(2026, 3, 4, tzinfo=UTC)
    for id, value in (
        ("i-1", {"to": "Zoë Ångström", "order": 17}), ("i-2", {"note": 'a "b" \\ c', "at": at}),
        ("i-3", {"do": "wait", "deep": [1, {"x": "STRASSE"}]}), ("i-4", {"do": "fail", "order": 4}),
    ):  # fmt: skip
        rig.create(Errand, id, value)
    rig.settle()
    for text, expected in (
        ("zoË ån", ["i-1"]), ('"order": 17', ["i-1"]), ('{"order":4', []), ('"order":', ["i-4", "i-1"]),
        ('a "b" \\ c', ["i-2"]), ("2026-03-04", ["i-2"]), ("straße", ["i-3"]), ('"deep": [1, {"x"', ["i-3"]),
        ('{"got":', ["i-2", "i-1"]), ("~", []), ("nowhere", []),
    ):  # fmt: skip
        assert ids(rig, search=text) == expected, text
    assert ids(rig, error="order 7", search="fail") == ["i-4"]


@pytest.mark.parametrize("oldest_first", [False, True])
def test_a_rare_text_is_looked_for_bit_by_bit(rig: Rig, oldest_first: bool) -> None:
    """A page may be empty, and its cursor leads on, to each instance once."""
    rig.sql(
        "insert into wf.instance (workflow, id, version, status) select 'errand', 'i-' || n, '1', 'errored'"
        " from generate_series(1, %s) n",
        2 * INSIDE + 1,
    )
    common, rare = encode_error(ValueError("often")), encode_error(ValueError("rarely"))
    rig.sql(
        "insert into wf.payload (instance, params, error)"
        " select key, %s, case when mod(key, %s) = 1 then %s::bytea else %s::bytea end from wf.instance",
        encode(None), INSIDE, rare, common,
    )  # fmt: skip
    found = ["i-1", f"i-{INSIDE + 1}", f"i-{2 * INSIDE + 1}"]
    assert ids(rig, error="rarely", oldest_first=oldest_first, limit=1) == (found if oldest_first else found[::-1])
    nowhere = rig.client.catalog.list("errand", Listing(error="never", oldest_first=oldest_first))
    assert (list(nowhere), nowhere.cursor) == ([], str(INSIDE if oldest_first else INSIDE + 2))
    assert ids(rig, error="often", since=moment(-(10**9)), oldest_first=True)[-1] == f"i-{2 * INSIDE}"


def test_a_page_reads_so_many_bytes_and_no_more(rig: Rig) -> None:
    """A value that is too big is not looked into; many that are just small enough make the page short."""
    workflow = rig.client.workflow(Errand)
    big, many = "x" * (BYTES - 100), BUDGET // BYTES + 1
    workflow.create("i-0", {"do": "needle" + "x" * BYTES})
    for n in range(1, many + 1):
        workflow.create(f"i-{n}", {"do": big})
    workflow.create("i-last", {"do": "needle"})
    page = rig.client.catalog.list("errand", Listing(search="needle", oldest_first=True))
    assert (list(page), page.cursor) == ([], str(many))
    assert ids(rig, search="needle", oldest_first=True) == ["i-last"]


@pytest.mark.parametrize(
    "filters", [{"id": ""}, {"id": "é"}, {"error": ""}, {"error": "x" * 201}, {"search": ""}, {"search": 5}]
)
def test_a_text_that_cannot_be_looked_for_is_refused(filters: dict[str, Any]) -> None:
    """Before anything is asked."""
    with pytest.raises(InvalidQuery, match=next(iter(filters))):
        Listing(**filters)
