"""`wf doctor` as people and programs call it: exit codes, lines, JSON; and what it says of the Celery app."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from tests.support import wait_until
from tests.support.cli import Shell
from tests.support.doctor import staff
from wf.cli import doctor as command
from wf.cli import doctorview
from wf.doctor import Finding, Level, Report, Subject
from wf.doctor.celery import fits
from wf_tasks.fitting import fitted

if TYPE_CHECKING:
    from pathlib import Path

    from celery import Celery

    from tests.support import Processes, Rig
    from wf.settings import Settings


@pytest.fixture
def shell(rig: Rig, settings: Settings) -> Shell:
    """A deployment in which all is well."""
    staff(rig)
    rig.sql("update wf.worker set seen_at = now() + interval '1 hour'")
    rig.sql("update wf.tick set ticked_at = now() + interval '1 hour'")
    return Shell(settings)


def test_when_nothing_is_wrong_it_exits_with_0(shell: Shell) -> None:
    """A line for each check, and one that says that all is well; notes are no trouble."""
    lines = shell.text("doctor").splitlines()
    assert lines[-1].startswith("Nothing is wrong; 1 note(s), "), lines
    assert lines[0].startswith("NOTE   settings of postgres: ")
    assert any(line.startswith("OK     celery: ") for line in lines)
    quick = shell.text("doctor", "--quick").splitlines()
    assert len(quick) < len(lines)
    assert not any(" celery: " in line for line in quick)


def test_real_processes_are_well(settings: Settings, processes: Processes) -> None:
    """A worker and a beat, as they start up: soon nothing is wrong any more."""
    shell = Shell(settings)
    assert shell("doctor").exit_code == 1
    processes.worker("tests.support.errands")
    processes.beat()
    wait_until(lambda: shell("doctor").exit_code == 0, 60, "nothing is wrong")


def test_when_something_is_wrong_it_exits_with_1(rig: Rig, shell: Shell) -> None:
    """What is wrong comes first, with what to do."""
    rig.sql("delete from wf.worker")
    result = shell("doctor")
    first, *_, last = result.stdout.splitlines()
    assert result.exit_code == 1
    assert first == (
        "WRONG  workers: No worker is alive: nothing runs. -> Start one: `wf worker MODULE`; if some should be there, "
        "see their logs."
    )
    assert last.startswith("1 thing is wrong; ")


def test_programs_get_json(rig: Rig, shell: Shell) -> None:
    """One document, whether something is wrong or not."""
    found = shell.json("doctor")
    assert (found["well"], found["wrong"], found["note"]) == (True, 0, 1)
    (time,) = (finding for finding in found["findings"] if finding["check"] == "postgres")
    assert time.keys() == {"level", "check", "what", "remedy", "facts"}
    assert (time["level"], time["remedy"], time["facts"]["round_trip"] > 0) == ("ok", "", True)
    result = shell("doctor", "--json", WF_LAESE="3")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["findings"][0]["remedy"] == "Did you mean WF_LEASE?"


def test_what_cannot_be_asked_at_all_exits_with_2(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are no servers to ask, or a setting has no meaning; a server that is away is wrong, and no more."""
    monkeypatch.chdir(tmp_path)
    nowhere = {"WF_DATABASE_URL": "", "WF_REDIS_URL": ""}
    assert "WF_DATABASE_URL is not set" in shell.refusal("doctor", code=2, **nowhere)
    assert "WF_LEASE" in shell.refusal("doctor", code=2, WF_LEASE="soon")
    assert shell("doctor", "--quick", WF_DATABASE_URL="").exit_code == 1
    assert shell("doctor", "--quick", WF_REDIS_URL="redis://127.0.0.1:1/0").exit_code == 1


def test_no_password_is_shown(shell: Shell) -> None:
    """Whatever the servers say of a URL."""
    urls = {
        "WF_DATABASE_URL": "postgresql://clerk:pass%40word@127.0.0.1:1/x?application_name=y",
        "WF_REDIS_URL": "redis://:pass-word@127.0.0.1:1/0",
    }
    for args in ((), ("--json",)):
        result = shell("doctor", *args, **urls)
        assert result.exit_code == 1
        assert "word" not in result.output.replace("password", "")


def test_an_app_of_a_team_is_looked_at(
    shell: Shell, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is imported from the current folder, too; its settings are checked, and one that is not there is wrong."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    source = f"from celery import Celery\napp = Celery('shop', broker={settings.redis_url!r}, set_as_current=False)\n"
    (tmp_path / "doctor_shop.py").write_text(source)
    result = shell("doctor", "--quick", "--app", "doctor_shop:app")
    assert result.exit_code == 1
    assert "global_keyprefix" in result.stdout.splitlines()[0]
    assert "WF_QUEUE_PREFIX" in result.stdout.splitlines()[0]
    assert "cannot be imported" in shell("doctor", "--quick", "--app", "doctor_nothing:app").stdout


def look(settings: Settings, conf: dict[str, Any]) -> list[Finding]:
    """What is found of our own app with other settings over its own."""
    app: Celery = command._opener(None, settings)()
    app.conf.update(conf)
    return list(fits(lambda: app, fitted, Subject(settings)))


def test_our_own_app_fits(settings: Settings) -> None:
    """As `wf worker` runs it."""
    assert [finding.level for finding in look(settings, {})] == [Level.OK]


@pytest.mark.parametrize(
    ("conf", "level", "word"),
    [
        ({"broker_transport_options": {}}, Level.WRONG, "global_keyprefix"),
        ({"broker_read_url": "redis://127.0.0.1:1/5"}, Level.WRONG, "127.0.0.1:1, database 5"),
        ({"broker_read_url": "memory://", "broker_transport": "memory"}, Level.WRONG, "memory"),
        ({"accept_content": ["yaml"]}, Level.WRONG, "JSON"),
        ({"task_always_eager": True}, Level.WRONG, "task_always_eager"),
        ({"task_time_limit": 30}, Level.WRONG, "task_time_limit is 30 s"),
        ({"task_queues": ["other"]}, Level.WRONG, ".alarm"),
        ({"beat_schedule": {"mine": {"task": "mine", "schedule": 1}}}, Level.WRONG, "beat_schedule"),
        ({"task_serializer": "yaml"}, Level.NOTE, "yaml"),
        ({"worker_prefetch_multiplier": 0}, Level.NOTE, "worker_prefetch_multiplier is 0"),
        ({"result_backend": "redis://127.0.0.1/3"}, Level.NOTE, "result_backend"),
    ],
)
def test_settings_that_hurt_are_told_of(settings: Settings, conf: dict[str, Any], level: Level, word: str) -> None:
    """Each once, with what to do if it is wrong."""
    if queues := conf.get("task_queues"):
        from kombu import Queue  # noqa: PLC0415  (which needs no broker)

        conf = {"task_queues": [Queue(name) for name in queues]}
    (found,) = look(settings, conf)
    assert (found.level, word in found.what + found.remedy) == (level, True), found
    assert found.remedy or level == Level.NOTE


def test_redelivery_that_is_too_early_is_a_note(settings: Settings) -> None:
    """As is acknowledging late; both matter only where Celery emulates acknowledgements."""
    options = {"global_keyprefix": settings.broker_prefix, "visibility_timeout": 60}
    found = look(settings, {"broker_transport_options": options, "task_acks_late": True})
    assert [(finding.level, finding.what.split()[0]) for finding in found] == [
        (Level.NOTE, "visibility_timeout"), (Level.NOTE, "task_acks_late"),
    ]  # fmt: skip
    assert look(settings, {"task_acks_late": True})[0].level == Level.OK


def test_a_terminal_gets_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What others have named is text there, and steers nothing."""
    finding = Finding(Level.WRONG, "locks", "[red]x[/red] \x1b[31m", "End it.")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr("wf.cli.show.console", partial(Console, markup=False, highlight=False, width=100))
    doctorview.show_report(Report.of([Finding(Level.OK, "size", "small"), finding], 0.25))
    text = capsys.readouterr().out
    assert text.index("locks") < text.index("size")
    assert "[red]x[/red] \\x1b[31m" in text
    assert "1 thing is wrong; 0 note(s), 1 thing(s) are well (0.2 s)." in text
