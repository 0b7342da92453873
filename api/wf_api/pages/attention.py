"""What wants a human: the one page to look at after a bad night."""

from functools import partial
from typing import Any, NamedTuple

from fastapi import APIRouter, Request

from wf.answers import Answer
from wf.attention import POISON
from wf_api.access import Reader, Scope
from wf_api.flower_links import instance_link, worker_link
from wf_api.pages.render import view

router = APIRouter(include_in_schema=False)


class Want(NamedTuple):
    """A thing that wants somebody.

    Attributes:
        key: Of its section.
        title: What it is.
        name: Of its number in the API's answer; a list or a table stands there for what is in it.
        number: How many it is; None if it is not a question of number.
        capped: Whether there may be more.
    """

    key: str
    title: str
    name: str = ""
    number: int | None = None
    capped: bool = False


@router.get("/attention")
def attention(request: Request, caller: Reader) -> Any:
    """Sections for what there is, the most urgent first."""
    parts = caller.parts
    found = parts.attention.look(caller.principal.workflows)
    return view(
        request, caller, "attention.html", here="attention", found=found, wants=_wants(found), poisonous=POISON,
        may_write=caller.principal.scope >= Scope.WRITE,
        to_instance=partial(instance_link, parts.settings), to_worker=partial(worker_link, parts.settings),
    )  # fmt: skip


def _wants(found: Answer) -> list[Want]:
    """What keeps everything from going on comes first, then what has failed, then what may wait."""
    cap, alarm = found.cap, Want("alarm", "alarm late")
    counted = [
        Want("queues", "queues without a worker", "queues", len(found.queues)),
        _by_workflow("unserved", "instances unserved", found),
        Want("breakers", "workflows held", "breakers", len(found.breakers)),
        Want("workers", "workers gone", "workers.gone", len(found.workers.gone)),
        Want("poison", "deadly steps", "poison.total", found.poison.total, found.poison.total >= cap),
        Want("halted", "instances halted", "halted.total", found.halted.total, found.halted.total >= cap),
        Want("errors", "instances errored", "errors.looked", found.errors.looked, found.errors.capped),
        Want("late", "instances late", "late.total", found.late.total, found.late.capped),
        Want("waits", "waits for events", "waits.total", found.waits.total, found.waits.capped),
        Want("lost", "attempts lost in a day", "lost.total", found.lost.total, found.lost.capped),
        _by_workflow("paused", "instances paused", found),
    ]
    # Of a caller who may see some workflows only, those of others may have left no room to look at any: that is told.
    unseen = {"late", "lost"}
    return [alarm] * found.alarm.late + [
        want for want in counted if want.number or (want.capped and want.key in unseen)
    ]


def _by_workflow(key: str, title: str, found: Answer) -> Want:
    numbers = found[key].values()
    return Want(key, title, key, sum(numbers), any(number >= found.cap for number in numbers))
