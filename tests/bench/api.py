"""The API: how fast it creates, how fast it lists among a million, and what thousands of feeds cost the engine."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING
from urllib.request import urlopen

import psycopg

from tests.bench.figures import Figure, Goal, percentile
from tests.bench.groups import BenchError
from wf import Client
from wf.database import Database
from wf_api.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.stage import Stage
    from wf import Settings

CALLERS = 4
"""Threads that create at a time, by the client and over HTTP alike."""

MILLION = 1_000_000

FILL = """
insert into wf.instance (workflow, id, version, status, created_at, started_at, ended_at, due_at)
select
  'chain', 'i-' || n, '1', status, at, at, case when status in ('complete', 'errored') then at end,
  case when status not in ('complete', 'errored') then now() + interval '1 year' end
from (
  select n, now() - (%(number)s - n) * interval '1 second' as at, case
    when mod(n, 100000) = 7 then 'errored' when n < 50 then 'running' when mod(n, 3) = 0 then 'waiting' else 'complete'
  end as status
  from generate_series(1, %(number)s) n
) as made
returning key
"""
"""Instances most of which are in one of two statuses; the others are few, and the running ones the oldest of all."""


def create(stage: Stage) -> list[Figure]:
    """Instances created per second by one process: by the client, and by an API that is asked over HTTP."""
    number = stage.plan.size(4000)
    with stage.deployment() as settings, Client(settings=settings) as client, stage.api(settings) as url:
        _fill(settings, 0)
        rates: dict[str, list[float]] = {"client": [], "api": []}
        for _ in range(max(stage.plan.rounds, 2)):
            rates["client"].append(_rate(number, lambda _: client.workflow("chain").create(params=1)))
            with _connections(url) as post:
                rates["api"].append(_rate(number, post))
    best = {name: max(found) for name, found in rates.items()}
    return [
        Figure(
            "api", f"POST instances by Client.create, {CALLERS} callers of one process each", best["api"], "/s",
            baseline=best["client"], goal=Goal(0.6, of_ratio=True),
        )
    ]  # fmt: skip


def lists(stage: Stage) -> list[Figure]:
    """How long pages of lists by status take among a million instances, over HTTP."""
    number = stage.plan.size(MILLION)
    with stage.deployment() as settings, stage.api(settings) as url:
        _fill(settings, number)
        times = [took for status in ("complete", "waiting", "errored", "running") for took in _pages(url, status)]
    figure = Figure(
        "lists", f"a page of 20 by status, of {number:,} instances, p95", percentile(times, 0.95) * 1000, "ms",
        goal=Goal(50, at_most=True), detail={"p50_ms": percentile(times, 0.5) * 1000, "max_ms": max(times) * 1000},
    )  # fmt: skip
    return [figure]


def feeds(stage: Stage) -> list[Figure]:
    """Steps per second without feeds, and while the feeds of ten thousand instances are followed."""
    watched, instances, steps = stage.plan.size(10_000), stage.plan.size(40), 50
    with stage.ours() as group:
        keys = _fill(group.settings, watched)
        alone = max(instances * steps / group.run("chain", instances, steps, steps) for _ in range(2))
        with _followed(group.settings, keys):
            followed = max(instances * steps / group.run("chain", instances, steps, steps) for _ in range(2))
    figure = Figure(
        "feeds", f"steps while {watched:,} feeds are followed, by without", followed, "steps/s", baseline=alone,
        goal=Goal(0.9, of_ratio=True),
    )  # fmt: skip
    return [figure]


def _rate(number: int, call: Callable[[int], object]) -> float:
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(call, range(CALLERS)))  # connections are made
        began = time.perf_counter()
        list(pool.map(call, range(number)))
        return number / (time.perf_counter() - began)


@contextmanager
def _connections(url: str) -> Iterator[Callable[[int], None]]:
    """A way to create an instance over HTTP, from any thread: each has a connection, and costs the machine little."""
    host, port = url.removeprefix("http://").split(":")
    body = json.dumps({"params": 1}).encode()
    head = f"POST /api/workflows/chain/instances HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    mine, opened = threading.local(), []

    def post(_: int) -> None:
        if not hasattr(mine, "socket"):
            mine.socket = socket.create_connection((host, int(port)))
            mine.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.append(mine.socket)
        mine.socket.sendall(request)
        answer = mine.socket.recv(65_536)
        while not answer.endswith(b"}"):
            answer += mine.socket.recv(65_536)
        if b'"success":true' not in answer:
            raise BenchError(f"The API refused: {answer[-500:].decode(errors='replace')}")

    yield post
    for connection in opened:
        connection.close()


def _pages(url: str, status: str) -> Iterator[float]:
    """Seconds for the first page, for pages behind it, and for pages of both orders."""
    for direction in ("desc", "asc"):
        cursor = ""
        for _ in range(20):
            began = time.perf_counter()
            path = f"{url}/api/workflows/chain/instances?status={status}&direction={direction}{cursor}"
            with urlopen(path, timeout=60) as answer:
                found = json.load(answer)
            yield time.perf_counter() - began
            if (after := found["result_info"]["cursor"]) is None:
                break
            cursor = f"&cursor={after}"


def _fill(settings: Settings, number: int) -> list[int]:
    """Make so many instances; gives their keys."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        keys = [key for (key,) in connection.execute(FILL, {"number": number}).fetchall()]
        connection.execute("insert into wf.workflow (name, version) values ('chain', '1') on conflict do nothing")
        connection.execute("analyze wf.instance")
    return keys


@contextmanager
def _followed(settings: Settings, keys: list[int]) -> Iterator[None]:
    """An API process's watch over these instances, on an event loop of its own."""
    database, stop = Database(settings), threading.Event()

    async def follow() -> None:
        watch = Watch(database, settings.api_feed_tick)
        async with AsyncExitStack() as stack:
            for key in keys:
                await stack.enter_async_context(watch.on(key))
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(follow(),))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        database.close()
