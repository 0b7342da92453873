"""An album of pictures by a Celery chord; the same app runs the workflow of `album.py`, too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from celery import Celery, chord
from pictures import bind, shrink

from wf_tasks import attach

if TYPE_CHECKING:
    from celery.result import AsyncResult

REDIS = os.environ.get("WF_REDIS_URL", "redis://127.0.0.1:6379/0")

app = Celery("pictures", broker=REDIS, backend=REDIS, include=["album"])
attach(app)


@app.task(autoretry_for=[OSError], retry_backoff=True, max_retries=3)
def resize(picture: str) -> str:
    """Make a small picture."""
    return shrink(picture)


@app.task
def make_album(small: list[str]) -> str:
    """Make the page, when all pictures are small."""
    return bind(small)


def album(pictures: list[str]) -> AsyncResult:
    """Begin an album."""
    return chord([resize.s(picture) for picture in pictures])(make_album.s())
