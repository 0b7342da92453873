"""Parents that start children and wait for them."""

import asyncio

import wf


class Parent(wf.WorkflowEntrypoint):
    async def run(self, event, step):
        @step.do("start children")
        def start():
            with wf.Client() as client:
                made = client.workflow("child").create_batch([{"params": n} for n in range(10)])
                return [each.id for each in made]

        ids = await start()
        answers = await asyncio.gather(*[step.wait_for_event(f"child {id}", f"done-{id}") for id in ids])
        rest = {id for id in ids}
        for answer in answers:
            rest.discard(answer.payload["id"])
        if rest:
            await step.do("complain", lambda: sorted(rest))
        return [answer.payload for answer in answers]
