"""A Django project in this process: configured once, with databases that each test sets."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings as django_settings
from psycopg.conninfo import conninfo_to_dict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.rig import Rig

POSTGRES = "django.db.backends.postgresql"
_SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}

if not django_settings.configured:
    django_settings.configure(
        SECRET_KEY="test",  # it protects nothing
        ALLOWED_HOSTS=["testserver"],
        DATABASES={"default": {"ENGINE": POSTGRES}, "other": {"ENGINE": POSTGRES}, "lite": _SQLITE},
        INSTALLED_APPS=[f"django.contrib.{name}" for name in ("admin", "auth", "contenttypes")] + ["wf.contrib.django"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
    )
    django.setup()

from django.db import connections, models  # noqa: E402  # only now
from django.http import HttpResponse  # noqa: E402
from django.test import override_settings  # noqa: E402
from django.urls import path  # noqa: E402

from wf.contrib.django import clients, workflow  # noqa: E402


class Note(models.Model):
    """A table of the app, beside the journal."""

    text = models.TextField(unique=True)

    class Meta:
        app_label = "wf"
        managed = False
        db_table = '"public"."note"'

    def __str__(self) -> str:
        return str(self.text)


def write(request: Any, outcome: str) -> Any:
    """A view that writes a note and creates an instance; then it may fail."""
    Note.objects.create(text=outcome)
    workflow("errand").create(outcome)
    if outcome == "fails":
        raise ZeroDivisionError
    return HttpResponse("done")


urlpatterns = [path("write/<outcome>", write)]


@contextmanager
def connected(**urls: str) -> Iterator[None]:
    """Let databases of Django's be at these URLs."""
    before = {alias: dict(connections.settings[alias]) for alias in urls}
    try:
        for alias, url in urls.items():
            set_database(alias, **{"NAME": None, **_settings_of(url)})
        yield
    finally:
        for alias, values in before.items():
            set_database(alias, **values)


@contextmanager
def site_of(rig: Rig) -> Iterator[None]:
    """Let the default database hold the journal of a rig, and a table of notes."""
    rig.sql("create table public.note (id bigint generated always as identity primary key, text text unique)")
    given = {"REDIS_URL": rig.settings.redis_url, "KEY_PREFIX": rig.settings.key_prefix, "QUEUE": rig.settings.queue}
    with connected(default=rig.settings.database_url), override_settings(WF=given):
        yield


def set_database(alias: str, **values: Any) -> None:
    """Change a database of Django's in this process, as its test runner does."""
    connections[alias].close()
    connections[alias].settings_dict.update(values)
    clients.forget(setting="DATABASES")


def _settings_of(url: str) -> dict[str, Any]:
    given = conninfo_to_dict(url)
    options = {"options": "-c search_path=public"}
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    return {**{name: given.get(key) or "" for name, key in names.items()}, "OPTIONS": options}
