"""wf.contrib.django: what the settings of a project come to, and what `check` says of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings as django_settings
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import override_settings
from psycopg.conninfo import conninfo_to_dict

from tests.support.django_site import connected, set_database, site_of
from wf.cli import main
from wf.contrib.django import client, conf
from wf.contrib.django import settings as wf_settings
from wf.errors import WfError
from wf.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Rig


@pytest.fixture
def site(rig: Rig) -> Iterator[Rig]:
    """A Django project whose default database holds the journal."""
    with site_of(rig):
        yield rig


@pytest.mark.parametrize(
    ("given", "params"),
    [
        (
            {"NAME": "my db?", "USER": "a b", "PASSWORD": "p@:/+ %é'?#", "HOST": "db.example.org", "PORT": 5433},
            {"dbname": "my db?", "user": "a b", "password": "p@:/+ %é'?#", "host": "db.example.org", "port": "5433"},
        ),
        (
            {"NAME": "shop", "HOST": "/var/run/post gres", "PORT": "5433", "USER": "me"},
            {"dbname": "shop", "host": "/var/run/post gres", "port": "5433", "user": "me"},
        ),
        ({"NAME": "shop"}, {"dbname": "shop"}),
        ({"NAME": "shop", "HOST": "::1"}, {"dbname": "shop", "host": "::1"}),
        (
            {"NAME": "shop", "HOST": "a,b", "PORT": "1,2", "OPTIONS": {"target_session_attrs": "read-write"}},
            {"dbname": "shop", "host": "a,b", "port": "1,2", "target_session_attrs": "read-write"},
        ),
        (
            {"NAME": "", "OPTIONS": {"service": "shop", "pool": False, "isolation_level": 2, "prepare_threshold": 1}},
            {"service": "shop"},
        ),
        (
            {"NAME": "shop", "OPTIONS": {"options": "-c search_path=a,b -c x.y=1+1", "sslmode": "require"}},
            {"dbname": "shop", "options": "-c search_path=a,b -c x.y=1+1", "sslmode": "require"},
        ),
    ],
    ids=["quoted", "socket", "bare", "ipv6", "several hosts", "service", "options"],
)
def test_a_database_of_djangos_becomes_a_url_that_means_the_same(given: dict[str, Any], params: dict[str, str]) -> None:
    """Whatever stands in DATABASES, libpq reads the same out of the URL; what is Django's own is left out."""
    empty: dict[str, Any] = {"NAME": "", "USER": "", "PASSWORD": "", "HOST": "", "PORT": "", "OPTIONS": {}}
    before = dict(connections.settings["other"])
    try:
        set_database("other", **(empty | given))
        assert conninfo_to_dict(conf.url_of("other")) == params
    finally:
        set_database("other", **before)


def test_the_dict_comes_before_the_environment(site: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """WF wins over WF_..., a variable counts where WF says nothing, and a URL wins over DATABASES."""
    monkeypatch.setenv("WF_LEASE", "11")
    monkeypatch.setenv("WF_POOL_SIZE", "3")
    with override_settings(WF={"LEASE": 12}):
        assert (wf_settings().lease, wf_settings().pool_size) == (12.0, 3)
        assert wf_settings().database_url == conf.url_of("default")
        monkeypatch.setenv("WF_DATABASE_URL", "postgresql://env/journal")
        assert wf_settings().database_url == "postgresql://env/journal"
    with override_settings(WF={"DATABASE_URL": "postgresql://dict/journal"}):
        assert wf_settings().database_url == "postgresql://dict/journal"
    with override_settings(WF={"DATABASE": "default"}):
        assert wf_settings().database_url == conf.url_of("default")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"LAESE": 1}, r"unknown key 'LAESE'. Did you mean 'LEASE'"),
        ({"WF_LEASE": 1}, r"unknown key 'WF_LEASE'. Did you mean 'LEASE'"),
        ({"lease": 1}, r"unknown key 'lease'. Did you mean 'LEASE'"),
        ({"LEASE": -1}, "WF_LEASE: Input should be greater than 0"),
        ({"REDIS_URL": None}, "WF_REDIS_URL: Input should be a valid string"),
        ({"DATABASE": "nowhere"}, r"WF\['DATABASE'\] is 'nowhere'; DATABASES has default, other, lite"),
        ({"DATABASE": "lite"}, r"DATABASES\['lite'\] is not Postgres \(sqlite\)"),
        (
            {"DATABASE": "default", "DATABASE_URL": "postgresql://db/x"},
            r"is another database than DATABASES\['default'\]",
        ),
        ({"DATABASE_URL": "mysql://secret@x/y"}, "WF_DATABASE_URL must begin with postgresql://"),
        ([("LEASE", 1)], "must be a dict, not list"),
    ],
)
def test_check_names_what_cannot_be_used(site: Rig, given: Any, told: str) -> None:
    """`manage.py check` has one error of ours, which names the key; and whoever asks for the settings gets the same."""
    with override_settings(WF=given):
        (error,) = run_checks(tags=["wf"])
        assert error.id == "wf.E001"
        with pytest.raises(WfError, match=told) as caught:
            client()
        assert error.msg == str(caught.value)
    assert run_checks(tags=["wf"]) == []


@pytest.mark.parametrize("given", [{}, {"QUEUE_PREFIX": ""}, {"QUEUE_PREFIX": "app:"}, {"QUEUE_PREFIX": None}])
def test_workers_get_the_settings_that_clients_have(
    site: Rig, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    """All of them, those that are not set too: else a worker would listen where nobody speaks."""
    found: list[Settings] = []
    monkeypatch.setenv("WF_QUEUE_PREFIX", "environment:")
    monkeypatch.setattr(main, "main", lambda *_, **__: found.append(Settings()))
    with override_settings(WF=django_settings.WF | given):
        call_command("wf", "worker")
        assert [made.model_dump(exclude={"workflows"}) for made in found] == [
            wf_settings().model_dump(exclude={"workflows"})
        ]
        assert found[0].broker_prefix == client().settings.broker_prefix
        assert found[0].modules() == conf.modules(wf_settings())
    assert os.environ["WF_QUEUE_PREFIX"] == "environment:"


def test_call_command_runs_a_command_and_leaves_the_environment_alone(
    site: Rig, empty_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A project's tests can migrate the journal; a failure is Django's CommandError."""
    monkeypatch.setenv("WF_LEASE", "17")
    before = dict(os.environ)
    with connected(default=empty_database_url):
        with pytest.raises(CommandError):
            call_command("wf", "instances", "list", "errand")
        with pytest.raises(CommandError, match="No such command"):
            call_command("wf", "nonsense")
        call_command("wf", "migrate")
        call_command("wf", "list", "--json")
    assert "up to date" in capsys.readouterr().out
    assert dict(os.environ) == before
