"""Settings: one frozen class, read once at each entry point from `WF_...` environment variables."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from wf.cipher import cipher_for
from wf.errors import WfError

_VISIBLE = re.compile(r"[!-~]+")


class InvalidSettings(WfError):
    """A `WF_...` variable has a value that cannot be used."""

    code = "settings.invalid"


class Settings(BaseSettings):
    """Everything that can be configured. Durations are seconds, sizes are bytes."""

    model_config = SettingsConfigDict(env_prefix="WF_", frozen=True, extra="ignore", hide_input_in_errors=True)

    database_url: str = Field(
        "", repr=False, description="Postgres, `postgresql://...`. Empty: `wf dev` starts an embedded one."
    )
    redis_url: str = Field(
        "", repr=False, description="Redis or Valkey, `redis://...`. Empty: `wf dev` starts an embedded one."
    )
    workflows: str = Field("", description="Modules that define workflows, comma-separated.")
    env: str = Field("", description="`module:function` that returns what `self.env` offers beside the workflows.")
    encryption_keys: str = Field(
        "", repr=False, description="Fernet keys, comma-separated, for payloads at rest: the first one encrypts."
    )
    api_url: str = Field(
        "", repr=False, description="A running `wf api`, for commands: then they need neither Postgres nor Redis."
    )
    api_token: str = Field("", repr=False, description="The token that commands show there.")
    hooks: str = Field("", description="A TOML file with the rules of incoming webhooks.")
    queue: str = Field("wf", description="Celery queue of the nudges.")
    key_prefix: str = Field("wf:", description="Prefix of every key in Redis.")
    queue_prefix: str | None = Field(
        None,
        description=(
            "Prefix of the queue's key in Redis, if it is not WF_KEY_PREFIX: the `global_keyprefix` of the Celery app "
            "that `wf_tasks.attach` mounts on."
        ),
    )

    redis_timeout: float = Field(0.4, gt=0, description="Seconds to wait for Redis before going on without it.")

    steps_per_task: int = Field(1, ge=1, description="Steps that one Celery task may run before it hands over.")
    lease: float = Field(30.0, gt=0, description="Seconds an attempt stays claimed without a heartbeat.")
    renudge: float = Field(30.0, gt=0, description="Seconds until the alarm repeats a nudge that had no effect.")
    alarm_tick: float = Field(1.0, gt=0, description="Seconds between two alarms.")
    alarm_batch: int = Field(
        100,
        ge=1,
        description="Instances that the alarm wakes at once, at most; the next ones when workers have taken these.",
    )
    countdown_max: float = Field(
        300.0, ge=0, description="Longest countdown held by Celery; longer waits are the alarm's."
    )
    stop_tick: float = Field(
        0.5, gt=0, description="Seconds between two looks whether a running attempt has been stopped."
    )
    reaper_tick: float = Field(5.0, gt=0, description="Seconds between two sweeps for instances to restart.")
    retention_tick: float = Field(60.0, gt=0, description="Seconds between two sweeps for instances to remove.")

    step_lines: int = Field(
        200, ge=0, le=10_000, description="Log lines of one attempt that are kept with its step; 0: none."
    )

    tracing: bool = Field(
        True, description="Spans for OpenTelemetry, in processes in which a tracer provider is set up."
    )

    max_lost: int = Field(3, ge=1, description="Lost attempts after which a step fails.")
    max_steps: int = Field(10_000, ge=1, description="Steps (`do`) in one instance.")
    max_payload: int = Field(1_048_576, ge=1, description="Bytes of one payload, result or event.")
    max_state: int = Field(1_073_741_824, ge=1, description="Bytes of all results of one instance.")
    max_wait: float = Field(31_536_000.0, gt=0, description="Seconds of one sleep, or of one wait for an event.")
    max_retries: int = Field(10_000, ge=0, description="Retries of one step.")
    max_batch: int = Field(100, ge=1, description="Instances in one `create_batch` or `delete_batch`.")
    max_schedules: int = Field(100, ge=1, description="Cron expressions of all workflows together.")
    creation_rate: float = Field(0.0, ge=0, description="Instances created or restarted per second; 0: any number.")
    workflow_creation_rate: float = Field(0.0, ge=0, description="The same, for each workflow.")
    success_retention: float = Field(
        604_800.0, gt=0, description="Seconds to keep an instance that is complete or terminated."
    )
    error_retention: float = Field(604_800.0, gt=0, description="Seconds to keep an instance that is errored.")
    api_rate: float = Field(1000.0, ge=0, description="Requests per second of one caller of the API; 0: any number.")
    api_proxies: str = Field(
        "127.0.0.1,::1",
        description=(
            "Addresses and networks of proxies, comma-separated, that the API believes who calls and whether by HTTPS "
            "(`X-Forwarded-For`, `X-Forwarded-Proto`)."
        ),
    )
    api_max_feeds: int = Field(1000, ge=1, description="Feeds that one caller of the API follows at a time.")
    api_max_pages: int = Field(50, ge=1, description="Pages of the dashboard that one caller follows at a time.")
    api_max_body: int = Field(2_097_152, ge=1, description="Bytes of one request to the API.")
    api_feed_tick: float = Field(
        0.25, gt=0, description="Seconds between two looks at the instances that feeds follow."
    )
    login_ttl: float = Field(43_200.0, gt=0, description="Seconds until a browser must log in again.")
    dashboard_url: str = Field(
        "", description="Where people reach the pages of `wf api`, for links in Flower. Empty: no links."
    )
    flower_url: str = Field("", description="Where people reach `wf flower`, for links in the pages. Empty: no links.")
    job_batch: int = Field(
        100, ge=1, description="Instances that a bulk action moves between two notes of its progress."
    )
    cache_size: int = Field(256, ge=0, description="Suspended passes that a worker process keeps.")
    pool_size: int = Field(20, ge=1, description="Postgres connections of one process at most.")

    @field_validator("encryption_keys")
    @classmethod
    def _check_keys(cls, keys: str) -> str:
        cipher_for(keys)
        return keys

    @field_validator("dashboard_url", "flower_url")
    @classmethod
    def _check_page(cls, url: str) -> str:
        """A URL to put paths behind; browsers get to see it, so it is no place for a password."""
        if not url:
            return url
        rule = "must be like https://host:port/path, without user, password, ? or #"
        try:
            parts = urlsplit(url)
            whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:  # a port that is none; the text may hold a password
            raise ValueError(rule) from None
        if not whole or "@" in parts.netloc or "?" in url or "#" in url or not _VISIBLE.fullmatch(url):
            raise ValueError(rule)
        return url.rstrip("/")

    def __init__(self, **values: Any) -> None:
        """Read the environment; `values` override it.

        Raises:
            InvalidSettings: A value cannot be used; the message names the variable.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            faults = "; ".join(
                f"WF_{'.'.join(map(str, e['loc'])).upper()}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors()
            )
            raise InvalidSettings(f"These settings cannot be used: {faults}") from None

    @property
    def broker_prefix(self) -> str:
        """What Celery's workers put before the key of every queue."""
        return self.key_prefix if self.queue_prefix is None else self.queue_prefix

    def modules(self) -> list[str]:
        """The modules to import, in order."""
        return [name.strip() for name in self.workflows.split(",") if name.strip()]
