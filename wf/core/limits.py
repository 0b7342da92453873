"""How much one instance may ask for."""

from __future__ import annotations

from dataclasses import dataclass

from wf.durations import text


@dataclass(frozen=True, slots=True)
class Limits:
    """What a pass refuses to exceed; the owner takes the values from its settings.

    Attributes:
        steps: `do` steps in one instance (WF_MAX_STEPS, or `limits={"steps": n}` of the class).
        wait: Seconds of one sleep, or of one wait for an event (WF_MAX_WAIT).
        retries: Retries of one step (WF_MAX_RETRIES).
    """

    steps: int = 10_000
    wait: float = 31_536_000.0
    retries: int = 10_000

    def check_wait(self, delay: float, what: str) -> float:
        """The delay in seconds, if a sleep or wait may be so long.

        Raises:
            ValueError: It is longer than `wait`; the message begins with `what`.
        """
        if delay > self.wait:
            most, found = text(self.wait), text(delay)
            if found == most:  # by less than people are shown
                most, found = f"{self.wait} s", f"{delay} s"
            raise ValueError(f"{what}: at most {most} (WF_MAX_WAIT), not {found}.")
        return delay
