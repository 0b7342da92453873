"""Record what the code of this release writes: `python -m tests.histories.record 0003.jsonl`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.histories.recordings import APP_TABLE, Recording, read_rows
from tests.histories.stories import STORIES, Story
from tests.histories.workflows import CLASSES, Yearly, held
from tests.support import Rig
from wf.dev.servers import embedded
from wf.migrations import head, migrate
from wf.settings import Settings

if TYPE_CHECKING:
    from wf.instance import Instance

_SEEDS = "update wf.payload set seed = md5(id)::uuid from wf.instance where key = instance"
"""Instead of seeds that are others each time."""


def main() -> None:
    """Write the recording of a journal on servers of its own into the file of the first argument."""
    with tempfile.TemporaryDirectory() as folder, embedded(Path(folder)) as urls:
        migrate(urls.database_url)
        with Rig(Settings(database_url=urls.database_url, redis_url=urls.redis_url)) as rig:
            Path(sys.argv[1]).write_text("".join(f"{line}\n" for line in record(rig).lines()))


def record(rig: Rig) -> Recording:
    """Bring an instance of each story to where it shall be, and record them all while callbacks of some still run."""
    rig.sql(APP_TABLE)
    for cls in CLASSES:
        rig.workers[0].catalog.register(cls)
    held.armed = True
    running = []
    try:
        instances = {}
        for story in STORIES:
            instances[story.id] = instance = _create(rig, story)
            if story.held:
                held.began.clear()
                running.append(rig.in_thread(rig.settle))
                assert held.began.wait(30), f"{story.id} does not come to its callback"
            elif story.begins:
                rig.settle()
            else:
                rig.take()  # its nudge is lost
            for act in story.before:
                act(rig, instance)
                if not story.held:
                    rig.settle()
        for story in STORIES:
            assert instances[story.id].status().status == story.recorded, (story.id, instances[story.id].status())
        _steady(rig)
        feeds = {id: told(instance) for id, instance in instances.items()}
        return Recording(head(), rig.clock.now(), read_rows(rig.settings.database_url), feeds)
    finally:
        held.armed = False
        held.go.set()
        for each in running:
            each.result()
        held.go.clear()


def told(instance: Instance) -> list[Any]:
    """What the feed tells of an instance until now: number, type and step of each event."""
    feed, events = instance.feed(None, None), []
    while (event := feed.take()) is not None:
        events.append([event["eventId"], event["type"], event.get("stepName")])
    return events


def find(rig: Rig, story: Story) -> Instance:
    """The instance of a story; that of a schedule has an id of its own."""
    workflow = rig.client.workflow(story.cls)
    if story.cls is not Yearly:
        return workflow.get(story.id)
    (entry,) = workflow.list()
    return workflow.get(entry.id)


def _create(rig: Rig, story: Story) -> Instance:
    if story.cls is Yearly:
        rig.pass_time(3600)
        instance = find(rig, story)
    else:
        instance = rig.client.workflow(story.cls).create(story.id, story.params)
    rig.sql(_SEEDS)
    return instance


def _steady(rig: Rig) -> None:
    """Take out what is another one each time, such as the server's own time."""
    rig.sql(_SEEDS)
    rig.sql("update wf.audit set at = to_timestamp(%s)", rig.clock.now())
    rig.sql("update wf.workflow set versions = jsonb_build_object(version, %s::float8)", rig.clock.now())


if __name__ == "__main__":
    main()
