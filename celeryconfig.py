"""This deployment's Celery settings; they overlay `wf_tasks.defaults`.

`celery -A wf_tasks worker` and `wf worker` read the module `celeryconfig` of the folder in which they start.
"""

worker_concurrency = 10
worker_max_tasks_per_child = None
