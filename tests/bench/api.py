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
from tests.bench.groups import BenchError, wait_for
from wf import Client
from wf.clock import DatabaseClock
from wf.feed import Feed
from wf.plain import plain
from wf.tokens import Tokens
from wf_api.routes.feed import stream
from wf_api.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.stage import Stage
    from wf import Settings

CALLERS = 4
"""Threads that create at a time, by the client and over HTTP alike."""

CROWD = 25
"""Subscribers of each instance that runs."""

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
        fill(settings, 0)

        token = Tokens(client.database, DatabaseClock()).create("bench", "write", created_by="bench")

        def make(_: int) -> None:
            client.workflow("chain").create(params=1)

        rates: dict[str, list[float]] = {"loop": [], "threads": [], "api": []}
        for _ in range(max(stage.plan.rounds, 2)):
            rates["loop"].append(_rate(number, make, callers=1))
            rates["threads"].append(_rate(number, make))
            with _connections(url, token) as post:
                rates["api"].append(_rate(number, post))
    best = {name: max(found) for name, found in rates.items()}
    return [
        Figure(
            "api", f"POST instances, {CALLERS} callers, by Client.create in a loop, each in one process", best["api"],
            "/s", baseline=best["loop"], goal=Goal(0.6, of_ratio=True), detail={"client_threads": best["threads"]},
        )
    ]  # fmt: skip


def lists(stage: Stage) -> list[Figure]:
    """How long pages of lists by status take among a million instances, over HTTP."""
    number = stage.plan.size(MILLION)
    with stage.deployment() as settings, stage.api(settings) as url:
        fill(settings, number)
        times = [took for status in ("complete", "waiting", "errored", "running") for took in _pages(url, status)]
    figure = Figure(
        "lists", f"a page of 20 by status, of {number:,} instances, p95", percentile(times, 0.95) * 1000, "ms",
        goal=Goal(50, at_most=True), detail={"p50_ms": percentile(times, 0.5) * 1000, "max_ms": max(times) * 1000},
    )  # fmt: skip
    return [figure]


def feeds(stage: Stage) -> list[Figure]:
    """Steps per second while the feeds of ten thousand idle instances are followed, and some of each that runs, too."""
    watched, instances, steps = stage.plan.size(10_000), stage.plan.size(40), 50
    with stage.ours() as group:
        keys = fill(group.settings, watched)
        group.skip()

        def rate() -> float:
            return max(instances * steps / group.run("chain", instances, steps, steps) for _ in range(2))

        alone = rate()
        with _followed(group.settings, keys, 0):
            idle = rate()
        with _followed(group.settings, keys, CROWD) as told:
            busy = rate()
            wait_for(told, 30, "a feed tells something")
    crowd = f"and {CROWD} of each that runs"
    return [
        Figure(
            "feeds", f"steps while {watched:,} feeds are followed", idle, "steps/s", alone, Goal(0.9, of_ratio=True)
        ),
        Figure("feeds", f"the same, {crowd}", busy, "steps/s", alone, detail={"events": told()}),
    ]


def _rate(number: int, call: Callable[[int], object], callers: int = CALLERS) -> float:
    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(call, range(callers)))  # connections are made
        began = time.perf_counter()
        list(pool.map(call, range(number)))
        return number / (time.perf_counter() - began)


@contextmanager
def _connections(url: str, token: str) -> Iterator[Callable[[int], None]]:
    """A way to create an instance over HTTP, from any thread: each has a connection, and costs the machine little."""
    host, port = url.removeprefix("http://").split(":")
    body = json.dumps({"params": 1}).encode()
    head = f"POST /api/workflows/chain/instances HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
    request = f"{head}Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
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


def fill(settings: Settings, number: int) -> list[int]:
    """Make so many instances; gives their keys."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        keys = [key for (key,) in connection.execute(FILL, {"number": number}).fetchall()]
        connection.execute("insert into wf.workflow (name, version) values ('chain', '1') on conflict do nothing")
        connection.execute("analyze wf.instance")
    return keys


async def _let_in() -> None:
    """The door, which remembers whom it knows."""


@contextmanager
def _followed(settings: Settings, keys: list[int], crowd: int) -> Iterator[Callable[[], int]]:
    """The feeds of an API process, without its sockets; gives a function that tells how many events they have told.

    Each of the idle instances has one subscriber, each that is created meanwhile has `crowd` of them.
    """
    subscribers = _Crowd(settings, keys, crowd)
    thread = threading.Thread(target=asyncio.run, args=(subscribers.follow(),))
    thread.start()
    try:
        yield lambda: subscribers.told
    finally:
        subscribers.stop.set()
        thread.join()
        subscribers.close()


class _Crowd:
    """Subscribers on an event loop of their own."""

    def __init__(self, settings: Settings, keys: list[int], crowd: int) -> None:
        self._client = Client(settings=settings)
        self._watch = Watch(self._client.database, settings.api_feed_tick)
        self._keys, self._crowd, self.stop, self.told = keys, crowd, threading.Event(), 0

    async def follow(self) -> None:
        """Follow the idle ones, and look for new ones until told to stop."""
        last = max(self._keys)
        find = "select key, id from wf.instance where key > %(last)s and workflow = 'chain'"
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            for key in self._keys:
                await stack.enter_async_context(self._watch.on(key))
            while not await asyncio.to_thread(self.stop.wait, 0.1):
                for key, id in await asyncio.to_thread(self._client.database.read, find, {"last": last}):
                    last = max(last, key)
                    for _ in range(self._crowd):
                        group.create_task(self._read(key, id))

    async def _read(self, key: int, id: str) -> None:
        feed = Feed(self._client.catalog, "chain", id, read=plain, rows=self._watch.rows)
        first = await self._watch.read(feed.take)
        async for line in stream(feed, self._watch, key, first, _let_in):
            self.told += line.startswith(b"event:")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
