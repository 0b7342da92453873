"""What tests share: waiting for a state, databases of their own, and worker processes to kill."""

from __future__ import annotations

from tests.support.databases import Databases
from tests.support.processes import BeatProcess, Processes, WorkerProcess
from tests.support.waiting import wait_until

__all__ = ["BeatProcess", "Databases", "Processes", "WorkerProcess", "wait_until"]
