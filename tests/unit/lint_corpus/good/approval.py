import smtplib
from email.message import EmailMessage

from wf import WorkflowEntrypoint, WorkflowTimeoutError


def send_mail(to, subject, text):
    message = EmailMessage()
    message["To"], message["Subject"] = to, subject
    message.set_content(text)
    with smtplib.SMTP("localhost") as server:
        server.send_message(message)


class Approval(WorkflowEntrypoint):
    async def run(self, event, step):
        request = dict(event.payload)
        request["status"] = "open"
        request.setdefault("history", []).append("opened")
        reminders = 0
        while True:
            await step.do(f"ask {reminders}", lambda: send_mail(request["boss"], "Please decide", request["text"]))
            try:
                answer = await step.wait_for_event(f"decision {reminders}", "decided", timeout="2 days")
                break
            except WorkflowTimeoutError:
                reminders += 1
                if reminders > 3:
                    await step.do("give up", lambda: send_mail(request["from"], "Nobody answered", ""))
                    return {"approved": False}
        request["status"] = answer.payload["verdict"]
        request["history"].append("decided")
        return request
