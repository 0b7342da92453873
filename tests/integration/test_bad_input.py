"""Bad input: each a clear error that names the thing and the remedy, and nothing half-written."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.errands import Errand, by_name
from wf import (
    Client,
    InvalidEventType,
    InvalidInstanceId,
    PayloadTooLarge,
    SerializationError,
    WorkflowNotFound,
)
from wf.errors import BrokerUnavailable, JournalUnavailable
from wf.listing import InvalidQuery
from wf.settings import InvalidSettings, Settings

if TYPE_CHECKING:
    from tests.support import Rig

SECRET = "hunter2"


def nothing_written(rig: Rig) -> bool:
    """Whether there is neither an instance, nor a payload, nor an event, nor a message."""
    counts = (
        "select (select count(*) from wf.instance), (select count(*) from wf.payload), (select count(*) from wf.event)"
    )
    return rig.sql(counts) == [(0, 0, 0)] and rig.queued() == 0


def test_an_unknown_workflow_is_refused_with_the_name_that_was_meant(rig: Rig) -> None:
    """The error lists what is known and guesses what was meant."""
    rig.workers[0].catalog.register(Errand)
    with pytest.raises(WorkflowNotFound, match=r"no workflow 'erand'\. Did you mean 'errand'") as caught:
        rig.client.workflow("erand").create("r-17")
    error = caught.value
    assert (error.name, error.known, error.code) == ("erand", ["errand"], "workflow.not_found")
    with pytest.raises(WorkflowNotFound, match="Known workflows: 'errand'"):
        rig.client.workflow("zzz").list()
    assert nothing_written(rig)


def test_of_many_workflows_the_error_says_how_many_it_does_not_name() -> None:
    """The list of what is known is cut after ten names, and says so."""
    text = str(WorkflowNotFound("zzz", [f"w{number}" for number in range(12)]))
    assert text.endswith("'w7', and 2 more.")


def test_without_any_worker_the_error_says_to_start_one(rig: Rig) -> None:
    """A journal that knows no workflow at all is most likely one without workers."""
    with pytest.raises(WorkflowNotFound, match="none; start a worker with its module first"):
        rig.client.workflow("errand-of-nobody").create()


@pytest.mark.parametrize("name", ["", "a b", "a\0", "x" * 65])
def test_a_name_that_no_workflow_can_have_is_not_found(rig: Rig, name: str) -> None:
    """It does not even reach the statements of the journal."""
    rig.workers[0].catalog.register(Errand)
    with pytest.raises(WorkflowNotFound, match="Known workflows: 'errand'"):
        rig.client.workflow(name)


@pytest.mark.parametrize("thing", [None, 7, int, Errand.run])
def test_something_else_than_a_workflow_is_refused(rig: Rig, thing: Any) -> None:
    """The error says what may be passed, and what it got."""
    with pytest.raises(TypeError, match="takes the name or the class of a workflow, not "):
        rig.client.workflow(thing)


@pytest.mark.parametrize("id", ["", "-r", "a b", "a/b", "a.b", "é", "x" * 101, "a\n", "a\0", 17, b"r", None.__class__])
def test_a_bad_instance_id_is_refused(rig: Rig, id: Any) -> None:
    """The error shows the id and the rule, and nothing is created."""
    with pytest.raises(InvalidInstanceId, match="1 to 100 letters, digits, '-' or '_'") as caught:
        rig.client.workflow(Errand).create(id)
    assert (caught.value.id, caught.value.code) == (id, "instance.invalid_id")
    assert nothing_written(rig)


@pytest.mark.parametrize("id", ["r", "_r", "R-17_b", "0", "x" * 100])
def test_every_id_within_the_rule_is_taken(rig: Rig, id: str) -> None:
    """Ids at the edges of the rule work."""
    assert rig.client.workflow(Errand).create(id).status().status == "queued"


def test_params_that_are_too_large_are_refused(rig: Rig) -> None:
    """The error names size, limit and setting; a payload just below the limit is taken."""
    small = rig.settings.model_copy(update={"max_payload": 1_000})
    with Client(settings=small) as client:
        with pytest.raises(
            PayloadTooLarge, match=r"The payload is 1,1\d\d bytes; the limit is 1,000 \(WF_MAX_PAYLOAD\)"
        ) as e:
            client.workflow(Errand).create("r-17", {"text": "x" * 1_100})
        assert (e.value.limit, e.value.code) == (1_000, "payload.too_large")
        assert nothing_written(rig)
        client.workflow(Errand).create("r-17", {"text": "x" * 900})


def test_params_that_cannot_be_stored_are_refused(rig: Rig) -> None:
    """The error names the path to the value."""
    with pytest.raises(SerializationError, match=r"\$\.files\[1\]\.handle") as caught:
        rig.client.workflow(Errand).create("r-17", {"files": [1, {"handle": object()}]})
    assert caught.value.path == "$.files[1].handle"
    assert nothing_written(rig)


def test_a_bad_event_is_refused_and_the_instance_waits_on(rig: Rig) -> None:
    """Type, size, content and event_id of an event are checked before anything is written."""
    instance = rig.create(Errand, params={"do": "wait"})
    rig.settle()
    before = rig.sql("select rev, inbox, due_at from wf.instance")
    for type in ("", "a.b", "-go", "x" * 101, 7, None):
        with pytest.raises(InvalidEventType, match="a dot is not allowed"):
            instance.send_event(type)  # type: ignore[arg-type]  # what it is about
    with pytest.raises(PayloadTooLarge, match="payload of event 'go'"):
        instance.send_event("go", "x" * 2_000_000)
    with pytest.raises(SerializationError, match=r"\$\.f"):
        instance.send_event("go", {"f": object()})
    for event_id in ("", "a\0", "x" * 201, 7):
        with pytest.raises(ValueError, match=r"event_id .* use 1 to 200 printable characters"):
            instance.send_event("go", event_id=event_id)  # type: ignore[arg-type]  # what it is about
    assert rig.sql("select rev, inbox, due_at from wf.instance") == before
    assert rig.sql("select count(*) from wf.event") == [(0,)]
    assert rig.queued() == 0


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"limit": 0}, "limit must be a whole number from 1 to 100, not 0"),
        ({"limit": 101}, "from 1 to 100, not 101"),
        ({"limit": True}, "not True"),
        ({"limit": "20"}, "not '20'"),
        ({"status": "runing"}, "no status 'runing'. Valid statuses are: queued, running"),
        ({"cursor": "abc"}, "cursor 'abc' is not one that a list has given"),
        ({"cursor": "-1"}, "cursor '-1'"),
        ({"cursor": 7}, "cursor 7"),
        ({"cursor": "9" * 5000}, "cursor '9999"),
        ({"cursor": "٣"}, "cursor '٣'"),
        ({"since": "2026-01-01"}, "since must be a datetime, not '2026-01-01'"),
        ({"until": 5}, "until must be a datetime, not 5"),
        ({"since": datetime(1, 1, 1)}, "since 0001-01-01 00:00:00 is beyond the times that can be compared"),  # noqa: DTZ001  # as a caller may
    ],
)
def test_a_list_that_makes_no_sense_is_refused(rig: Rig, filters: dict[str, Any], message: str) -> None:
    """The error names the argument, its value and what would be right."""
    with pytest.raises(InvalidQuery, match=message):
        by_name(rig, Errand).list(**filters)


def test_no_cursor_is_too_far(rig: Rig) -> None:
    """A cursor is only a place: behind the first one everything is older, before the last one nothing is."""
    rig.create(Errand)
    page = rig.client.workflow(Errand).list(cursor="9" * 30)
    assert [entry.id for entry in page] == ["i-1"]
    assert list(rig.client.workflow(Errand).list(cursor="0")) == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "set WF_DATABASE_URL=postgresql://"),
        ("nonsense", "cannot be read as postgresql://"),
        (f"postgresql://u:{SECRET}@host:port/db", "cannot be read as postgresql://"),
        (f"postgresql://u:half@{SECRET}@localhost:1/db", "write %40 for the one in the password"),
        (f"postgresql://u:{SECRET}", "cannot be read as postgresql://"),
        (f"mysql://u:{SECRET}@host/db", "must begin with postgresql://, not mysql://"),
        (f"postgresql://u:{SECRET}@localhost:1/db?sslmode=perhaps", "sslmode"),
        (f"postgresql://u:{SECRET}@localhost:1/db?flavour=vanilla", "flavour"),
    ],
)
def test_a_bad_database_url_is_refused_without_its_password(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, url: str, message: str
) -> None:
    """The error says what is wrong with it and which variable to set; no secret is in any text of the error."""
    monkeypatch.delenv("WF_DATABASE_URL", raising=False)
    with pytest.raises(JournalUnavailable, match=message) as caught:
        Client(url, redis_url).workflow(Errand).create("r-17")
    assert "WF_DATABASE_URL" in str(caught.value)
    assert no_secret_in(caught.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "set WF_REDIS_URL=redis://"),
        ("nonsense", "cannot be read as redis://"),
        (f"http://u:{SECRET}@host", "cannot be read as redis://"),
        (f"redis://:{SECRET}@host:port/0", "cannot be read as redis://"),
        (f"redis://:{SECRET}#x@host:6379/0", "cannot be read as redis://"),
    ],
)
def test_a_bad_redis_url_is_refused_without_its_password(
    database_url: str, monkeypatch: pytest.MonkeyPatch, url: str, message: str
) -> None:
    """The same for Redis."""
    monkeypatch.delenv("WF_REDIS_URL", raising=False)
    with pytest.raises(BrokerUnavailable, match=message) as caught:
        Client(database_url, url)
    assert "WF_REDIS_URL" in str(caught.value)
    assert no_secret_in(caught.value)


def no_secret_in(error: BaseException) -> bool:
    """Whether neither the error nor what a traceback would show beside it holds the password."""
    shown = [error, error.__cause__, None if error.__suppress_context__ else error.__context__]
    return not any(SECRET in f"{one} {one!r}" for one in shown)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WF_LEASE", "soon"),
        ("WF_LEASE", "0"),
        ("WF_STEPS_PER_TASK", "0"),
        ("WF_STEPS_PER_TASK", "1.5"),
        ("WF_MAX_PAYLOAD", "1MB"),
        ("WF_ALARM_TICK", "-1"),
        ("WF_POOL_SIZE", ""),
    ],
)
def test_a_bad_setting_names_its_variable(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """The error names the variable and what is wrong with it."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSettings, match=f"cannot be used: {variable}: Input should be") as caught:
        Settings()
    assert caught.value.code == "settings.invalid"


def test_a_client_takes_its_urls_from_the_environment(
    rig: Rig, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without arguments WF_DATABASE_URL and WF_REDIS_URL count."""
    monkeypatch.setenv("WF_DATABASE_URL", database_url)
    monkeypatch.setenv("WF_REDIS_URL", redis_url)
    monkeypatch.setenv("WF_QUEUE", rig.settings.queue)
    monkeypatch.setenv("WF_KEY_PREFIX", rig.settings.key_prefix)
    with Client() as client:
        client.workflow(Errand).create("r-17")
    assert rig.sql("select id from wf.instance") == [("r-17",)]
    assert rig.queued() == 1
