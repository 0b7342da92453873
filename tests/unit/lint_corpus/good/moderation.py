from wf import WorkflowEntrypoint, WorkflowTimeoutError


class Moderation(WorkflowEntrypoint, name="moderate-post"):
    async def run(self, event, step):
        post = event.payload

        @step.do("AI scan")
        async def ai_scan(ctx):
            violations = []
            for word in ("spam", "scam"):
                if word in post["text"]:
                    violations.append(word)
            return {"score": len(violations), "violations": violations}

        scan = await ai_scan()
        if scan["score"] == 0:
            return await step.do("publish", self.publish)
        try:
            review = await step.wait_for_event("human review", "reviewed", timeout="24 hours")
            approved = review.payload["approved"]
        except WorkflowTimeoutError:
            approved = False
        if approved:
            result = await step.do("publish", self.publish)
        else:
            result = await step.do("deny", lambda: self.deny(scan["violations"]))
        return result

    def publish(self):
        with open("/var/posts", "a") as file:
            file.write("published\n")
        return "published"

    def deny(self, why):
        return f"denied: {', '.join(why)}"
