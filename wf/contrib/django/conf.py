"""The settings of a Django project: `WF` in its settings module, then `WF_...` variables, then `DATABASES`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils.module_loading import module_has_submodule
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo
from sqlalchemy import URL

from wf.settings import InvalidSettings, Settings
from wf.urls import conninfo

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS = ["DATABASE", *(name.upper() for name in Settings.model_fields)]
"""What `WF` may hold: the variables without `WF_`, and the name of a database of Django's."""

_PLACES = {"user": "username", "password": "password", "host": "host", "port": "port", "dbname": "database"}
"""What has a place of its own in a URL; all else goes behind the question mark."""


def settings() -> Settings:
    """The settings: `WF["LEASE"]` is taken before `WF_LEASE` of the environment.

    The journal is at `WF["DATABASE_URL"]`, else in the database `WF["DATABASE"]` of `DATABASES`, else at
    `WF_DATABASE_URL`, else in the database `default`.

    Raises:
        InvalidSettings: A key or a value cannot be used; the message names it.
    """
    values = {key.lower(): value for key, value in _given().items()}
    alias = values.pop("database", None)
    found = Settings(**values)
    if not values.get("database_url") and (alias is not None or not found.database_url):
        found = found.model_copy(update={"database_url": url_of(alias or DEFAULT_DB_ALIAS)})
    return found


def joined_alias(found: Settings) -> str | None:
    """The database of `DATABASES` whose transactions a client of these settings joins.

    It is `WF["DATABASE"]`, or else the default one if the journal is there; None if the journal is at another place.

    Raises:
        InvalidSettings: As `settings`; or `WF["DATABASE"]` and `WF["DATABASE_URL"]` are not the same database.
    """
    if (alias := _given().get("DATABASE")) is not None:
        if _place(url_of(alias)) != _place(found.database_url):
            raise InvalidSettings(
                f"WF['DATABASE_URL'] is another database than DATABASES[{alias!r}], which WF['DATABASE'] names: a "
                f"transaction of one cannot hold what is written in the other. Leave one of the two out."
            )
        return str(alias)
    if connections[DEFAULT_DB_ALIAS].vendor != "postgresql":
        return None
    return DEFAULT_DB_ALIAS if _place(url_of(DEFAULT_DB_ALIAS)) == _place(found.database_url) else None


def url_of(alias: str) -> str:
    """The URL of one of `DATABASES`.

    Raises:
        InvalidSettings: There is no such database, or it is not Postgres.
    """
    if alias not in connections:
        raise InvalidSettings(f"WF['DATABASE'] is {alias!r}; DATABASES has {', '.join(connections)}.")
    connection = connections[alias]
    if connection.vendor != "postgresql":
        raise InvalidSettings(
            f"DATABASES[{alias!r}] is not Postgres ({connection.vendor}), so the journal cannot be there: set "
            f"WF['DATABASE'] to the name of one that is, or WF['DATABASE_URL']."
        )
    try:
        params = connection.get_connection_params()
    except ImproperlyConfigured as error:
        raise InvalidSettings(f"DATABASES[{alias!r}] cannot be used: {error}") from None
    # What libpq knows; the rest is Django's own and psycopg's. Both set the encoding themselves.
    known = {option.keyword.decode() for option in Conninfo.get_defaults()} - {"client_encoding"}
    return _url({name: str(value) for name, value in params.items() if name in known and value not in (None, "")})


def modules(found: Settings) -> list[str]:
    """The modules of workflows: `workflows` of each installed app that has one, and those of `WF_WORKFLOWS`."""
    own = [f"{app.name}.workflows" for app in apps.get_app_configs() if module_has_submodule(app.module, "workflows")]
    return list(dict.fromkeys([*own, *found.modules()]))


def variables() -> dict[str, str | None]:
    """The settings as `WF_...` variables, for commands that read these: one snapshot, with all modules of workflows.

    Returns:
        None stands for a variable that must not be set.

    Raises:
        InvalidSettings: As `settings`.
    """
    found = settings()
    values = found.model_dump() | {"workflows": ",".join(modules(found))}
    return {f"WF_{name.upper()}": None if value is None else str(value) for name, value in values.items()}


def _given() -> Mapping[str, Any]:
    given = getattr(django_settings, "WF", {})
    if not isinstance(given, dict):
        raise InvalidSettings(f"WF in the Django settings must be a dict, not {type(given).__name__}.")
    for key in given:
        if key not in KEYS:
            near = get_close_matches(str(key).upper().removeprefix("WF_"), KEYS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise InvalidSettings(f"WF in the Django settings has an unknown key {key!r:.120}.{hint}")
    return given


def _url(params: dict[str, str]) -> str:
    place = params.get("host", "") + params.get("port", "")
    # A socket's folder, or several hosts, cannot stand where a host stands.
    behind = {"host", "port"} if "/" in place or "," in place else set()
    parts: dict[str, Any] = {
        part: params.pop(name) for name, part in _PLACES.items() if name in params and name not in behind
    }
    if "port" in parts:
        parts["port"] = int(parts["port"])
    return conninfo(URL.create("postgresql", **parts, query=params).render_as_string(hide_password=False))


def _place(url: str) -> tuple[Any, ...]:
    """Which database a URL means; who logs in makes no difference."""
    params = conninfo_to_dict(conninfo(url))
    return params.get("host"), params.get("port") or "5432", params.get("dbname"), params.get("service")
