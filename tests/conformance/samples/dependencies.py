"""Steps that depend on steps."""

import asyncio

from workers import WorkflowEntrypoint


class ImplicitOrder(WorkflowEntrypoint):
    """Parameters are filled by the steps of their names."""

    async def run(self, event, step):
        @step.do()
        async def customer():
            return {"name": event["payload"]["customer"]}

        @step.do(name="basket")
        def goods():
            return [3, 4]

        @step.do(concurrent=True)
        async def invoice(customer, basket):
            return {"to": customer["name"], "sum": sum(basket)}

        return await invoice()


class ContextAnywhere(WorkflowEntrypoint):
    """`ctx` is found by its name, wherever it stands."""

    async def run(self, event, step):
        def seen(ctx):
            return [ctx["step"]["name"], int(ctx["step"]["count"]), int(ctx["attempt"])]

        @step.do("alone", config={"retries": {"limit": 3, "delay": "1 minute", "backoff": "constant"}})
        async def alone(ctx):
            return [*seen(ctx), int(ctx["config"]["retries"]["limit"])]

        @step.do()
        async def first():
            return 1

        @step.do()
        async def implicit(ctx, first):
            return [*seen(ctx), first]

        @step.do("between", [first, implicit])
        async def between(a, ctx, b):
            return [*seen(ctx), a, b[-1]]

        @step.do("last", depends=[first])
        def last(a, ctx):
            return [*seen(ctx), a]

        @step.do("whole")
        async def whole(ctx):
            return ctx

        return [await alone(), await implicit(), await between(), await last(), (await whole())["step"]]


class Memoised(WorkflowEntrypoint):
    """A dependency that has run is not run again; a direct call is a new step."""

    async def run(self, event, step):
        @step.do()
        async def source(ctx):
            return int(ctx["step"]["count"])

        @step.do()
        async def left(source):
            return source

        @step.do()
        async def right(source):
            return source

        both = await asyncio.gather(left(), right())
        return [both, await source(), await source()]


class BrokenDependency(WorkflowEntrypoint):
    """A failed dependency keeps its dependent from starting, and is run again for the next one."""

    async def run(self, event, step):
        once = {"retries": {"limit": 0, "delay": 1}}

        @step.do("flaky", config=once)
        async def flaky(ctx):
            if int(ctx["step"]["count"]) == 1:
                raise ValueError("not yet")
            return "now"

        @step.do("never starts", depends=[flaky])
        async def first(value):
            return value

        @step.do("starts", depends=[flaky])
        async def second(value):
            return value

        try:
            await first()
        except ValueError as error:
            message = str(error)
        return [message, await second()]


class WrongDependencies(WorkflowEntrypoint):
    """Decorating never fails; each call says what is wrong."""

    async def run(self, event, step):
        @step.do("one word")
        async def known():
            return 1

        @step.do("unknown")
        async def unknown(nobody):
            return nobody

        @step.do("spaces")
        async def spaces(known=1):  # its step is called otherwise, and a default does not help
            return known

        @step.do("too few", depends=[known])
        async def too_few(a, ctx, b):
            return [a, b]

        async def plain():
            return 1

        @step.do("plain", depends=[plain])
        async def of_plain(a):
            return a

        messages = []
        for wrong in (unknown, spaces, too_few, of_plain):
            try:
                await wrong()
            except TypeError as error:
                messages.append(str(error))
        return messages
