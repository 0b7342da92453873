"""What the demonstration does to the pipeline while it works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis
from ledger import UPLOAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx
    from stage import Stage

HOLD = 10  # seconds for which the API keeps its answer from the worker that is about to die
OUTAGE = 4  # seconds


def disasters(
    *,
    stage: Stage,
    api: httpx.Client,
    redis_url: str,
    effects: int,
    replace: Callable[[], str],
    say: Callable[[str, str], None],
) -> Iterator[None]:
    """Three disasters, each when enough is done; every `next` looks once whether its moment has come.

    Args:
        stage: Where the workers run.
        api: The external API.
        redis_url: The Redis to empty.
        effects: How many there will be in the ledger when all is done.
        replace: Starts another worker and gives its name.
        say: Shows an event, in a style.
    """
    # The API applies the first upload and holds back the answer. Its worker then dies in the middle of the step, in
    # the worst moment there is: the file is stored, and nobody on our side knows.
    api.post("/hold", json={"action": UPLOAD, "seconds": HOLD})
    while not (held := [flight for flight in api.get("/in-flight").json() if flight["held"]]):
        yield
    pid, file = held[0]["pid"], held[0]["file"]
    victim = stage.kill(pid)
    say(f"kill -9 {victim} (pid {pid}) in the middle of uploading {file}; {replace()} takes its place", "bold red")

    while _effects(api) < 0.4 * effects:
        yield
    with redis.Redis.from_url(redis_url) as server:
        keys = server.dbsize()
        server.flushall()
    say(f"FLUSHALL: all {keys} keys of Redis are gone, with every nudge that was queued", "bold red")

    while _effects(api) < 0.6 * effects:
        yield
    api.post("/outage", json={"seconds": OUTAGE})
    say(f"the API is down for {OUTAGE} seconds and answers 503 to everything", "bold red")


def _effects(api: httpx.Client) -> int:
    count = 0
    for report in api.get("/ledger").json()["reports"].values():
        count += report["created"] + report["finalized"]
        count += sum(file["stored"] + file["described"] for file in report["files"].values())
    return count
