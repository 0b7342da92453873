from wf import WorkflowEntrypoint


def enrich(order):
    order["rich"] = True  # expect: WF121


class Changed(WorkflowEntrypoint):
    async def run(self, event, step):
        event.payload["total"] = 3  # expect: WF121
        event["payload"]["total"] = 3  # expect: WF121
        event.payload["items"].append("x")  # expect: WF121
        event.payload["count"] += 1  # expect: WF121
        del event.payload["secret"]  # expect: WF121
        event.payload.update(done=True)  # expect: WF121
        order = event.payload
        order["status"] = "new"  # expect: WF121
        order.setdefault("a", []).append(1)  # expect: WF121
        for item in order["items"]:
            item["price"] = 3  # expect: WF121
        first = order["items"][0]
        first.name = "x"  # expect: WF121
        order.get("list").sort()  # expect: WF121
        enrich(order)
        self.order = event.payload
        self.order.pop("x")  # expect: WF121

        @step.do("in a step")
        def in_step():
            order["seen"] = True  # expect: WF121

        await in_step()
        event.payload = {}  # expect: WF121
