"""`wf dev`: servers, schema, worker, beat, API and Flower, in one terminal."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wf.dev.pages import flower_login, page_urls, write_privately
from wf.dev.servers import Urls, embedded
from wf.dev.supervisor import Child, Supervisor
from wf.migrations import check, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


def run(
    modules: Sequence[str],
    *,
    workers: int,
    flower: bool,
    api: bool,
    data: Path,
    note: Path,
    database_url: str = "",
    redis_url: str = "",
) -> None:
    """Run everything until Ctrl-C or SIGTERM; call it in the main thread.

    Args:
        modules: Modules of workflows; none means WF_WORKFLOWS.
        workers: Worker processes.
        flower: Whether to run Flower, too.
        api: Whether to run the API, too.
        data: Where embedded servers keep their data and logs, and where the login of Flower is kept.
        note: Where to write the URLs down while they are valid, for commands in other terminals.
        database_url: A Postgres to use; empty means an embedded one.
        redis_url: A Redis to use; empty means an embedded one.

    Raises:
        EmbeddedUnavailable: A server cannot be started.
        JournalUnavailable: The given Postgres does not answer.
        SchemaMismatch: The schema of the given Postgres is newer than this release.
    """
    with embedded(data, database_url=database_url, redis_url=redis_url) as urls:
        migrate(urls.database_url)
        check(urls.database_url)
        pages = page_urls(os.environ, flower=flower, api=api)
        login = flower_login(os.environ, data) if flower else ""
        with _written_down(urls, note):
            _tell_pages(pages, login)
            Supervisor(_children(_variables(urls) | pages, modules, workers, flower=flower, api=api, login=login)).run()


def _tell_pages(pages: Mapping[str, str], login: str) -> None:
    """Say where to look, before the log lines begin; one whose port the system chooses tells it itself."""
    lines = [f"Dashboard: {pages['WF_DASHBOARD_URL']}"] if "WF_DASHBOARD_URL" in pages else []
    if login or "WF_FLOWER_URL" in pages:
        user, _, password = login.partition(":")
        asked = f" (user {user}, password {password})" if login else ""
        lines.append(f"Flower:    {pages.get('WF_FLOWER_URL', 'on a port of its own')}{asked}")
    if lines:
        print("\n".join(["", *lines, ""]), flush=True)  # noqa: T201


def _children(
    env: Mapping[str, str], modules: Sequence[str], workers: int, *, flower: bool, api: bool, login: str
) -> list[Child]:
    """In the order in which they stop: workers first, because they may still nudge and be nudged."""
    wf = [sys.executable, "-m", "wf"]
    names = ["worker"] if workers == 1 else [f"worker-{number}" for number in range(1, workers + 1)]
    children = [Child(name, [*wf, "worker", *modules], env) for name in names]
    children.append(Child("beat", [*wf, "beat"], env))
    if api:
        children.append(Child("api", [*wf, "api"], env))
    if flower:
        own = {"FLOWER_BASIC_AUTH": login} if login else {}  # no argument: everybody may read those of a process
        children.append(Child("flower", [*wf, "flower"], {**env, **own}))
    return children


def _variables(urls: Urls) -> dict[str, str]:
    return {"WF_DATABASE_URL": urls.database_url, "WF_REDIS_URL": urls.redis_url}


@contextmanager
def _written_down(urls: Urls, note: Path) -> Iterator[None]:
    """Print the URLs, and keep them in a file that only we may read: there may be a password in them."""
    lines = "".join(f"export {name}={shlex.quote(url)}\n" for name, url in _variables(urls).items())
    write_privately(note, lines)
    print(f"{lines}Commands in this folder find these by themselves. Ctrl-C stops everything.", flush=True)  # noqa: T201
    try:
        yield
    finally:
        if note.is_file() and note.read_text() == lines:  # another `wf dev` in this folder may have written its own
            note.unlink()
