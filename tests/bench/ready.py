"""Imported by workers under measurement: each makes a file once it takes tasks, because it logs warnings only."""

from __future__ import annotations

import os
from pathlib import Path

from celery import signals

VARIABLE = "BENCH_READY"
"""Names the file."""


@signals.worker_ready.connect  # type: ignore[untyped-decorator]  # celery carries no types
def _ready(**_: object) -> None:
    Path(os.environ[VARIABLE]).touch()
