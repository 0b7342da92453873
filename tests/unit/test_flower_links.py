"""What leads from one side to the other: ids of tasks, URLs of pages, and the login of `wf dev`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from wf.dev.pages import flower_login, page_urls
from wf.settings import InvalidSettings, Settings
from wf.task_ids import TaskId
from wf_tasks.flower.seen import Seen, ran, tasks_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.mark.parametrize("told", [TaskId("report", "r-17", 2, 4, 9), TaskId("a_b", "0 */5 * * 1#2,3", 1, -1, 0)])
def test_an_id_of_a_task_tells_what_it_is_about(told: TaskId) -> None:
    """What is written into an id is read out of it again, also with the signs of schedules' ids and the alarm's -1."""
    assert TaskId.parse(str(told)) == told


@pytest.mark.parametrize(
    "text",
    ["", "17:2.0.9", "f3e0f6a2-0000-4000-8000-000000000000", "a:b:1.2", "a:b:c:1.2.3", "a:<b>:1.2.3", "a:b:1.2.3\n"],
)
def test_an_id_of_another_task_tells_nothing(text: str) -> None:
    """Tasks of a team's own, and what merely looks like ours, are about no instance."""
    assert TaskId.parse(text) is None


def seen(*ids: str) -> list[Seen]:
    """Tasks of the instance i of the workflow w, newest first."""
    return tasks_of({f"w:i:{id}": object() for id in ids}, "w", "i")


@pytest.mark.parametrize(
    ("ids", "seq", "rev", "expected"),
    [
        (["1.0.0", "1.2.2", "1.3.4"], 3, 5, "1.3.4"),  # sent for it
        (["1.2.2", "1.2.4"], 2, 3, "1.2.2"),  # the first attempt: the second task was not sent yet
        (["1.2.2", "1.2.4"], 2, 5, "1.2.4"),
        (["1.0.0", "1.2.2"], 1, 1, "1.0.0"),  # the first step
        (["1.0.0", "1.2.2", "1.4.6"], 3, 5, "1.2.2"),  # after a wait, or one more step of a task
        (["1.5.2", "1.6.2", "1.9.8"], 6, 9, "1.6.2"),  # parallel: a sibling's end does not make another task
        (["1.0.0", "2.0.7"], 1, 8, "1.0.0"),  # not that of another beginning
        (["1.2.9"], 2, 5, None),  # Flower was started too late
        ([], 1, 1, None),
    ],
)
def test_the_task_of_an_attempt_is_the_last_one_before_it(
    ids: Sequence[str], seq: int, rev: int, expected: str | None
) -> None:
    """A task that was sent for the step goes first, and none counts that was sent when the attempt had begun."""
    found = ran(seen(*ids), 1, seq, rev)
    assert (None if found is None else str(found.id)) == (None if expected is None else f"w:i:{expected}")


def test_other_instances_are_not_meant() -> None:
    """Two workflows may have instances of the same id, and an id may begin as another one does."""
    tasks: dict[str, Any] = dict.fromkeys(["w:i:1.0.0", "v:i:1.0.0", "w:i-2:1.0.0", "w:i", "w:i:x"])
    assert [str(one.id) for one in tasks_of(tasks, "w", "i")] == ["w:i:1.0.0"]


@pytest.mark.parametrize("name", ["dashboard_url", "flower_url"])
@pytest.mark.parametrize(("given", "kept"), [("", ""), ("http://h:1/", "http://h:1"), ("https://h/a/", "https://h/a")])
def test_urls_of_pages_may_end_with_a_slash(name: str, given: str, kept: str) -> None:
    """So that one can put paths behind them."""
    assert getattr(Settings(**{name: given}), name) == kept


@pytest.mark.parametrize(
    "url",
    [
        "h:5555", "ftp://h", "javascript:alert(1)", "http://", "http://u:hidden@h", "http://h?a", "http://h#a",
        "http://h:x", "http://h/ a",
    ],
)  # fmt: skip
def test_urls_of_pages_are_plain(url: str) -> None:
    """Anything but a place on the web is refused; so is a password, which every reader of a page would see."""
    with pytest.raises(InvalidSettings, match=r"WF_FLOWER_URL: must be like https://host:port/path") as caught:
        Settings(flower_url=url)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, ("http://127.0.0.1:8000", "http://127.0.0.1:5555")),
        ({"WF_API_PORT": "81", "FLOWER_PORT": "82"}, ("http://127.0.0.1:81", "http://127.0.0.1:82")),
        ({"WF_API_HOST": "0.0.0.0", "FLOWER_ADDRESS": "::1"}, ("http://127.0.0.1:8000", "http://[::1]:5555")),
        ({"WF_API_PORT": "0", "FLOWER_URL_PREFIX": "/tools/"}, (None, "http://127.0.0.1:5555/tools")),
        ({"WF_DASHBOARD_URL": "https://x"}, ("https://x", "http://127.0.0.1:5555")),
    ],
)
def test_dev_knows_where_its_pages_are(env: dict[str, str], expected: tuple[str | None, str | None]) -> None:
    """Where they listen, unless somebody has said how people reach them; not if any free port will do."""
    found = page_urls(env, flower=True, api=True)
    assert (found.get("WF_DASHBOARD_URL"), found.get("WF_FLOWER_URL")) == expected
    assert page_urls(env, flower=False, api=False) == {}


def test_the_login_of_dev_is_made_once(tmp_path: Path) -> None:
    """The next `wf dev` of a folder has the same one, and another folder has another."""
    first = flower_login({}, tmp_path / "a")
    assert flower_login({}, tmp_path / "a") == first != flower_login({}, tmp_path / "b")
    assert first.startswith("wf:")
    assert len(first) > 16


@pytest.mark.parametrize("name", ["FLOWER_BASIC_AUTH", "FLOWER_AUTH"])
def test_the_login_of_dev_gives_way(tmp_path: Path, name: str) -> None:
    """Whoever has said who may see Flower is asked for nothing else."""
    assert not flower_login({name: "me:secret"}, tmp_path)
    assert not list(tmp_path.iterdir())
