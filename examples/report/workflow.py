"""A report with its impounded files, submitted to an external API exactly once, whatever breaks on the way.

`run` is the whole story, in order. It is replayed after every crash, so it does nothing itself: what touches the world
is a step, and a step is retried on its own and never repeated once its result is in the journal.
"""

from __future__ import annotations

import asyncio
import os
import re
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from wf import NonRetryableError, WorkflowEntrypoint

if TYPE_CHECKING:
    from wf import Event, Step, StepContext

# Short delays keep the demonstration quick. Fifteen retries last for 25 seconds of outage.
CALL = {
    "retries": {"limit": 15, "delay": "200 ms", "backoff": "exponential", "max_delay": "2 seconds", "jitter": 0.2},
    "timeout": "10 seconds",
}


class Report(WorkflowEntrypoint, name="report"):
    """Validate, create, upload the files, attach their metadata, wait for the reviewer, finalize."""

    async def run(self, event: Event, step: Step) -> Any:
        draft = event.payload
        await step.do("validate", lambda: check(draft))

        @step.do("create report", config=CALL)
        async def create(ctx: StepContext) -> dict[str, Any]:
            return await call(ctx, "POST", "/reports", json=draft)

        report = await create()
        names = await step.do("list files", lambda: list_files(draft["reference"]))

        async def submit(name: str) -> None:
            send = partial(upload, draft["reference"], report["id"], name)
            stored = await step.do(f"upload {name}", send, config=CALL)
            await step.do(f"attach metadata {name}", partial(attach, report["id"], stored), config=CALL)

        await asyncio.gather(*map(submit, names))  # every file at the same time, on whichever worker is free

        approval = await step.wait_for_event("approval", "approved", timeout="1 hour")

        @step.do("finalize", config=CALL)
        async def finalize(ctx: StepContext) -> dict[str, Any]:
            body = {"approved_by": approval.payload["by"]}
            return await call(ctx, "POST", f"/reports/{report['id']}/finalize", json=body)

        return await finalize()


def check(draft: Any) -> None:
    """Refuse a report that no retry will mend.

    Raises:
        NonRetryableError: The report is not complete.
    """
    if not isinstance(draft, dict):
        raise NonRetryableError(f"A report is a dict, not {draft!r}.")
    if missing := [name for name in ("reference", "title", "officer") if not draft.get(name)]:
        raise NonRetryableError(f"The report lacks {', '.join(missing)}.")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", str(draft["reference"])):
        raise NonRetryableError(f"The reference {draft['reference']!r} must be small letters, digits and '-'.")


def folder(reference: str) -> Path:
    """Where the impounded files of a report are."""
    return Path(os.environ["REPORT_FOLDER"]) / reference / "files"


def list_files(reference: str) -> list[str]:
    """The names of the files of a report."""
    return sorted(path.name for path in folder(reference).iterdir())


async def upload(reference: str, report: str, name: str, ctx: StepContext) -> dict[str, Any]:
    """Upload one file; the result says what was stored."""
    data = await asyncio.to_thread((folder(reference) / name).read_bytes)
    ctx.log.info("uploading", file=name, bytes=len(data))  # kept with the step, and shown in the dashboard
    answer = await call(ctx, "PUT", f"/reports/{report}/files/{name}", content=data)
    return {"name": name, "size": len(data), "sha256": sha256(data).hexdigest(), "uploaded_at": answer["stored_at"]}


async def attach(report: str, stored: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    """Attach the metadata of an uploaded file."""
    return await call(ctx, "PUT", f"/reports/{report}/files/{stored['name']}/metadata", json=stored)


class ApiError(Exception):
    """The API could not serve a request now; a retry may help."""


async def call(ctx: StepContext, method: str, path: str, **body: Any) -> dict[str, Any]:
    """Send one request. Its key is the same on every attempt of a step, so that the API applies it once.

    Raises:
        ApiError: The API failed, or did not answer.
        NonRetryableError: The API refuses the request itself.
    """
    headers = {"Idempotency-Key": ctx.idempotency_key, "X-Worker-Pid": str(os.getpid())}
    try:
        answer = await http().request(method, os.environ["REPORT_API_URL"] + path, headers=headers, **body)
    except httpx.TransportError as error:
        raise ApiError(f"{method} {path}: no answer ({type(error).__name__}).") from error
    if answer.is_client_error:
        raise NonRetryableError(f"{method} {path}: {answer.status_code} {answer.text}")
    if answer.is_error:
        raise ApiError(f"{method} {path}: {answer.status_code} {answer.text}")
    return dict(answer.json())


@cache
def http() -> httpx.AsyncClient:
    """One client a worker process, with its pool of connections."""
    return httpx.AsyncClient(timeout=8)
