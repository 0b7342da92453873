"""Processes that find this repository's sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.nursery import can_fork, fork, run
from wf.testing import processes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from subprocess import CompletedProcess

    from wf.dev.process import Child
    from wf.settings import Settings

_ROOT = Path(__file__).parents[2]
_SOURCES = [_ROOT, *(_ROOT / name for name in ("tasks", "reaper", "api"))]


def environment(settings: Settings, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables with which a process has these settings and finds our sources, those of PYTHONPATH first."""
    return processes.environment(settings, extra, paths=_SOURCES)


def launch(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> Child:
    """Begin `python ARGV`, forked from a process that has imported what it needs, if that makes no difference."""
    begin = fork if can_fork(argv, env) else processes.launch
    return begin(argv, env=env, cwd=cwd, log=log)


class Forking(processes.Processes):
    """Starts processes by forks, where that makes no difference."""

    launcher = staticmethod(launch)

    def run(
        self, *argv: str, settings: Settings | None = None, cwd: Path | None = None, timeout: float = 60.0, **env: str
    ) -> CompletedProcess[str]:
        """As `wf.testing.Processes` has it."""
        variables = self._env(settings, env)
        if can_fork(argv, variables):
            return run(argv, env=variables, cwd=cwd or self._folder, timeout=timeout)
        return super().run(*argv, settings=settings, cwd=cwd, timeout=timeout, **env)


class Processes(Forking):
    """Starts processes that find our sources."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__(settings, folder, paths=_SOURCES)
