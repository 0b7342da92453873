import contextlib
from contextlib import suppress

from wf import WorkflowEntrypoint


class Swallowed(WorkflowEntrypoint):
    async def run(self, event, step):
        try:
            await step.do("a", lambda: 1)
        except:  # expect: WF122
            pass
        try:
            await step.do("b", lambda: 1)
        except ValueError:
            raise
        except BaseException as error:  # expect: WF122
            print(error)
        try:
            async with self.lock(step):
                pass
        except (ValueError, BaseException):  # expect: WF122
            return None
        with contextlib.suppress(BaseException):  # expect: WF122
            await step.do("c", lambda: 1)
        with suppress(ValueError, BaseException):  # expect: WF122
            await step.sleep("d", 1)
