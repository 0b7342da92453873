"""What tests share: waiting for a state, databases of their own, and worker processes to kill."""

from __future__ import annotations

from tests.support.databases import Databases
from tests.support.processes import Processes
from tests.support.rig import START, Rig, RowLock
from tests.support.waiting import wait_until

__all__ = [
    "START",
    "Databases",
    "Processes",
    "Rig",
    "RowLock",
    "wait_until",
]
