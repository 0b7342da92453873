import asyncio, datetime, os, json, logging
from typing import TypedDict
import boto3, openai
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine, async_sessionmaker
import wf
from wf import NonRetryableError, Step, Event
from .models import Document
from .settings import settings

engine = create_async_engine(settings.url)
Session = async_sessionmaker(engine)
client = openai.AsyncOpenAI()
MODEL = os.getenv("MODEL", "gpt")
s3 = boto3.resource("s3")
SEM = asyncio.Semaphore(3)


class Result(TypedDict):
    ok: bool


class Ingest(wf.WorkflowEntrypoint, name="ingest", version="3"):
    """Documents into vectors, for retrieval."""

    CHUNK = 500

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._cache = {}
        self.started = datetime.datetime.now()

    async def run(self, event: Event, step: Step) -> Result:
        self.step = step
        doc_id = event.payload["id"]
        retries = {"retries": {"limit": 3, "delay": 1}}

        @step.do("load", config=retries)
        async def load(ctx):
            async with Session() as session:
                doc = await session.scalar(select(Document).where(Document.id == doc_id))
                if doc is None:
                    raise NonRetryableError("gone")
                return doc.text

        text = await load()
        chunks = [text[i : i + self.CHUNK] for i in range(0, len(text), self.CHUNK)]
        vectors = []
        for n, batch in enumerate(self.batches(chunks, 10)):

            async def embed(batch=batch):
                answer = await client.embeddings.create(model=MODEL, input=batch)
                return [d.embedding for d in answer.data]

            vectors += await step.do(f"embed {n}", embed, config=retries)
        tags = set()
        for chunk in chunks:
            found = await self.tag(chunk)
            tags |= set(found)
        tags = sorted(tags)
        for tag in tags:
            await step.do(f"tag {tag}", lambda tag=tag: self.save_tag(tag))
        unique = {t.lower(): t for t in tags}
        for low, orig in unique.items():
            await step.do(f"alias {low}", lambda o=orig: o)
        seen = frozenset(tags)
        ok = all(t in seen for t in tags)
        by = {}
        for i, v in enumerate(vectors):
            by.setdefault(i % 3, []).append(v)
        for k in sorted(set(by)):
            await step.do(f"shard {k}", lambda k=k: self.store(k, by[k]))
        if event.schedule:
            when = event.timestamp.replace(hour=0)
            await step.sleep_until("midnight", when)
        while (status := await step.do("status", self.status)) != "ready":
            await step.sleep("wait", "5s")
        total = {"n": 0}

        async def visit(node):
            total["n"] += 1
            for child in node.get("children", []):
                await visit(child)

        await visit(json.loads(text))
        try:
            async with asyncio.timeout(60):
                ev = await step.wait_for_event("x", "x")
        except (asyncio.TimeoutError, wf.WorkflowTimeoutError) as e:
            logging.getLogger(__name__).warning("late %s", e)
            ev = None
        await step.do("rm", lambda: s3.Bucket("b").Object(doc_id).delete())
        return {"ok": ok, "total": total, "ev": ev}

    async def tag(self, chunk):
        key = hash(chunk)
        if key in self._cache:
            return self._cache[key]
        res = await self.step.do("tag chunk", lambda: self.ask(chunk))
        self._cache[key] = res
        return res

    def batches(self, xs, n):
        for i in range(0, len(xs), n):
            yield xs[i : i + n]

    async def ask(self, chunk):
        return (await client.chat.completions.create(model=MODEL, messages=[])).choices

    def save_tag(self, tag):
        with open("x") as f:
            f.read()
        self._saved = tag

    def store(self, k, v):
        os.makedirs("x", exist_ok=True)

    async def status(self):
        async with Session.begin() as session:
            return (await session.execute(select(1))).scalar()
