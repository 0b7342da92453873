"""The Celery side: an app, two tasks, and what a worker process needs.

`celery -A wf_tasks worker` finds `app` here. `wf.advance` moves one instance on; `wf.alarm` wakes what is due. Both
carry no state, so a message that is lost, repeated or late changes nothing but time.
"""

from wf_tasks.app import app

__all__ = ["app"]
