"""Every page that a link leads to: it answers, it asks little of Postgres, and it shows texts as texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.support.dashboard import HOSTILE, fill
from tests.support.pages import HTML, Reading, Unnamed

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from tests.support import Rig
    from tests.support.api import Api

HANDFUL = 12
"""Statements that a page may run."""

OURS = re.compile(r"/(?!api/|static/)")

EVERY = {
    "/", "/attention", "/activity", "/jobs", "/audit", "/workflows/shipment", "/workflows/shipment/instances",
    "/workflows/shipment/create", "/workflows/shipment/bulk", "/workflows/shipment/settings",
    "/workflows/shipment/breaker",
    "/workflows/shipment/instances/refused", "/workflows/shipment/instances/refused/events",
    "/workflows/shipment/instances/refused/feed", "/workflows/shipment/instances/refused/audit",
    "/workflows/shipment/instances/refused/steps/1", "/workflows/shipment/instances/refused/terminate",
    "/workflows/shipment/instances/refused/restart", "/workflows/shipment/instances/refused/fork",
    "/workflows/shipment/instances/refused/send-event", "/workflows/shipment/instances/refused/delete",
    "/workflows/shipment/instances/asleep/pause", "/workflows/shipment/instances/paused/resume",
    "/workflows/doomed/instances/doomed-1",
}  # fmt: skip
"""Some of each kind, so that a link that is missing is noticed."""


FIXED = re.compile(
    r"^(1h|6h|24h|7d|30d|Last 24h: steps, errors|.*\bp(50|95)\)?,?|(Cancel )?[Jj]ob \d+(: \w+)?"
    r"|\d+ things want you\.|.* is kept for 7 d after a success and 7 d after an error \()$"
)
"""Names of ranges, quantiles and jobs, what the settings of this process say, and how many sections a page has."""


class Counted:
    """Counts what Postgres is asked."""

    def __init__(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        self.number = 0
        database: Any = api.app.state.parts.client.database
        run = database._run

        def count(*args: Any) -> Any:
            self.number += 1
            return run(*args)

        monkeypatch.setattr(database, "_run", count)


def crawl(api: Api) -> Iterator[tuple[str, Any]]:
    """Each page that can be reached, once."""
    found, left = {"/"}, ["/"]
    while left:
        path = left.pop()
        answer = api("GET", path, headers=HTML)
        yield path, answer
        links = {link.partition("#")[0] for link in re.findall(r'<a [^>]*?href="([^"]*)"', answer.text)}
        fresh = {link.replace("&amp;", "&") for link in links if OURS.match(link)} - found
        found |= fresh
        left += sorted(fresh)


def test_every_page_answers_with_a_handful_of_statements(rig: Rig, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """From link to link: none leads nowhere, none costs much, none shows a text as more than a text."""
    fill(rig)
    counted = Counted(api, monkeypatch)
    seen: dict[str, int] = {}
    for path, answer in crawl(api):
        assert (path, answer.status_code) == (path, 200)
        assert "<i>" not in answer.text, path
        assert not re.search(r"<script(?! type=\"module\" src=)|\son\w+=|\sstyle=|javascript:", answer.text), path
        seen[path.partition("?")[0]] = counted.number
        counted.number = 0
    assert set(seen) >= EVERY
    assert {path: number for path, number in seen.items() if number > HANDFUL} == {}


def test_every_number_has_a_name(rig: Rig, api: Api) -> None:
    """Those of the texts that are the same everywhere aside, each number is marked, so that tests find it."""
    fill(rig)
    unnamed = {path: Unnamed(answer.text).texts for path, answer in crawl(api)}
    left = {(path, text) for path, texts in unnamed.items() for text in texts if not FIXED.search(text)}
    assert left == set()


def test_a_page_is_the_same_a_moment_later(rig: Rig, api: Api) -> None:
    """While nothing happens, or it would be sent all the time; what is opened has an id, what is typed stands still."""
    fill(rig)
    rig.clock.advance(2.1)
    before = {path: answer.text for path, answer in crawl(api)}
    rig.clock.advance(0.3)
    after = {path: api("GET", path, headers=HTML).text for path in before}
    assert [path for path, text in after.items() if text != before[path]] == []
    restless = r'<details(?! id=)|<form class="(search|filters)"(?![^>]*data-still)'
    assert [path for path, text in before.items() if re.search(restless, text)] == []


def test_hostile_texts_are_read_as_they_are(rig: Rig, api: Api) -> None:
    """In logs, outputs, errors and events."""
    fill(rig)
    for path in ("shipment/instances/done/steps/1", "doomed/instances/doomed-1"):
        assert HOSTILE in Reading(api("GET", f"/workflows/{path}", headers=HTML).text).words, path
