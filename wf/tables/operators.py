"""Tables of operators and the API: versions, jobs, tokens, sessions, workers, counts over time."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from wf.tables.base import metadata, moment

version = Table(
    "version",
    metadata,
    Column("workflow", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("class_name", Text, nullable=False),
    Column("module", Text, nullable=False),
    Column("settings", JSONB, nullable=False, comment="Its class keywords."),
    moment("created_at", required=True),
    moment("modified_at", required=True),
    Column("graph", JSONB, comment="The diagram of its code; null if that could not be read."),
    Column("params_schema", JSONB, comment="JSON schema of its params; null if it declares none."),
    Column(
        "event_schemas",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="JSON schemas of the payloads of its events, by type.",
    ),
    comment="What workers have told of each version of a workflow.",
)

job = Table(
    "job",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("workflow", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("filter", JSONB, nullable=False, comment="Which instances; those created before the job."),
    Column("options", JSONB, nullable=False, comment="How to do it, such as with rollback."),
    Column("actor", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'queued'")),
    Column("total", BigInteger, nullable=False, comment="Instances that matched when the job was made."),
    Column("done", BigInteger, nullable=False, server_default=text("0")),
    Column("failed", BigInteger, nullable=False, server_default=text("0")),
    Column("errors", JSONB, nullable=False, server_default=text("'[]'"), comment="The first few, with their ids."),
    Column("after_key", BigInteger, nullable=False, server_default=text("0"), comment="How far it has come."),
    Column("upto_key", BigInteger, nullable=False, comment="Where it ends: newer instances are not meant."),
    moment("lease_until"),
    moment("created_at", required=True),
    moment("started_at"),
    moment("ended_at"),
    Index("job_active", "workflow", "action", unique=True, postgresql_where=text("ended_at is null")),
    comment="Actions on many instances, done by the reaper in small batches.",
)

token = Table(
    "token",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True, comment="SHA-256; the token itself is nowhere."),
    Column("scope", Text, nullable=False, comment="read, write or admin; each holds those before it."),
    Column("workflows", ARRAY(Text), comment="Only these; null means all."),
    Column("created_by", Text, nullable=False),
    moment("created_at", required=True),
    moment("expires_at"),
    moment("used_at"),
    moment("revoked_at"),
    Index("token_name", "name", unique=True, postgresql_where=text("revoked_at is null")),
    comment="Who may use the API.",
)

session = Table(
    "session",
    metadata,
    Column("hash", LargeBinary, primary_key=True, comment="SHA-256 of the cookie."),
    Column("token", BigInteger, nullable=False, comment="Whose rights it has, for as long as that is valid."),
    Column("csrf", Text, nullable=False, comment="What forms must send along."),
    moment("created_at", required=True),
    moment("expires_at", required=True),
    Index("session_expires", "expires_at"),
    comment="Browsers that are logged in.",
)

worker = Table(
    "worker",
    metadata,
    Column("name", Text, primary_key=True, comment="Host and process."),
    Column("queue", Text, nullable=False),
    Column("pool", Text, nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("workflows", JSONB, nullable=False, comment="Names and versions."),
    Column("release", Text, nullable=False),
    moment("started_at", required=True),
    moment("seen_at", required=True),
    comment="Heartbeats of worker processes, for people to see.",
)


def _count(name: str, comment: str | None = None) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"), comment=comment)


metric = Table(
    "metric",
    metadata,
    Column(
        "span", Integer, primary_key=True, comment="Seconds of the stretch; the same facts stand in a row of each span."
    ),
    Column("workflow", Text, primary_key=True),
    Column("at", DateTime(timezone=True), primary_key=True, comment="Its beginning."),
    _count("started"),
    _count("completed"),
    _count("errored"),
    _count("steps", "Steps that have ended well."),
    _count("failed", "Attempts that have failed."),
    _count("retried", "Those of them after which the step is tried again."),
    _count("lost", "Attempts that have lost their worker."),
    Column(
        "step_times",
        ARRAY(BigInteger),
        nullable=False,
        server_default=text("'{}'"),
        comment="Histogram of the seconds of attempts that ended well.",
    ),
    Column(
        "lags",
        ARRAY(BigInteger),
        nullable=False,
        server_default=text("'{}'"),
        comment="Histogram of the seconds from when a sleep was over to when a worker took note.",
    ),
    comment="What workers have counted, by workflow and stretch of time.",
)
