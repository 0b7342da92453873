"""Signals: control flow of the engine that no `except Exception` swallows."""

from __future__ import annotations


class Signal(BaseException):
    """Control flow of the engine. You see this because your code caught everything.

    Write `except Exception:` instead of `except BaseException:` or a bare `except:`.
    """


class Evicted(Signal):
    """This pass of `run` is being thrown away; its step calls do nothing any more."""


class AttemptStopped(Signal):
    """Nobody wants the result of this attempt any more: let this pass, so that the callback ends."""

    def __init__(self, step: str, instance: str) -> None:
        super().__init__(
            f"This attempt of step {step!r} of instance {instance!r} has been stopped: its time is over, its lease is "
            f"lost, or the instance was terminated, restarted or deleted. Nothing of it will be kept."
        )
        self.step, self.instance = step, instance
