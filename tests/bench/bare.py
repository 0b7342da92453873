"""The baseline: a Celery app as a user writes one, with the default settings and the stock transport."""

from __future__ import annotations

import os
import time
from functools import cache
from typing import Any

import redis
from celery import Celery

from tests.bench import ready

VARIABLE = "BENCH_BROKER"
"""Tells a worker where its broker is."""


@cache
def _redis(url: str) -> Any:
    return redis.Redis.from_url(url)


def make_app(url: str) -> Celery:
    """An app with three tasks; `bare.noop` is what a chain is made of.

    Args:
        url: The broker.
    """

    def noop() -> None:
        """Do nothing."""

    def count(key: str) -> None:
        """Do nothing and say that it is done."""
        _redis(url).incr(key)

    def stamp(key: str) -> None:
        """Tell when the first line ran."""
        now = time.time()
        _redis(url).rpush(key, now)

    app = Celery("bare", broker=url, set_as_current=False)
    app.conf.task_ignore_result = True
    for function in (noop, count, stamp):
        # Not shared: the measuring process has an app for each pool.
        app.task(name=f"bare.{function.__name__}", shared=False)(function)
    return app


if ready.VARIABLE in os.environ:  # this is a worker
    app = make_app(os.environ[VARIABLE])
