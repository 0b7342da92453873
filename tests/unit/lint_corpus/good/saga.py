from functools import partial

import httpx
from sqlalchemy import text

from wf import Event, Step, StepContext, WorkflowEntrypoint

client = httpx.Client(base_url="https://travel.local")


def book(kind: str, trip: dict, ctx: StepContext) -> dict:
    return client.post(f"/{kind}", json=trip, headers={"Idempotency-Key": ctx.idempotency_key}).json()


def cancel(kind: str, output, error) -> None:
    if output is not None:
        client.delete(f"/{kind}/{output['id']}")


class Trip(WorkflowEntrypoint, name="trip"):
    async def run(self, event: Event, step: Step) -> dict:
        trip = event.payload
        booked = {}
        for kind in ("flight", "hotel", "car"):
            booked[kind] = await step.do(f"book {kind}", partial(book, kind, trip), rollback=partial(cancel, kind))

        @step.transaction("record")
        def record(connection):
            statement = text("insert into trips (id, flight) values (:id, :flight)")
            connection.execute(statement, {"id": trip["id"], "flight": booked["flight"]["id"]})

        await record()
        await step.do("mail", lambda: client.post("/mail", json=booked), rollback=lambda output: client.post("/sorry"))
        return booked


class Compensated(WorkflowEntrypoint):
    """By hand, with a stack."""

    async def run(self, event, step):
        undo = []
        try:
            await step.do("a", lambda: client.post("/a"))
            undo.append(("undo a", lambda: client.delete("/a")))
            await step.do("b", lambda: client.post("/b"))
            undo.append(("undo b", lambda: client.delete("/b")))
        except Exception:
            for name, handler in reversed(undo):
                await step.do(name, handler)
            raise
