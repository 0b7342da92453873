"""Errors: which are retried, and which reach `run`."""

from workers import WorkflowEntrypoint
from workers.workflows import NonRetryableError


class CardDeclined(Exception):
    pass


class Checkout(WorkflowEntrypoint):
    """What a step fails with is caught where it is awaited, by its class."""

    async def run(self, event, step):
        once = {"retries": {"limit": 0, "delay": "1 second"}}
        caught = []

        @step.do("give up")
        async def give_up():
            raise NonRetryableError("the card is stolen")

        @step.do("type", config=once)
        async def type_error():
            return "1" + 1

        @step.do("value", config=once)
        async def value_error():
            return int("one")

        @step.do("custom", config=once)
        async def custom():
            raise CardDeclined("no funds")

        try:
            await give_up()
        except NonRetryableError as error:
            caught.append(["NonRetryableError", str(error)])
        for failing in (type_error, value_error, custom):
            try:
                await failing()
            except TypeError:
                caught.append("TypeError")
            except ValueError as error:
                caught.append(str(error))
            except CardDeclined as error:
                caught.append(str(error))

        @step.do("after all")
        async def after_all():
            return "sorry"

        return [caught, await after_all()]


class Retried(WorkflowEntrypoint):
    """A step is tried again after its delay."""

    async def run(self, event, step):
        @step.do("third time", config={"retries": {"limit": 5, "delay": "10 seconds", "backoff": "exponential"}})
        async def third_time(ctx):
            if ctx["attempt"] < 3:
                raise RuntimeError("try again")
            return int(ctx["attempt"])

        return await third_time()


class Uncaught(WorkflowEntrypoint):
    """Nobody catches it."""

    async def run(self, event, step):
        @step.do("stop here")
        async def stop_here():
            raise NonRetryableError("for good")

        await stop_here()
