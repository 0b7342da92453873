from celery import Celery, shared_task
from proj.tasks import notify

from wf import WorkflowEntrypoint

app = Celery("proj")


@shared_task
def resize(path):
    return path


@app.task(bind=True)
def old(self, path):
    return path


class Sends(WorkflowEntrypoint):
    async def run(self, event, step):
        resize.delay("a")  # expect: WF101
        old.apply_async(args=["a"])  # expect: WF101
        notify.delay("a")  # expect: WF101
        app.send_task("other")  # expect: WF101
        await step.do("x", lambda: resize.delay("a"))
