"""The dashboard: how long pages take among a million instances, made and painted, and how soon news are seen."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import psycopg

from tests.bench.api import MILLION, fill
from tests.bench.figures import Figure, Goal, percentile
from tests.bench.workflows import Chain
from tests.support.browsing import browsing
from wf import Client
from wf.codec import encode
from wf.faults import encode_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.stage import Stage
    from wf import Settings

LOOKS = 20
"""How often each page is asked for."""

FAN = 5_000
"""Steps of the big instance."""

BIG = """
with big as (
  insert into wf.instance (workflow, id, version, status, seq, started_at, due_at)
  values ('chain', 'big', '1', 'waiting', %(steps)s, now() - interval '1 hour', now() + interval '1 year')
  returning key
), known as (
  insert into wf.payload (instance, params) select key, %(params)s from big
)
insert into wf.step (
  instance, generation, seq, kind, name, count, status, attempt, lost, output, started_rev, rev, started_at, attempt_at,
  ended_at
)
select
  key, 1, n, 'do', 'branch ' || n, 1, 'complete', 1, 0, %(params)s, n, n, now() - interval '1 hour',
  now() - interval '1 hour', now() - interval '1 minute'
from big, generate_series(1, %(steps)s) n
"""
PAYLOADS = """
insert into wf.payload (instance, params, error)
select key, %(params)s, case when status = 'errored' then %(error)s::bytea end from wf.instance
on conflict do nothing
"""

PAGES = {
    "workflows": "/",
    "workflow": "/workflows/chain",
    "list": "/workflows/chain/instances",
    "list by status": "/workflows/chain/instances?status=waiting",
    "list by error": "/workflows/chain/instances?error=refused",
    "list by text": "/workflows/chain/instances?search=nowhere",
    "instance": "/workflows/chain/instances/i-77",
    "5,000 steps": "/workflows/chain/instances/big",
    "5,000 steps, middle": "/workflows/chain/instances/big?after=2500",
    "step": "/workflows/chain/instances/big/steps/2500",
    "feed": "/workflows/chain/instances/big/feed",
    "attention": "/attention",
    "activity": "/activity",
    "jobs": "/jobs",
    "audit": "/audit",
}


def pages(stage: Stage) -> list[Figure]:
    """Milliseconds of each page, asked for one after the other, among a million instances."""
    number = stage.plan.size(MILLION)
    with stage.deployment() as settings, stage.api(settings) as url:
        _fill_all(settings, number)
        figures = []
        for name, path in PAGES.items():
            times = list(_looks(url + path))
            figures.append(
                Figure(
                    "pages",
                    f"page {name!r}, {number:,} instances, p95",
                    percentile(times, 0.95) * 1000,
                    "ms",
                    goal=Goal(100, at_most=True),
                    detail={"p50_ms": percentile(times, 0.5) * 1000},
                )
            )
        figures += _paints(url)
    return figures


_PAINT = "performance.getEntriesByName('first-contentful-paint')"


def _paints(url: str) -> list[Figure]:
    """Milliseconds from the click to the first paint, as a browser tells them."""
    figures = []
    with browsing() as browser:
        for name in ("list", "workflow", "5,000 steps"):
            times = []
            for _ in range(LOOKS // 2):
                page = browser.new_page()
                page.goto(url + PAGES[name])
                page.wait_for_function(f"{_PAINT}.length")  # it may be told of a moment later
                times.append(page.evaluate(f"{_PAINT}[0].startTime"))
                page.close()
            figures.append(
                Figure(
                    "pages",
                    f"first paint of page {name!r}, p95",
                    percentile(times, 0.95),
                    "ms",
                    goal=Goal(1000, at_most=True),
                    detail={"p50_ms": percentile(times, 0.5)},
                )
            )
    return figures


def live(stage: Stage) -> list[Figure]:
    """Milliseconds from a commit to when the stream of a page that tells it has sent that."""
    with stage.deployment() as settings, stage.api(settings) as url, Client(settings=settings) as client:
        fill(settings, 1000)
        times = [_until_told(url, client, number) for number in range(LOOKS)]
    return [
        Figure(
            "live",
            "from a commit to the list that shows it, p95",
            percentile(times, 0.95) * 1000,
            "ms",
            goal=Goal(1000, at_most=True),
            detail={"p50_ms": percentile(times, 0.5) * 1000},
        )
    ]


def _looks(url: str) -> Iterator[float]:
    request = Request(url, headers={"Accept": "text/html"})
    for look in range(LOOKS + 1):
        began = time.perf_counter()
        with urlopen(request, timeout=60) as answer:
            answer.read()
        if look:  # the first one reads templates, and fills caches
            yield time.perf_counter() - began


def _until_told(url: str, client: Client, number: int) -> float:
    """Follow the list of instances, create one, and wait for it."""
    id, told = f"new-{number}", threading.Event()

    def follow() -> None:
        with urlopen(f"{url}/live?page=/workflows/chain/instances", timeout=60) as stream:
            for line in stream:
                if line.startswith(b"data:"):
                    begun.set()
                if id.encode() in line:
                    told.set()
                    return

    begun = threading.Event()
    thread = threading.Thread(target=follow)
    thread.start()
    begun.wait(30)
    client.workflow("chain").create(id)
    began = time.perf_counter()
    told.wait(30)
    took = time.perf_counter() - began
    thread.join()
    return took


def _fill_all(settings: Settings, number: int) -> None:
    """A million instances with payloads, one of them with thousands of steps, and the diagram of their code."""
    fill(settings, number)
    with Client(settings=settings) as client:
        client.catalog.register(Chain)
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        params, error = encode({"customer": "ada"}), encode_error(ConnectionError("the bank refused"))
        connection.execute(BIG, {"steps": FAN, "params": params})
        connection.execute(PAYLOADS, {"params": params, "error": error})
        connection.execute("vacuum analyze wf.instance, wf.payload, wf.step")
