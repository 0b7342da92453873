ALTER TABLE wf.workflow ADD COLUMN overrides JSONB DEFAULT '{}' NOT NULL;

COMMENT ON COLUMN wf.workflow.overrides IS 'What operators set over the class.';

CREATE INDEX instance_status ON wf.instance (workflow, status, key);

CREATE TABLE wf.job (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    workflow TEXT NOT NULL,
    action TEXT NOT NULL,
    filter JSONB NOT NULL,
    options JSONB NOT NULL,
    actor TEXT NOT NULL,
    status TEXT DEFAULT 'queued' NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT DEFAULT 0 NOT NULL,
    failed BIGINT DEFAULT 0 NOT NULL,
    errors JSONB DEFAULT '[]' NOT NULL,
    after_key BIGINT DEFAULT 0 NOT NULL,
    upto_key BIGINT NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id)
);

CREATE UNIQUE INDEX job_active ON wf.job (workflow, action) WHERE ended_at is null;

COMMENT ON TABLE wf.job IS 'Actions on many instances, done by the reaper in small batches.';

COMMENT ON COLUMN wf.job.filter IS 'Which instances; those created before the job.';

COMMENT ON COLUMN wf.job.options IS 'How to do it, such as with rollback.';

COMMENT ON COLUMN wf.job.total IS 'Instances that matched when the job was made.';

COMMENT ON COLUMN wf.job.errors IS 'The first few, with their ids.';

COMMENT ON COLUMN wf.job.after_key IS 'How far it has come.';

COMMENT ON COLUMN wf.job.upto_key IS 'Where it ends: newer instances are not meant.';

CREATE TABLE wf.session (
    hash BYTEA NOT NULL,
    token BIGINT NOT NULL,
    csrf TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (hash)
);

CREATE INDEX session_expires ON wf.session (expires_at);

COMMENT ON TABLE wf.session IS 'Browsers that are logged in.';

COMMENT ON COLUMN wf.session.hash IS 'SHA-256 of the cookie.';

COMMENT ON COLUMN wf.session.token IS 'Whose rights it has, for as long as that is valid.';

COMMENT ON COLUMN wf.session.csrf IS 'What forms must send along.';

CREATE TABLE wf.token (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    hash BYTEA NOT NULL,
    scope TEXT NOT NULL,
    workflows TEXT[],
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    used_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    UNIQUE (hash)
);

CREATE UNIQUE INDEX token_name ON wf.token (name) WHERE revoked_at is null;

COMMENT ON TABLE wf.token IS 'Who may use the API.';

COMMENT ON COLUMN wf.token.hash IS 'SHA-256; the token itself is nowhere.';

COMMENT ON COLUMN wf.token.scope IS 'read, write or admin; each holds those before it.';

COMMENT ON COLUMN wf.token.workflows IS 'Only these; null means all.';

CREATE TABLE wf.version (
    workflow TEXT NOT NULL,
    version TEXT NOT NULL,
    class_name TEXT NOT NULL,
    module TEXT NOT NULL,
    settings JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    modified_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (workflow, version)
);

COMMENT ON TABLE wf.version IS 'What workers have told of each version of a workflow.';

COMMENT ON COLUMN wf.version.settings IS 'Its class keywords.';

CREATE TABLE wf.worker (
    name TEXT NOT NULL,
    queue TEXT NOT NULL,
    pool TEXT NOT NULL,
    concurrency INTEGER NOT NULL,
    workflows JSONB NOT NULL,
    release TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (name)
);

COMMENT ON TABLE wf.worker IS 'Heartbeats of worker processes, for people to see.';

COMMENT ON COLUMN wf.worker.name IS 'Host and process.';

COMMENT ON COLUMN wf.worker.workflows IS 'Names and versions.';
