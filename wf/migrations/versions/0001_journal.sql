CREATE TABLE wf.attempt (
    instance BIGINT NOT NULL,
    generation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    error BYTEA,
    worker TEXT,
    started_rev BIGINT,
    rev BIGINT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    retry_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (instance, generation, seq, attempt)
);

COMMENT ON TABLE wf.attempt IS 'Failed and lost attempts. A first-try success needs no row.';

COMMENT ON COLUMN wf.attempt.outcome IS 'errored or lost.';

CREATE TABLE wf.audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    workflow TEXT NOT NULL,
    instance TEXT NOT NULL,
    detail JSONB DEFAULT '{}' NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX audit_instance ON wf.audit (workflow, instance, id);

CREATE TABLE wf.event (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    instance BIGINT NOT NULL,
    type TEXT NOT NULL,
    payload BYTEA NOT NULL,
    event_id TEXT,
    consumed_by INTEGER,
    accepted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX event_instance ON wf.event (instance, id);

CREATE UNIQUE INDEX event_sender ON wf.event (instance, event_id) WHERE event_id is not null;

COMMENT ON COLUMN wf.event.event_id IS 'The sender''s own id, to send twice and count once.';

COMMENT ON COLUMN wf.event.consumed_by IS 'Seq of the wait that took it.';

CREATE TABLE wf.instance (
    key BIGINT GENERATED ALWAYS AS IDENTITY,
    workflow TEXT NOT NULL,
    id TEXT NOT NULL,
    version TEXT NOT NULL,
    status TEXT DEFAULT 'queued' NOT NULL,
    trigger TEXT DEFAULT 'binding' NOT NULL,
    generation INTEGER DEFAULT 1 NOT NULL,
    rev BIGINT DEFAULT 0 NOT NULL,
    seq INTEGER DEFAULT 0 NOT NULL,
    inbox INTEGER DEFAULT 0 NOT NULL,
    nudges INTEGER DEFAULT 0 NOT NULL,
    restarts INTEGER DEFAULT 0 NOT NULL,
    restart_from_start BOOLEAN DEFAULT false NOT NULL,
    started_rev BIGINT,
    last_rev BIGINT,
    ends_as TEXT,
    size BIGINT DEFAULT 0 NOT NULL,
    keep_success FLOAT,
    keep_error FLOAT,
    queue_class SMALLINT,
    queued_at TIMESTAMP WITH TIME ZONE,
    due_at TIMESTAMP WITH TIME ZONE,
    restart_at TIMESTAMP WITH TIME ZONE,
    expire_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    paused_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (key),
    CONSTRAINT live_is_due CHECK ((due_at is not null) = (status in ('queued', 'rollingBack', 'running', 'waiting', 'waitingForPause')))
)
 WITH (fillfactor = 70);

CREATE INDEX instance_due ON wf.instance (due_at) WHERE due_at is not null;

CREATE INDEX instance_expire ON wf.instance (expire_at) WHERE expire_at is not null;

CREATE UNIQUE INDEX instance_id ON wf.instance (workflow, id);

CREATE INDEX instance_newest ON wf.instance (workflow, key);

CREATE INDEX instance_queue ON wf.instance (workflow, queue_class, queued_at, key) WHERE queued_at is not null;

CREATE INDEX instance_restart ON wf.instance (restart_at) WHERE restart_at is not null;

COMMENT ON COLUMN wf.instance.key IS 'What messages carry.';

COMMENT ON COLUMN wf.instance.generation IS 'Grows at each restart.';

COMMENT ON COLUMN wf.instance.rev IS 'Grows with each journaled fact.';

COMMENT ON COLUMN wf.instance.seq IS 'The last step row''s number.';

COMMENT ON COLUMN wf.instance.inbox IS 'Accepted events not yet consumed.';

COMMENT ON COLUMN wf.instance.nudges IS 'Alarms since the last progress.';

COMMENT ON COLUMN wf.instance.restarts IS 'Restarts by the reaper.';

COMMENT ON COLUMN wf.instance.restart_from_start IS 'Else from what failed.';

COMMENT ON COLUMN wf.instance.started_rev IS 'The first fact after the start of `run`.';

COMMENT ON COLUMN wf.instance.last_rev IS 'The fact after which `run` ended; later ones had no part in it.';

COMMENT ON COLUMN wf.instance.ends_as IS 'What a rollback ends in: errored or terminated.';

COMMENT ON COLUMN wf.instance.size IS 'Bytes of results kept.';

COMMENT ON COLUMN wf.instance.keep_success IS 'Seconds to keep it after a good end; null means the setting.';

COMMENT ON COLUMN wf.instance.keep_error IS 'Seconds to keep it after an error; null means the setting.';

COMMENT ON COLUMN wf.instance.queue_class IS '0 if it came back, 1 if it never ran: who gets a free slot first.';

CREATE TABLE wf.payload (
    instance BIGSERIAL NOT NULL,
    params BYTEA NOT NULL,
    output BYTEA,
    error BYTEA,
    warnings JSONB,
    schedule JSONB,
    rollback JSONB,
    seed UUID DEFAULT gen_random_uuid() NOT NULL,
    PRIMARY KEY (instance)
);

COMMENT ON TABLE wf.payload IS 'The big values of an instance, apart from its hot row; written and deleted with it, so no foreign key.';

COMMENT ON COLUMN wf.payload.schedule IS 'Which firing of a schedule created it.';

COMMENT ON COLUMN wf.payload.rollback IS 'What its rollback came to.';

COMMENT ON COLUMN wf.payload.seed IS 'Of random() and uuid4().';

CREATE TABLE wf.schedule (
    workflow TEXT NOT NULL,
    cron TEXT NOT NULL,
    next_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (workflow, cron)
);

CREATE INDEX schedule_next ON wf.schedule (next_at);

COMMENT ON TABLE wf.schedule IS 'When each workflow''s schedules fire next.';

CREATE TABLE wf.slot (
    workflow TEXT NOT NULL,
    number INTEGER NOT NULL,
    instance BIGINT,
    taken_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (workflow, number)
);

CREATE INDEX slot_instance ON wf.slot (instance) WHERE instance is not null;

COMMENT ON TABLE wf.slot IS 'One row for each instance of a workflow that may run at once.';

COMMENT ON COLUMN wf.slot.instance IS 'Who holds it; null if it is free.';

CREATE TABLE wf.step (
    instance BIGINT NOT NULL,
    generation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    status TEXT NOT NULL,
    config JSONB,
    attempt INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    lease UUID,
    worker TEXT,
    output BYTEA,
    error BYTEA,
    details BYTEA,
    started_rev BIGINT NOT NULL,
    attempt_rev BIGINT,
    rev BIGINT NOT NULL,
    wake_at TIMESTAMP WITH TIME ZONE,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    attempt_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (instance, generation, seq)
)
 WITH (fillfactor = 80);

COMMENT ON TABLE wf.step IS 'The journal: one row a step. No foreign key: it is written at every step and deleted with its instance.';

COMMENT ON COLUMN wf.step.seq IS 'In the order in which `run` asked.';

COMMENT ON COLUMN wf.step.config IS 'First-used configuration; null means the defaults.';

COMMENT ON COLUMN wf.step.attempt IS 'Attempts begun.';

COMMENT ON COLUMN wf.step.lost IS 'Attempts that lost their worker.';

COMMENT ON COLUMN wf.step.lease IS 'Token of the running attempt.';

COMMENT ON COLUMN wf.step.details IS 'What the last heartbeat told.';

COMMENT ON COLUMN wf.step.attempt_rev IS 'When the last attempt began.';

COMMENT ON COLUMN wf.step.rev IS 'The last fact about this row.';

CREATE TABLE wf.tick (
    name TEXT NOT NULL,
    ticked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (name)
);

COMMENT ON TABLE wf.tick IS 'When the alarm last ran, so that any worker notices when it does not.';

CREATE TABLE wf.transition (
    instance BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    status TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (instance, rev)
);

COMMENT ON TABLE wf.transition IS 'Changes of status that no other row tells of: parked, woken, paused, resumed, restarted. For the feed.';

CREATE TABLE wf.workflow (
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    versions JSONB DEFAULT '{}' NOT NULL,
    settings JSONB DEFAULT '{}' NOT NULL,
    concurrency INTEGER,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    modified_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (name)
);

COMMENT ON COLUMN wf.workflow.version IS 'What a new instance gets: the newest version registered.';

COMMENT ON COLUMN wf.workflow.versions IS 'Version to when it registered.';

COMMENT ON COLUMN wf.workflow.settings IS 'Class keywords, for readers.';

COMMENT ON COLUMN wf.workflow.concurrency IS 'How many instances may run at once; null means any number.';
