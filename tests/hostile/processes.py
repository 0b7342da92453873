"""Processes as a hostile setting has them, whatever the test asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.processes import Forking
from wf.dispatch import alarm_queue
from wf.testing.processes import Process, WorkerProcess
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.hostile.settings import Hostile
    from wf.settings import Settings
    from wf.testing.processes import P

_KILLED = "signal 9 (SIGKILL)"
"""What Celery logs of a child that was killed."""


class ForkingWorker(WorkerProcess):
    """A worker whose steps run in children: what kills the process of a step does not end it."""

    def wait(self, timeout: float = 20.0) -> int:
        """Wait until a child was killed, or all of it has ended; gives the exit code of whichever it was."""
        wait_until(lambda: not self.is_running() or _KILLED in self.log(), timeout, f"a child of {self.name} dies")
        return -9 if self.is_running() else super().wait(timeout)


class HostileProcesses(Forking):
    """Starts the processes of one test under a hostile setting."""

    def __init__(self, hostile: Hostile, settings: Settings, *given: Any, **named: Any) -> None:
        """Start none yet; the arguments behind the first one are those of `Processes`."""
        super().__init__(settings, *given, **named)
        self._hostile = hostile

    def worker(self, module: str, *, settings: Settings | None = None, **named: Any) -> WorkerProcess:
        """As `Processes.worker`; the beats are there before it."""
        if self._hostile.beats and not any(process.name.startswith("beat") for process in self._started):
            self.beat(settings=settings)
        return super().worker(module, settings=settings, **named)

    def beat(self, **named: Any) -> Process:
        """Start as many as the setting says, one at least; gives the last one."""
        for _ in range(self._hostile.beats - 1):
            super().beat(**named)
        return super().beat(**named)

    def _begin(self, kind: type[P], name: str, argv: Sequence[str], **how: Any) -> P:
        hostile, argv = self._hostile, list(argv)
        if _is_our_worker(argv):
            if hostile.app and argv[0] == "-m":
                argv = self._foreign(name, argv, how["env"])
            elif hostile.pool and "--pool" not in argv:
                argv += ["--pool", hostile.pool]
        forks = hostile.forks and kind is WorkerProcess and "solo" not in argv and "threads" not in argv
        chosen: Any = ForkingWorker if forks else kind
        begun: P = super()._begin(chosen, name, argv, **how)
        return begun

    def _foreign(self, name: str, argv: Sequence[str], env: dict[str, str]) -> list[str]:
        """`wf worker MODULE ...` as a worker of the foreign app."""
        module, *options = argv[3:]
        env["WF_WORKFLOWS"] = module
        queue = env["WF_QUEUE"]
        command = ["-m", "celery", "-A", self._hostile.app, "worker", "--loglevel", "info", "--hostname", f"{name}@%h"]
        return [*command, "-Q", f"{queue},{alarm_queue(self._settings)},{queue}.team", *options]

    def _env(self, settings: Settings | None, extra: Mapping[str, str]) -> dict[str, str]:
        settings = (settings or self._settings).model_copy(update=dict(self._hostile.settings))
        return super()._env(settings, extra)


def _is_our_worker(argv: Sequence[str]) -> bool:
    """Whether it is `python -m wf worker`, or `python manage.py wf worker`."""
    return list(argv[1:3]) == ["wf", "worker"]
