"""Runs of pytest as users make them, in a process of its own, with the plugin of `wf.testing`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROOT = Path(__file__).parents[2]
_SOURCES = [str(_ROOT / name) for name in ("", "tasks", "reaper", "api")]

CACHE = _ROOT / ".pytest_cache" / "projects"


def run_pytest(
    folder: Path, *arguments: str, cache: Path = CACHE, timeout: float = 110, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder, and wait until it ends.

    Args:
        folder: In which it begins.
        arguments: Of the command.
        cache: Its cache, with the prepared Postgres for the next run; by default all runs of the suite share one.
        timeout: Seconds.
        env: Variables on top; those of the suite itself, whose names begin with WF_ or PYTEST_, are left out.
    """
    plugins = ["-p", "wf.testing.plugin", "-p", "anyio.pytest_plugin", *(["-p", "xdist"] if "-n" in arguments else [])]
    argv = [sys.executable, "-m", "pytest", *plugins, "-o", f"cache_dir={cache}", *arguments]
    variables = users_environment() | {"COLUMNS": "120", "NO_COLOR": "1", **(env or {})}
    return subprocess.run(argv, cwd=folder, env=variables, capture_output=True, text=True, timeout=timeout, check=False)


def users_environment() -> dict[str, str]:
    """The variables of a user who has our package on the path, and nothing of this suite's."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("WF_", "PYTEST_"))}
    path = os.pathsep.join(filter(None, [*_SOURCES, ours.get("PYTHONPATH", "")]))
    # Users have no more plugins than this; all that our suite has installed takes two seconds to load.
    return ours | {"PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
