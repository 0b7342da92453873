"""Workflows beside Celery tasks that were there before."""

from celery import Celery, shared_task

from wf import WorkflowEntrypoint
from wf_tasks import attach

app = Celery("proj")
attach(app)


@shared_task
def resize(path):
    return open(path).read()


@app.task(bind=True)
def old(self, path):
    return path


class Album(WorkflowEntrypoint):
    async def run(self, event, step):
        small = []
        for path in event.payload:
            small.append(await step.do(f"resize {path}", lambda: resize(path)))
        await step.do("tell the old world", lambda: old.delay(event.payload[0]))
        await step.do("send", lambda: app.send_task("other", args=[1]))
        delay = event.payload[0].delay()
        return small, delay
