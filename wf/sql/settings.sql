-- What a workflow is set to.

-- workflow_settings: What the newest class declares, what operators have set over it, and what follows from both.
select w.version, v.module, v.class_name, v.settings, w.overrides, w.settings
from wf.workflow w left join wf.version v on v.workflow = w.name and v.version = w.version
where w.name = %(name)s

-- workflow_restart: What operators have set for restarts, read when an instance has failed. As text: the reader must bear
-- whatever it is.
select (overrides -> 'restart')::text from wf.workflow where name = %(name)s
