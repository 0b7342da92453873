"""Every way to be a workflow."""

import time

import wf
import workers
from wf import WorkflowEntrypoint as Base
from wf import *


class A(wf.WorkflowEntrypoint, name="a"):
    async def run(self, event, step):
        time.time()  # expect: WF102


class B(workers.WorkflowEntrypoint):
    async def run(self, event, step):
        time.time()  # expect: WF102


class C(Base):
    def run(self, ev, st):
        time.time()  # expect: WF102
        st.do("x", lambda: 1)  # expect: WF110


class D(C):
    async def run(self, event, step):
        time.time()  # expect: WF102
        return super().run(event, step)


class Mixin:
    def now(self):
        return time.time()  # expect: WF102


class E(Mixin, WorkflowEntrypoint):
    async def run(self, event, step):
        return self.now()


def make():
    class F(Base):
        async def run(self, event, step):
            time.time()  # expect: WF102

    return F
