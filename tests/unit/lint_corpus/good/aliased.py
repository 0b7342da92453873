import wf
import workers as w
from wf import WorkflowEntrypoint as Base
from wf.workflow import WorkflowEntrypoint as Entry


class A(wf.WorkflowEntrypoint):
    async def run(self, ev, s):
        await s.do("a", lambda: open("a").read())
        return ev.payload


class B(w.WorkflowEntrypoint):
    async def run(self, event, step):
        do = step.do
        await do("a", lambda: open("a").read())
        sleep = step.sleep
        await sleep("b", 1)


class C(Base):
    async def run(self, event, step, /):
        pending = step.do("a", lambda: open("a").read())
        return await pending


class D(Entry):
    async def run(self, *args):
        event, step = args
        return await step.do("a", lambda: 1)


class E(D):
    pass
