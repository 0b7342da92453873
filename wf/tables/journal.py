"""Tables of the engine: what instances are, and what has happened to them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from wf.status import LIVE
from wf.tables.base import metadata, moment

workflow = Table(
    "workflow",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Text, nullable=False, comment="What a new instance gets: the newest version registered."),
    Column("versions", JSONB, nullable=False, server_default=text("'{}'"), comment="Version to when it registered."),
    Column("settings", JSONB, nullable=False, server_default=text("'{}'"), comment="Class keywords, for readers."),
    Column("concurrency", Integer, comment="How many instances may run at once; null means any number."),
    moment("created_at", required=True),
    moment("modified_at", required=True),
    Column(
        "overrides", JSONB, nullable=False, server_default=text("'{}'"), comment="What operators set over the class."
    ),
    Column("breaker", JSONB, comment="The last change of its breaker; null means closed."),
)

instance = Table(
    "instance",
    metadata,
    Column("key", BigInteger, Identity(always=True), primary_key=True, comment="What messages carry."),
    Column("workflow", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'queued'")),
    Column("trigger", Text, nullable=False, server_default=text("'binding'")),
    Column("generation", Integer, nullable=False, server_default=text("1"), comment="Grows at each restart."),
    Column("rev", BigInteger, nullable=False, server_default=text("0"), comment="Grows with each journaled fact."),
    Column("seq", Integer, nullable=False, server_default=text("0"), comment="The last step row's number."),
    Column("inbox", Integer, nullable=False, server_default=text("0"), comment="Accepted events not yet consumed."),
    Column("nudges", Integer, nullable=False, server_default=text("0"), comment="Alarms since the last progress."),
    Column("restarts", Integer, nullable=False, server_default=text("0"), comment="Restarts by the reaper."),
    Column(
        "restart_from_start", Boolean, nullable=False, server_default=text("false"), comment="Else from what failed."
    ),
    Column("started_rev", BigInteger, comment="The first fact after the start of `run`."),
    Column("last_rev", BigInteger, comment="The fact after which `run` ended; later ones had no part in it."),
    Column("ends_as", Text, comment="What a rollback ends in: errored or terminated."),
    Column("size", BigInteger, nullable=False, server_default=text("0"), comment="Bytes of results kept."),
    Column("keep_success", Float, comment="Seconds to keep it after a good end; null means the setting."),
    Column("keep_error", Float, comment="Seconds to keep it after an error; null means the setting."),
    Column("queue_class", SmallInteger, comment="0 if it came back, 1 if it never ran: who gets a free slot first."),
    moment("queued_at"),
    moment("due_at"),
    moment("restart_at"),
    moment("expire_at"),
    moment("created_at", required=True),
    moment("started_at"),
    moment("paused_at"),
    moment("ended_at"),
    CheckConstraint(
        f"(due_at is not null) = (status in ({', '.join(repr(str(s)) for s in sorted(LIVE))}))", name="live_is_due"
    ),
    Index("instance_id", "workflow", "id", unique=True),
    Index("instance_newest", "workflow", "key"),
    Index("instance_status", "workflow", "status", "key"),
    Index("instance_due", "due_at", postgresql_where=text("due_at is not null")),
    Index("instance_restart", "restart_at", postgresql_where=text("restart_at is not null")),
    Index("instance_expire", "expire_at", postgresql_where=text("expire_at is not null")),
    Index(
        "instance_queue", "workflow", "queue_class", "queued_at", "key", postgresql_where=text("queued_at is not null")
    ),
    postgresql_with={"fillfactor": "70"},
)

payload = Table(
    "payload",
    metadata,
    Column("instance", BigInteger, primary_key=True),
    Column("params", LargeBinary, nullable=False),
    Column("output", LargeBinary),
    Column("error", LargeBinary),
    Column("warnings", JSONB),
    Column("schedule", JSONB, comment="Which firing of a schedule created it."),
    Column("rollback", JSONB, comment="What its rollback came to."),
    Column("seed", Uuid, nullable=False, server_default=text("gen_random_uuid()"), comment="Of random() and uuid4()."),
    comment="The big values of an instance, apart from its hot row; written and deleted with it, so no foreign key.",
)

step = Table(
    "step",
    metadata,
    Column("instance", BigInteger, primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("seq", Integer, primary_key=True, comment="In the order in which `run` asked."),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("config", JSONB, comment="First-used configuration; null means the defaults."),
    Column("attempt", Integer, nullable=False, comment="Attempts begun."),
    Column("lost", Integer, nullable=False, comment="Attempts that lost their worker."),
    Column("lease", Uuid, comment="Token of the running attempt."),
    Column("worker", Text),
    Column("output", LargeBinary),
    Column("error", LargeBinary),
    Column("details", LargeBinary, comment="What the last heartbeat told."),
    Column("started_rev", BigInteger, nullable=False),
    Column("attempt_rev", BigInteger, comment="When the last attempt began."),
    Column("rev", BigInteger, nullable=False, comment="The last fact about this row."),
    moment("wake_at"),
    moment("started_at", required=True),
    moment("attempt_at"),
    moment("ended_at"),
    postgresql_with={"fillfactor": "80"},
    comment="The journal: one row a step. No foreign key: it is written at every step and deleted with its instance.",
)

attempt = Table(
    "attempt",
    metadata,
    Column("instance", BigInteger, primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("outcome", Text, nullable=False, comment="errored or lost."),
    Column("error", LargeBinary),
    Column("worker", Text),
    Column("started_rev", BigInteger),
    Column("rev", BigInteger, nullable=False),
    moment("started_at"),
    moment("ended_at", required=True),
    moment("retry_at"),
    Index("attempt_lost", "ended_at", postgresql_where=text("outcome = 'lost'")),
    comment="Failed and lost attempts. A first-try success needs no row.",
)

line = Table(
    "line",
    metadata,
    Column("instance", BigInteger, primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("level", SmallInteger, nullable=False, comment="As Python's logging numbers it."),
    Column("logger", Text, nullable=False),
    Column("message", LargeBinary, nullable=False),
    comment="What attempts have logged; so many lines of each. Deleted with their instance.",
)

event = Table(
    "event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("instance", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("event_id", Text, comment="The sender's own id, to send twice and count once."),
    Column("consumed_by", Integer, comment="Seq of the wait that took it."),
    moment("accepted_at", required=True),
    Index("event_instance", "instance", "id"),
    Index("event_sender", "instance", "event_id", unique=True, postgresql_where=text("event_id is not null")),
)

transition = Table(
    "transition",
    metadata,
    Column("instance", BigInteger, primary_key=True),
    Column("rev", BigInteger, primary_key=True),
    Column("status", Text, nullable=False),
    moment("at", required=True),
    comment="Changes of status that no other row tells of: parked, woken, paused, resumed, restarted. For the feed.",
)

slot = Table(
    "slot",
    metadata,
    Column("workflow", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("instance", BigInteger, comment="Who holds it; null if it is free."),
    moment("taken_at"),
    Index("slot_instance", "instance", postgresql_where=text("instance is not null")),
    comment="One row for each instance of a workflow that may run at once.",
)

schedule = Table(
    "schedule",
    metadata,
    Column("workflow", Text, primary_key=True),
    Column("cron", Text, primary_key=True),
    moment("next_at", required=True),
    moment("last_at"),
    Index("schedule_next", "next_at"),
    comment="When each workflow's schedules fire next.",
)

tick = Table(
    "tick",
    metadata,
    Column("name", Text, primary_key=True),
    moment("ticked_at", required=True),
    comment="When the alarm last ran, so that any worker notices when it does not.",
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("workflow", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    moment("at", required=True),
    Index("audit_instance", "workflow", "instance", "id"),
)
