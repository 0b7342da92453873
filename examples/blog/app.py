"""The blog's web app: submit a post, see what waits for a moderator, send a verdict."""

from typing import Any

import blog
from fastapi import FastAPI
from moderation import Post, Verdict

from wf.contrib.fastapi import WfClient, install, lifespan

app = FastAPI(title="Blog", lifespan=lifespan)
install(app)  # no such post: 404; decided already: 409; no Postgres: 503; ...


@app.get("/posts")
def published() -> list[dict[str, Any]]:
    return blog.feed()


@app.post("/posts", status_code=202)
async def submit(post: Post, wf: WfClient) -> dict[str, str]:
    instance = await wf.workflow("moderation").create(params=post.model_dump())
    return {"id": instance.id}


@app.get("/posts/{id}")
async def look(id: str, wf: WfClient) -> dict[str, Any]:
    instance = await wf.workflow("moderation").get(id)
    status = await instance.status()
    return {"status": status.status, "outcome": status.output}


@app.get("/reviews")
def waiting() -> list[dict[str, Any]]:
    return blog.reviews()


@app.post("/reviews/{id}", status_code=202)
async def decide(id: str, verdict: Verdict, wf: WfClient) -> Verdict:
    instance = await wf.workflow("moderation").get(id)
    await instance.send_event("verdict", verdict.model_dump(), event_id=f"verdict-{id}")  # of two clicks, one counts
    return verdict
