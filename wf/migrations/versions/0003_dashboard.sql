ALTER TABLE wf.version ADD COLUMN graph JSONB;

ALTER TABLE wf.version ADD COLUMN params_schema JSONB;

ALTER TABLE wf.version ADD COLUMN event_schemas JSONB DEFAULT '{}' NOT NULL;

COMMENT ON COLUMN wf.version.graph IS 'The diagram of its code; null if that could not be read.';

COMMENT ON COLUMN wf.version.params_schema IS 'JSON schema of its params; null if it declares none.';

COMMENT ON COLUMN wf.version.event_schemas IS 'JSON schemas of the payloads of its events, by type.';

ALTER TABLE wf.workflow ADD COLUMN breaker JSONB;

COMMENT ON COLUMN wf.workflow.breaker IS 'The last change of its breaker; null means closed.';

CREATE INDEX attempt_lost ON wf.attempt (ended_at) WHERE outcome = 'lost';

CREATE TABLE wf.line (
    instance BIGINT NOT NULL,
    generation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    attempt INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    level SMALLINT NOT NULL,
    logger TEXT NOT NULL,
    message BYTEA NOT NULL,
    PRIMARY KEY (instance, generation, seq, id)
);

COMMENT ON TABLE wf.line IS 'What attempts have logged; so many lines of each. Deleted with their instance.';

COMMENT ON COLUMN wf.line.level IS 'As Python''s logging numbers it.';

CREATE TABLE wf.metric (
    span INTEGER NOT NULL,
    workflow TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    started BIGINT DEFAULT 0 NOT NULL,
    completed BIGINT DEFAULT 0 NOT NULL,
    errored BIGINT DEFAULT 0 NOT NULL,
    steps BIGINT DEFAULT 0 NOT NULL,
    failed BIGINT DEFAULT 0 NOT NULL,
    retried BIGINT DEFAULT 0 NOT NULL,
    lost BIGINT DEFAULT 0 NOT NULL,
    step_times BIGINT[] DEFAULT '{}' NOT NULL,
    lags BIGINT[] DEFAULT '{}' NOT NULL,
    PRIMARY KEY (span, workflow, at)
);

COMMENT ON TABLE wf.metric IS 'What workers have counted, by workflow and stretch of time.';

COMMENT ON COLUMN wf.metric.span IS 'Seconds of the stretch; the same facts stand in a row of each span.';

COMMENT ON COLUMN wf.metric.at IS 'Its beginning.';

COMMENT ON COLUMN wf.metric.steps IS 'Steps that have ended well.';

COMMENT ON COLUMN wf.metric.failed IS 'Attempts that have failed.';

COMMENT ON COLUMN wf.metric.retried IS 'Those of them after which the step is tried again.';

COMMENT ON COLUMN wf.metric.lost IS 'Attempts that have lost their worker.';

COMMENT ON COLUMN wf.metric.step_times IS 'Histogram of the seconds of attempts that ended well.';

COMMENT ON COLUMN wf.metric.lags IS 'Histogram of the seconds from when a sleep was over to when a worker took note.'
