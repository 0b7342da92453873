"""Nudges of the API, sent in the background."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tests.support import wait_until
from wf.dispatch import Dispatcher, Nudge, connect
from wf_api import nudging
from wf_api.nudging import Nudging

if TYPE_CHECKING:
    import pytest

    from tests.support import Rig
    from wf.dev.servers import Valkey
    from wf.settings import Settings


def length(rig: Rig) -> Any:
    return rig.redis.llen(rig.settings.key_prefix + rig.settings.queue)


def test_nudges_arrive_soon(rig: Rig) -> None:
    """Each of them, without anybody asking for it."""
    nudger = Nudging(rig.settings)
    for key in range(100):
        assert nudger.publish([Nudge(key, 1, 0)])
    wait_until(lambda: length(rig) == 100)
    nudger.close()


def test_closing_sends_what_waits(rig: Rig) -> None:
    """Nothing is left in the memory of an API that stops in order."""
    nudger = Nudging(rig.settings)
    for key in range(2000):
        nudger.publish([Nudge(key, 1, 0)])
    nudger.close()
    assert length(rig) == 2000


def test_what_waits_goes_together(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """While Redis takes its time with one command, all others make up the next one."""
    gate, sent = threading.Event(), []
    publish = Dispatcher.publish

    def slow(self: Dispatcher, nudges: list[Nudge]) -> bool:
        sent.append(len(nudges))
        assert gate.wait(10)
        return publish(self, nudges)

    monkeypatch.setattr(Dispatcher, "publish", slow)
    nudger = Nudging(rig.settings)
    nudger.publish([Nudge(1, 1, 0)])
    wait_until(lambda: sent == [1])
    for key in range(2, 12):
        nudger.publish([Nudge(key, 1, 0)])
    gate.set()
    nudger.flush()
    assert (sent, length(rig)) == ([1, 10], 11)
    nudger.close()


def test_too_many_are_left_to_the_alarm(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis that hangs does not fill the API's memory."""
    monkeypatch.setattr(nudging, "WAITING_MAX", 3)
    begun, gate = threading.Event(), threading.Event()

    def hang(*_: object) -> bool:
        begun.set()
        return gate.wait(10)

    monkeypatch.setattr(Dispatcher, "publish", hang)
    nudger = Nudging(rig.settings)
    nudger.publish([Nudge(0, 1, 0)])
    assert begun.wait(10)
    assert [nudger.publish([Nudge(key, 1, 0)]) for key in range(1, 6)] == [True, True, True, False, False]
    gate.set()
    nudger.close()


def test_without_redis_nobody_waits(own_redis: Valkey, own_redis_settings: Settings) -> None:
    """What cannot be sent is told in the log and left to the alarm; what comes later goes its way."""
    own_redis.stop()
    nudger = Nudging(own_redis_settings)
    assert nudger.publish([Nudge(1, 1, 0)])
    nudger.flush()
    own_redis.start()
    nudger.publish([Nudge(2, 1, 0)])
    nudger.close()
    with connect(own_redis_settings) as redis:
        assert redis.llen(own_redis_settings.key_prefix + own_redis_settings.queue) == 1
