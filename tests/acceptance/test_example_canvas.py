"""The guide from canvas to workflows: its code is the example's, and what it says of failure holds."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis import Redis

from wf import Client
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from wf import Settings
    from wf.testing.process_fixtures import Valkey
    from wf.testing.processes import Processes

EXAMPLE = Path(__file__).parents[2] / "examples/canvas"
SNIPPETS = re.findall(r"```python\n(.*?)```", (EXAMPLE / "README.md").read_text(), re.DOTALL)
WORKER = ["canvas_app", "-P", "prefork", "-c", "4", "-Q", "celery,wf,wf.alarm"]
PICTURE = b"P6 2 2 255 " + bytes(200)


@pytest.fixture
def wf_settings(wf_settings: Settings, wf_own_redis: Valkey) -> Settings:
    """As the guide sets them, and with leases of a second."""
    quick = {"queue": "wf", "queue_prefix": "", "lease": 1.0, "renudge": 1.0, "alarm_tick": 0.2}
    return wf_settings.model_copy(update={"redis_url": wf_own_redis.url, **quick})


def canvas(code: str, processes: Processes) -> str:
    """What a process prints that uses the Celery app."""
    done = processes.run("-c", f"from canvas_app import *\n{code}", cwd=EXAMPLE)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def pictures(folder: Path) -> list[str]:
    """Two pictures in a folder of their own."""
    folder.mkdir()
    for name in ("a.ppm", "b.ppm"):
        (folder / name).write_bytes(PICTURE)
    return [str(folder / name) for name in ("a.ppm", "b.ppm")]


def test_the_guide_shows_the_files_as_they_are() -> None:
    """The two versions of the album in the guide are those that run."""
    chord, workflow, *_ = SNIPPETS
    assert (EXAMPLE / "canvas_app.py").read_text().endswith(chord)
    assert (EXAMPLE / "album.py").read_text().endswith(workflow)


def test_a_worker_that_is_killed_ends_the_chord_but_not_the_workflow(
    wf_settings: Settings, wf_processes: Processes, tmp_path: Path
) -> None:
    """Both are in the middle of a picture when SIGKILL comes; then the workflow makes its page, the chord never."""
    lost, kept = pictures(tmp_path / "lost"), pictures(tmp_path / "kept")
    for big in (lost[1], kept[1]):
        Path(big).unlink()
        os.mkfifo(big)  # whoever reads it waits for a writer
    worker = wf_processes.celery_worker(*WORKER, PYTHONPATH=str(EXAMPLE))
    album = canvas(f"print(album({lost}).id)", wf_processes)
    with Client(settings=wf_settings) as client, Redis.from_url(wf_settings.redis_url) as redis:
        instance = client.workflow("album").create("kept", kept)
        for folder in (tmp_path / "lost", tmp_path / "kept"):
            wait_until((folder / "a.small").exists, 20, "the first picture is small")
        writers = [wait_until(partial(opened, big), 20, f"{big} is being read") for big in (lost[1], kept[1])]
        worker.kill()
        for writer, big in zip(writers, (lost[1], kept[1]), strict=True):
            os.close(writer)
            Path(big).unlink()
            Path(big).write_bytes(PICTURE)
        wf_processes.celery_worker(*WORKER, PYTHONPATH=str(EXAMPLE))
        assert instance.result(timeout=30) == str(tmp_path / "kept/album.html")
        state = f"from celery.result import AsyncResult; print(AsyncResult({album!r}, app=app).state)"
        assert canvas(state, wf_processes) == "PENDING"
        assert not (tmp_path / "lost/b.small").exists()
        assert (redis.llen("celery"), redis.hlen("unacked")) == (0, 0), "nothing is left that could go on"


def opened(fifo: str) -> int:
    """A descriptor to write to a FIFO, or 0 while nobody reads it."""
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return 0


def test_a_broken_picture_is_mended_alone(wf_settings: Settings, wf_processes: Processes, tmp_path: Path) -> None:
    """After a failure the chord does all pictures again; the workflow goes on at the one that failed."""
    again, alone = pictures(tmp_path / "again"), pictures(tmp_path / "alone")
    firsts = [tmp_path / "again/a.small", tmp_path / "alone/a.small"]
    for big in (again[1], alone[1]):
        Path(big).write_bytes(b"no picture")
    wf_processes.celery_worker(*WORKER, PYTHONPATH=str(EXAMPLE))
    fails = f"try: album({again}).get(timeout=20)\nexcept Exception as error: print(type(error).__name__)"
    assert canvas(fails, wf_processes) == "ValueError"
    with Client(settings=wf_settings) as client:
        instance = client.workflow("album").create("alone", alone)
        with pytest.raises(ValueError, match="is no picture"):
            instance.result(timeout=20)
        wait_until(lambda: all(first.exists() for first in firsts), what="the good pictures are small")
        before = [first.stat().st_mtime_ns for first in firsts]
        for big in (again[1], alone[1]):
            Path(big).write_bytes(PICTURE)
        canvas(f"album({again}).get(timeout=20)", wf_processes)
        instance.restart(from_step="resize b.ppm")
        assert instance.result(timeout=20) == str(tmp_path / "alone/album.html")
        after = [first.stat().st_mtime_ns for first in firsts]
        assert [new > old for new, old in zip(after, before, strict=True)] == [True, False]
