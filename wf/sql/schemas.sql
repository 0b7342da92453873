-- What payloads must look like, as workers have told it.

-- version_schemas: The JSON schemas of a version, or of the one that a new instance gets.
select v.version, v.params_schema, v.event_schemas
from wf.version v
where v.workflow = %(workflow)s
  and v.version = coalesce(%(version)s::text, (select w.version from wf.workflow w where w.name = %(workflow)s))
