"""The shops of the examples, with FastAPI and with Flask: real servers, a real worker."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from redis import Redis

from tests.acceptance.looking import look
from tests.acceptance.shop import SHOPS, Shop, folder_of
from wf.testing.processes import free_port
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from wf import Settings
    from wf.testing.processes import Processes

    Open = Callable[..., AbstractContextManager[Shop]]

ORDERS = "select id from public.shop_order order by id"
INSTANCES = "select id from wf.instance order by id"


@pytest.fixture(params=SHOPS)
def open_shop(request: pytest.FixtureRequest, wf_settings: Settings, wf_processes: Processes) -> Open:
    """Opens the shop of one example; by default all its data is in the database of the test."""

    @contextmanager
    def begin(its: Settings = wf_settings) -> Iterator[Shop]:
        shop = Shop(request.param, wf_processes, its, wf_settings.database_url)
        try:
            yield shop
        finally:
            shop.close()

    return begin


@pytest.fixture
def known(wf_settings: Settings, wf_processes: Processes) -> Settings:
    """Settings of a journal that knows the workflow, because a worker has run."""
    wf_processes.worker("orders", PYTHONPATH=str(folder_of(SHOPS[0]))).kill()
    return wf_settings


def queued(settings: Settings) -> int:
    """Messages in the queue."""
    with Redis.from_url(settings.redis_url) as redis:
        return int(redis.llen(settings.broker_prefix + settings.queue))


def test_an_order_is_paid_and_sent(open_shop: Open, wf_processes: Processes) -> None:
    """From the request to the result: ordered, waiting, paid, complete; who pays once more is told that it is over."""
    with open_shop() as shop:
        wf_processes.worker("orders", PYTHONPATH=str(shop.folder))
        assert shop.order("o-1", quantity=2).status_code == 201
        wait_until(lambda: shop.look("o-1").json()["status"] == "waiting", 15, "it waits for its payment")
        assert shop.pay("o-1").status_code == 202
        wait_until(lambda: shop.look("o-1").json()["status"] == "complete", 15, "it is sent")
        output = {"parcel": "parcel-o-1", "card": "visa"}
        assert shop.look("o-1").json() == {"item": "tea", "quantity": 2, "status": "complete", "output": output}
        again = shop.pay("o-1")
        assert (again.status_code, again.json()["code"]) == (409, "instance.finished")


def test_a_commit_does_not_wait_for_the_alarm(open_shop: Open, known: Settings) -> None:
    """The order's nudge is in the queue when the request has been answered; without one, the queue stays empty."""
    with open_shop() as shop:
        assert queued(known) == 0
        shop.order("o-1")
        assert queued(known) == 1
        shop.order("o-2", quantity=11)
        assert queued(known) == 1
        shop.pay("o-1")
        assert queued(known) == 2


def test_a_request_that_fails_leaves_neither_row_nor_instance(open_shop: Open, known: Settings) -> None:
    """Both had been written; the error took back both, and the id is free for the next try."""
    with open_shop() as shop:
        assert shop.order("o-1", quantity=11).status_code == 422
        assert look(known, ORDERS) == look(known, INSTANCES) == []
        assert shop.look("o-1").status_code == 404
        assert shop.order("o-1").status_code == 201
        assert look(known, ORDERS) == look(known, INSTANCES) == [("o-1",)]


def test_errors_are_answered_as_http_knows_them(open_shop: Open, known: Settings) -> None:
    """An unknown order, one that exists, and an id that cannot be, each with its code; nothing is changed."""
    with open_shop() as shop:
        assert shop.order("o-1").status_code == 201
        answers = [shop.look("o-2"), shop.pay("o-2"), shop.order("o-1"), shop.order("o 1")]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
            (404, "instance.not_found"),
            (404, "instance.not_found"),
            (409, "instance.already_exists"),
            (400, "instance.invalid_id"),
        ]
        assert look(known, ORDERS) == look(known, INSTANCES) == [("o-1",)]
        assert look(known, "select 1 from wf.event") == []


def test_an_outage_of_the_journal_is_a_503(open_shop: Open, wf_settings: Settings) -> None:
    """The shop is open without it, and tells its callers when to come back, but not where the journal is."""
    away = wf_settings.model_copy(update={"database_url": f"postgresql://shop@127.0.0.1:{free_port()}/journal"})
    with open_shop(away) as shop:
        for answer in (shop.look("o-1"), shop.pay("o-1")):
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
            assert answer.json()["code"] == "journal.unavailable"
            assert "127.0.0.1" not in answer.text
        assert "Connection refused" in shop.log()
