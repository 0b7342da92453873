import asyncio, itertools, time, random, contextlib, os, sys, functools
from wf import WorkflowEntrypoint, WorkflowTimeoutError, StepError


class Loops(WorkflowEntrypoint):
    async def run(self, event, step):
        tasks = []
        for n in range(3):

            @step.do(f"x {n}")
            async def work(n=n):
                return n

            tasks.append(work())
        await asyncio.gather(*tasks)
        counter = itertools.count()
        for item in event.payload["items"]:
            await step.do(f"item {next(counter)}", lambda item=item: item)
        for a, b in itertools.pairwise(event.payload["items"]):
            await step.do(f"{a}-{b}", lambda: 1)
        it = iter(event.payload["items"])
        while (x := next(it, None)) is not None:
            await step.do(f"it {x}", lambda x=x: x)
        while True:
            batch = await step.do("fetch", lambda: [])
            if not batch:
                return
            for b in batch:
                if b == "stop":
                    break
                await step.do(f"b {b}", lambda: 1)


class Flow(WorkflowEntrypoint):
    async def run(self, event, step):
        done = False
        while not done:
            done = await step.do("check", lambda: random.random() > 0.5)
            if not done:
                await asyncio.sleep(60)
        with contextlib.ExitStack() as stack:
            stack.callback(print, "x")
            await step.do("y", lambda: sys.platform)
        errors = []
        for s in ("a", "b"):
            try:
                await step.do(s, lambda: 1)
            except (StepError, Exception) as e:
                errors.append(str(e))
                if len(errors) > 3:
                    raise
        else:
            await step.do("none", lambda: 1)
        if errors:
            raise ExceptionGroup("x", [ValueError(e) for e in errors])
        fut = asyncio.get_running_loop().create_future()
        fut.set_result(1)
        await fut
        lock = asyncio.Lock()
        async with lock:
            a = step.do("a", lambda: 1)
            b = step.wait_for_event("b", "b", timeout=3)
            r = await asyncio.gather(a, b, return_exceptions=True)
        winner = asyncio.create_task(self.child(step))
        winner.add_done_callback(lambda t: None)
        try:
            return await winner
        finally:
            await step.do("cleanup", self.cleanup)

    async def child(self, step):
        try:
            return await step.do("child", lambda: os.getpid())
        except asyncio.CancelledError:
            await step.do("cancelled", lambda: time.time())
            raise

    def cleanup(self):
        self.cleaned = True
        self.log = []
        self.log.append("x")


class Sync(WorkflowEntrypoint):
    def run(self, event, step):
        return step.do("x", lambda: 1)


class Mixed(WorkflowEntrypoint):
    async def run(self, event, step):
        mk = functools.partial(step.do, "p")
        await mk(lambda: time.time())
        do = getattr(step, "do")
        await do("q", lambda: 1)
        s = step
        await s.do("r", lambda: open("x").read())

        async def go(name, fn, *a, **k):
            return await step.do(name, lambda: fn(*a, **k))

        await go("sleepy", time.sleep, 3)
        await go("open", open, "x")
        await go("rand", random.random)
        await go("mine", self.mine, 1)
        first, *rest = await asyncio.gather(go("1", self.mine, 1), go("2", self.mine, 2))
        step_fns = [lambda: go("3", self.mine, 3), lambda: go("4", self.mine, 4)]
        for f in step_fns:
            await f()
        return first, rest

    def mine(self, x):
        time.sleep(x)
        return random.random()
