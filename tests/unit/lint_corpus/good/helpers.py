"""Parts of `run` in methods and functions that get `step`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wf import Step, WorkflowEntrypoint

if TYPE_CHECKING:
    import requests

    open("never")


@dataclass
class Progress:
    done: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        self.done.append(name)


async def with_step(step: Step, name: str) -> str:
    return await step.do(name, lambda: open(name).read())


class Base(WorkflowEntrypoint):
    async def run(self, event, step):
        self.step, self.event = step, event
        self.progress = Progress()
        for name in self.names():
            self.progress.add(await self.handle(name))
        return self.progress.done

    def names(self):
        return ["a"]

    async def handle(self, name):
        raise NotImplementedError


class Files(Base, name="files"):
    def names(self):
        return [*super().names(), *self.event.payload["names"]]

    async def handle(self, name):
        text = await with_step(self.step, name)
        return await self.step.do(f"handle {name}", lambda: self.store(text))

    def store(self, text):
        with open("/tmp/out", "w") as file:
            file.write(text)
        return text


async def recursive(step, node, depth=0):
    children = await step.do(f"list {node}", lambda: open(node).read().split())
    return [node, *[await recursive(step, child, depth + 1) for child in children]]


class Crawl(WorkflowEntrypoint):
    async def run(self, event, step):
        return await recursive(step, event["payload"]["root"])
