"""Flower with ways to the dashboard and back: `wf flower`.

It is the Flower that Celery teams know, with some pages more. A task of ours says by its id which instance it is about
(`wf.task_ids`), so nothing is recorded for this, and nothing is asked but Flower's own memory of events: the last tasks
(`--max-tasks`) since it was started.

`celery -A wf_tasks flower` stays the plain one.
"""
