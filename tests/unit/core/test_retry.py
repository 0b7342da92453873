"""The configuration of a step: what may be said, its defaults, and when the next attempt begins."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wf.core import StepConfig
from wf.errors import NonRetryableError, StepError, WorkflowTimeoutError

YEAR = 365 * 86_400.0


class OwnError(LookupError):
    """An author's error."""

    class Inner(Exception):
        """One whose qualified name has a dot."""


class NotAgain(NonRetryableError):
    """An author's subclass."""


def retries(**keys: Any) -> StepConfig:
    """A parsed configuration with these keys inside `retries`."""
    return StepConfig.parse("upload", {"retries": keys})


@pytest.mark.parametrize("config", [None, {}, {"retries": {}}, {"retries": None}])
def test_the_defaults(config: Any) -> None:
    """Nothing said means 5 retries, 10 seconds, exponential, and 10 minutes for an attempt."""
    parsed = StepConfig.parse("upload", config)
    assert parsed == StepConfig()
    assert parsed.as_dict() == {
        "retries": {"limit": 5, "delay": 10.0, "backoff": "exponential"},
        "timeout": 600.0,
    }


def test_everything_can_be_said() -> None:
    """Every key is read, durations in any form, classes by their full name."""
    parsed = StepConfig.parse(
        "upload",
        {
            "retries": {
                "limit": 3,
                "delay": "1 minute",
                "backoff": "linear",
                "max_delay": timedelta(minutes=5),
                "jitter": 0.25,
                "retry_on": [OSError, "HTTPError"],
                "no_retry_on": OwnError.Inner,
            },
            "timeout": "15 minutes",
            "at_most_once": True,
            "sensitive": "output",
        },
    )
    assert parsed == StepConfig(
        limit=3,
        delay=60.0,
        backoff="linear",
        max_delay=300.0,
        jitter=0.25,
        timeout=900.0,
        retry_on=("builtins:OSError", "HTTPError"),
        no_retry_on=(f"{__name__}:OwnError.Inner",),
        at_most_once=True,
        sensitive="output",
    )


@pytest.mark.parametrize("limit", [0, 1, 10_000])
def test_what_is_absent_keeps_its_default(limit: int) -> None:
    """One key alone is enough; a limit of none means a single attempt."""
    assert retries(limit=limit) == StepConfig(limit=limit)
    assert retries(delay=0) == StepConfig(delay=0.0)
    assert retries(backoff="constant") == StepConfig(backoff="constant")


def test_an_endless_limit_is_the_largest() -> None:
    """Infinity is accepted, as it once was."""
    assert retries(limit=math.inf).limit == 10_000


@pytest.mark.parametrize("sensitive", [None, ""])
def test_nothing_is_sensitive_by_default(sensitive: Any) -> None:
    """None and the empty text say the same as nothing."""
    assert StepConfig.parse("upload", {"sensitive": sensitive}) == StepConfig()


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"retires": {}}, "unknown key 'retires' in config"),
        ({"retries": {"limits": 1}}, "unknown key 'limits' in retries"),
        ({"limit": 1}, "unknown key 'limit' in config"),
        ({1: 2}, "unknown key 1 in config"),
        ([("timeout", 1)], "config must be a dict"),
        ("fast", "config must be a dict"),
        ({"retries": 3}, "retries must be a dict"),
        ({"retries": {"limit": -1}}, "retries.limit must be a whole number from 0 to 10,000"),
        ({"retries": {"limit": 10_001}}, "retries.limit"),
        ({"retries": {"limit": 2.0}}, "retries.limit"),
        ({"retries": {"limit": True}}, "retries.limit"),
        ({"retries": {"limit": "5"}}, "retries.limit"),
        ({"retries": {"limit": -math.inf}}, "retries.limit"),
        ({"retries": {"limit": math.nan}}, "retries.limit"),
        ({"retries": {"limit": None}}, "retries.limit"),
        ({"retries": {"delay": "soon"}}, "retries.delay 'soon' is not a duration"),
        ({"retries": {"delay": -1}}, "retries.delay"),
        ({"retries": {"max_delay": None}}, "retries.max_delay"),
        ({"retries": {"backoff": "quadratic"}}, "retries.backoff must be one of constant, linear, exponential"),
        ({"retries": {"backoff": ["linear"]}}, "retries.backoff"),
        ({"retries": {"jitter": 1.5}}, "retries.jitter must be a number from 0 to 1"),
        ({"retries": {"jitter": True}}, "retries.jitter"),
        ({"retries": {"jitter": math.nan}}, "retries.jitter"),
        ({"retries": {"jitter": "some"}}, "retries.jitter"),
        ({"retries": {"retry_on": [OSError, 5]}}, "retries.retry_on must hold exception classes, not 5"),
        ({"retries": {"no_retry_on": int}}, "retries.no_retry_on must hold exception classes"),
        ({"retries": {"no_retry_on": OSError()}}, "retries.no_retry_on"),
        ({"timeout": 0}, "timeout must be longer than 0"),
        ({"timeout": "0 seconds"}, "timeout must be longer than 0"),
        ({"timeout": "10 parsecs"}, "timeout '10 parsecs' is not a duration"),
        ({"timeout": math.inf}, "timeout inf is not a duration"),
        ({"at_most_once": 1}, "at_most_once must be True or False"),
        ({"sensitive": "input"}, 'sensitive must be "output"'),
        ({"sensitive": True}, 'sensitive must be "output"'),
    ],
)
def test_a_bad_configuration_names_step_and_key(config: Any, key: str) -> None:
    """Whatever is wrong is a ValueError that begins with the step and says what is wrong where."""
    with pytest.raises(ValueError) as caught:
        StepConfig.parse("upload", config)
    assert str(caught.value).startswith("Step 'upload': ")
    assert key in str(caught.value)


@pytest.mark.parametrize(
    ("backoff", "schedule"),
    [
        ("constant", [10, 10, 10, 10, 10]),
        ("linear", [10, 20, 30, 40, 50]),
        ("exponential", [10, 20, 40, 80, 160]),
    ],
)
def test_the_schedule(backoff: str, schedule: list[float]) -> None:
    """The first retry waits exactly the delay; then it stays, grows by addition, or doubles."""
    config = retries(backoff=backoff)
    assert [config.delay_after(attempt) for attempt in range(1, 6)] == schedule


def test_no_delay_exceeds_its_maximum() -> None:
    """`max_delay` caps the delay, and a year does so in any case, however many attempts there were."""
    config = retries(max_delay="35 seconds")
    assert [config.delay_after(attempt) for attempt in range(1, 5)] == [10, 20, 35, 35]
    assert retries().delay_after(10_000) == YEAR
    assert retries(max_delay="2 years").delay_after(10_000) == YEAR
    assert retries(backoff="linear", delay="200 days").delay_after(9_999) == YEAR


def test_jitter_places_the_delay_by_luck() -> None:
    """Jitter j multiplies the delay by a factor from 1 - j to 1 + j."""
    config = retries(jitter=0.2)
    assert config.delay_after(1, luck=0.0) == pytest.approx(8)
    assert config.delay_after(1, luck=0.5) == 10
    assert config.delay_after(1, luck=1.0) == pytest.approx(12)
    assert retries().delay_after(1, luck=0.0) == 10


attempts = st.integers(1, 10_001)
config_fields = {
    "limit": st.integers(0, 10_000),
    "delay": st.floats(0, YEAR),
    "backoff": st.sampled_from(["constant", "linear", "exponential"]),
    "max_delay": st.floats(0, YEAR),
    "jitter": st.floats(0, 1),
    "retry_on": st.lists(st.sampled_from([OSError, OwnError, "SomeError"]), max_size=3),
    "no_retry_on": st.lists(st.sampled_from([ValueError, "OtherError"]), max_size=2),
}
configs = st.builds(
    lambda retries, rest: StepConfig.parse("s", {"retries": retries} | rest),
    st.fixed_dictionaries({}, optional=config_fields),
    st.fixed_dictionaries(
        {},
        optional={
            "timeout": st.floats(0.001, YEAR),
            "at_most_once": st.booleans(),
            "sensitive": st.sampled_from(["", "output"]),
        },
    ),
)


@settings(deadline=None)
@given(configs, attempts, st.floats(0, 1))
def test_delays_are_finite_and_within_bounds(config: StepConfig, attempt: int, luck: float) -> None:
    """Whatever is configured, the next attempt begins between now and the maximum, and within the jitter."""
    delay = config.delay_after(attempt, luck)
    middle = StepConfig(limit=config.limit, delay=config.delay, backoff=config.backoff).delay_after(attempt)
    assert 0 <= delay <= min(config.max_delay, YEAR)
    assert delay <= middle * (1 + config.jitter) * 1.0001
    assert delay >= min(middle * (1 - config.jitter) * 0.9999, config.max_delay)


@settings(deadline=None)
@given(configs)
def test_what_is_dumped_is_loaded_again(config: StepConfig) -> None:
    """The journal's form is JSON of what differs from the defaults, and reads back equal."""
    stored = json.loads(json.dumps(config.dump()))
    assert StepConfig.load(stored) == config
    assert all(getattr(StepConfig(), name) != getattr(config, name) for name in stored)


def test_a_plain_step_stores_nothing() -> None:
    """The default configuration takes no room in the journal."""
    assert StepConfig().dump() == StepConfig.parse("s", None).dump() == {}
    assert StepConfig.load({}) is StepConfig.parse("s", None)


@pytest.mark.parametrize(
    "error", [NonRetryableError("no"), NonRetryableError(), NotAgain("no"), NonRetryableError("x", name="Other")]
)
def test_non_retryable_errors_are_known_by_class(error: Exception) -> None:
    """NonRetryableError and its subclasses end the retries, whatever their name or message, and even if listed."""
    assert not StepConfig().retries_error(error)
    assert not retries(retry_on=[NonRetryableError, Exception]).retries_error(error)


@pytest.mark.parametrize(
    "error", [ValueError("NonRetryableError: no"), WorkflowTimeoutError(5), StepError("NonRetryableError", "no")]
)
def test_other_errors_are_retried(error: Exception) -> None:
    """A message that only looks like it, a timeout or a stand-in is worth another attempt."""
    assert StepConfig().retries_error(error)


@pytest.mark.parametrize(
    ("config", "error", "again"),
    [
        ({"retry_on": OSError}, ConnectionError("gone"), True),
        ({"retry_on": [OSError]}, ValueError("bad"), False),
        ({"retry_on": "OwnError"}, OwnError(), True),
        ({"retry_on": {LookupError}}, OwnError(), True),
        ({"retry_on": [OwnError]}, LookupError(), False),
        ({"no_retry_on": (ValueError,)}, UnicodeError("bad"), False),
        ({"no_retry_on": ValueError}, OSError("gone"), True),
        ({"no_retry_on": OwnError.Inner}, OwnError.Inner(), False),
        ({"no_retry_on": "OwnError"}, OwnError.Inner(), True),
        ({"retry_on": OSError, "no_retry_on": ConnectionError}, ConnectionError("gone"), False),
        ({"retry_on": OSError, "no_retry_on": ConnectionError}, FileNotFoundError("gone"), True),
    ],
)
def test_classes_decide_what_is_retried(config: dict[str, Any], error: Exception, again: bool) -> None:
    """`retry_on` and `no_retry_on` count for subclasses, by class or by name; the latter wins."""
    assert retries(**config).retries_error(error) is again
