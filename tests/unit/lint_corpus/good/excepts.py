import contextlib

from wf import StepError, WorkflowEntrypoint


class Handlers(WorkflowEntrypoint):
    async def run(self, event, step):
        try:
            await step.do("a", lambda: 1)
        except Exception as error:
            print(error)
        try:
            await step.do("b", lambda: 1)
        except BaseException:
            print("left")
            raise
        try:
            number = int(event.payload["n"])
        except:
            number = 0
        try:
            await step.do("c", lambda: 1)
        except (StepError, ValueError):
            pass
        finally:
            print("over")
        with contextlib.suppress(StepError):
            await step.do("d", lambda: 1)
        with contextlib.suppress(BaseException):
            int("x")

        @step.do("careful")
        def careful():
            try:
                return open("/etc/hosts").read()
            except BaseException:
                return ""

        try:
            await careful()
        except BaseException as error:
            raise RuntimeError("wrapped") from error
        return number
