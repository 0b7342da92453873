"""The configuration of a step: its limit by a setting, delay functions, and the mark of steps that can be undone."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from wf.core import StepConfig


def retries(**keys: Any) -> StepConfig:
    """A parsed configuration with these keys inside `retries`."""
    return StepConfig.parse("upload", {"retries": keys})


def test_a_setting_bounds_the_retries() -> None:
    """The maximum is what an endless limit means, what the default does not exceed, and what the error names."""
    assert StepConfig.parse("upload", {"retries": {"limit": math.inf}}, limit_max=3).limit == 3
    assert StepConfig.parse("upload", None, limit_max=3).limit == 3
    assert StepConfig.parse("upload", {"timeout": 1}, limit_max=3).limit == 3
    assert StepConfig.parse("upload", {"timeout": 1}, limit_max=30).limit == 5
    with pytest.raises(ValueError, match=r"from 0 to 3 \(WF_MAX_RETRIES\), not 4"):
        StepConfig.parse("upload", {"retries": {"limit": 4}}, limit_max=3)


def test_a_delay_may_be_a_function() -> None:
    """Nobody is shown a delay then; the journal holds a marker, and the code of the day gives the function again."""
    config = retries(delay=len, limit=2)
    assert config.as_dict() == {"retries": {"limit": 2, "backoff": "exponential"}, "timeout": 600.0}
    assert config.dump() == {"limit": 2, "delay": "[dynamic]"}
    stored = StepConfig.load(json.loads(json.dumps(config.dump())))
    assert stored == config
    assert stored.delay_function is None
    assert stored.reviving(config).delay_function is len
    assert stored.reviving(config).as_dict() == config.as_dict()


@pytest.mark.parametrize("today", [None, StepConfig(delay=3.0)])
def test_a_delay_function_that_is_gone_leaves_the_default(today: StepConfig | None) -> None:
    """If the code passes no function any more, the delay is 10 seconds, whatever it passes instead."""
    again = StepConfig.load({"delay": "[dynamic]"}).reviving(today)
    assert (again.delay_function, again.delay_after(1)) == (None, 10.0)


def test_a_fixed_delay_that_is_journaled_wins_over_a_function() -> None:
    """The first-used configuration counts: a function that comes later is not asked."""
    assert StepConfig.load({"delay": 3.0}).reviving(retries(delay=len)).delay_function is None


def test_what_a_function_gives_is_treated_as_a_delay() -> None:
    """Backoff, jitter and the maximum apply to it, too."""
    config = retries(delay=len, jitter=0.5, max_delay=30)
    assert [config.delay_after(attempt, base=6.0) for attempt in (1, 2, 3, 4)] == [6, 12, 24, 30]
    assert config.delay_after(1, luck=1.0, base=6.0) == 9
    assert retries(delay=len, backoff="linear").delay_after(3, base=2.0) == 6
    assert retries(delay=len, backoff="constant").delay_after(3, base=0.0) == 0


def test_the_journal_tells_which_steps_can_be_undone() -> None:
    """The mark is in the journal's form alone: no author writes it, and no callback sees it."""
    config = StepConfig(rollback=True)
    assert config.dump() == {"rollback": True}
    assert StepConfig.load({"rollback": True}) == config
    assert config.as_dict() == StepConfig().as_dict()
    with pytest.raises(ValueError, match="unknown key 'rollback' in config"):
        StepConfig.parse("upload", {"rollback": True})


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"sensitive": "output"}, "unknown key 'sensitive' in config; known are retries, timeout, at_most_once"),
        ({"retries": {"delay": len}}, "retries.delay <built-in function len> is not a duration"),
        ({"retries": {"limit": -1}}, "retries.limit must be a whole number"),
        ({"timeout": 0}, "timeout must be longer than 0"),
        ("fast", "config must be a dict"),
    ],
)
def test_the_configuration_of_a_rollback_is_refused_by_its_own_name(config: Any, problem: str) -> None:
    """A rollback has retries and a timeout of its own; what is wrong there is said to be there."""
    with pytest.raises(ValueError) as caught:
        StepConfig.parse("upload", config, of_rollback=True)
    assert str(caught.value).startswith('Rollback config for "upload": ')
    assert problem in str(caught.value)
