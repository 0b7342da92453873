"""A database as an earlier release has left it, and what today's code makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

import wf.migrations
from tests.histories import workflows
from tests.histories.record import find
from tests.histories.stories import STORIES
from tests.support.rig import START, Rig
from wf.urls import database_url as sqlalchemy_url

if TYPE_CHECKING:
    from tests.histories.recordings import Recording
    from wf.settings import Settings

MOVES = 200
"""After so many moments every instance should have ended."""


def make_schema(database_url: str, revision: str) -> None:
    """Bring an empty database to a revision of the schema, or an older one up to it."""
    config = Config()
    config.set_main_option("script_location", str(Path(wf.migrations.__file__).parent).replace("%", "%%"))
    engine = create_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("create schema if not exists wf"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def rig_at(settings: Settings, recording: Recording) -> Rig:
    """Workers of today, at the moment of the recording; nothing has been run in this process."""
    workflows.ran.clear()
    rig = Rig(settings)
    rig.clock.advance(recording.now - START)
    return rig


def finish(rig: Rig) -> None:
    """Do what is to be done for each instance, and let time pass until all have ended."""
    for story in STORIES:
        for act in story.after:
            act(rig, find(rig, story))
            rig.settle()
    for _ in range(MOVES):
        [(due,)] = rig.sql("select extract(epoch from min(due_at))::float8 from wf.instance")
        if due is None:
            return
        rig.pass_time(max(due - rig.clock.now(), 0.0) + 0.001)
    raise AssertionError(f"After {MOVES} moments something is still due.")
