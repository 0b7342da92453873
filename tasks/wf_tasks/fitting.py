"""Whether a Celery app and our settings fit each other, so that nudges arrive where its workers look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kombu.serialization import prepare_accept_content
from kombu.transport.redis import SentinelTransport, Transport
from redis.connection import parse_url

from wf.settings import InvalidSettings, Settings
from wf.urls import redis_url

if TYPE_CHECKING:
    from celery import Celery


def fitted(app: Celery, settings: Settings) -> Settings:
    """The settings with which workers of this app run workflows: with its broker's URL if they name none.

    Raises:
        InvalidSettings: They do not fit the app; the text says what to set.
    """
    broker, name = app.connection_for_read(), f"The Celery app {app.main or app!r}"
    kind = broker.get_transport_cls()
    if not issubclass(kind, Transport) or issubclass(kind, SentinelTransport):
        raise InvalidSettings(
            f"{name} has a broker of {broker.transport_cls}://, but nudges go straight to Redis: its broker_url must "
            f"be redis://, rediss:// or redis+socket://. With any other broker, run workflows by `wf worker`."
        )
    found = (broker.transport_options or {}).get("global_keyprefix", "")
    if found != settings.broker_prefix:
        raise InvalidSettings(
            f"{name} has the global_keyprefix {found!r}, but nudges go to the key "
            f"{settings.broker_prefix + settings.queue!r}, where its workers do not look. "
            f'Set WF_QUEUE_PREFIX="{found}" for workers and clients.'
        )
    accepted = prepare_accept_content(app.conf.accept_content)
    if accepted is not None and "application/json" not in accepted:
        raise InvalidSettings(
            f"{name} refuses JSON, and nudges are JSON: add 'json' to accept_content ({app.conf.accept_content})."
        )
    return _with_url(broker, settings, name)


def _with_url(broker: Any, settings: Settings, name: str) -> Settings:
    """The settings with a URL of Redis that is the broker's."""
    if len(broker.alt) > 1:
        raise InvalidSettings(f"{name} has {len(broker.alt)} brokers, but nudges go to one: name one in broker_url.")
    url = broker.as_uri(include_password=True)
    if not settings.redis_url:
        if broker.ssl:
            raise InvalidSettings(
                f"{name} reaches its broker by TLS, whose options cannot be taken over: "
                "set WF_REDIS_URL=rediss://... for workers and clients."
            )
        return settings.model_copy(update={"redis_url": redis_url(url)})
    if _place(url) != _place(settings.redis_url):
        raise InvalidSettings(
            f"{name} has its broker at {_shown(url)}, but WF_REDIS_URL is {_shown(settings.redis_url)}: nudges would "
            "arrive where its workers do not look. Set WF_REDIS_URL to the app's broker, for workers and clients."
        )
    return settings


def _place(url: str) -> tuple[str, int, int]:
    """Which Redis a URL means: host or socket, port, and number of the database."""
    parts: Any = parse_url(redis_url(url).replace("rediss://", "redis://"))  # type: ignore[no-untyped-call]
    host = parts.get("path") or parts.get("host") or "localhost"
    return ("127.0.0.1" if host == "localhost" else host, parts.get("port", 6379), parts.get("db", 0))


def _shown(url: str) -> str:
    """A URL without what may be secret."""
    host, port, db = _place(url)
    return f"{host}, database {db}" if host.startswith("/") else f"{host}:{port}, database {db}"
