"""Waiting for a state instead of for a while."""

from __future__ import annotations

from wf.testing.waiting import wait_until

__all__ = ["wait_until"]
