"""How many instances clients may create or restart per second."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.errands import Errand
from wf import Client, InvalidInstanceId, WorkflowEntrypoint
from wf.clock import DatabaseClock
from wf.errors import RateLimited
from wf.rates import Rates

if TYPE_CHECKING:
    from tests.support import Rig


class Neighbour(WorkflowEntrypoint, name="rates-neighbour"):
    """Shares the limit of all workflows with the errands."""

    async def run(self, event: Any, step: Any) -> None:
        return None


def limited(rig: Rig, **rates: float) -> Client:
    """A client with limits, on the rig's clock."""
    return Client(settings=rig.settings.model_copy(update=rates), clock=rig.clock)


def made_before_refusal(workflow: Any) -> tuple[int, RateLimited]:
    """How many instances can be created at one moment, and the error of the one after them."""
    for number in range(1_000):
        try:
            workflow.create()
        except RateLimited as error:
            return number, error
    raise AssertionError("there is no limit")


@pytest.mark.parametrize("rate", [1, 7, 2.5])
def test_one_seconds_worth_is_created_at_once(rig: Rig, rate: float) -> None:
    """Then the error says when to try again, what the limit is and what was not done; and then it works."""
    with limited(rig, workflow_creation_rate=rate) as client:
        number, error = made_before_refusal(client.workflow(Errand))
        assert number == int(rate)
        assert (error.code, error.workflow, error.limit) == ("rate_limited", "errand", rate)
        assert 0 < error.retry_after <= 1 / rate
        assert "WF_WORKFLOW_CREATION_RATE" in str(error)
        assert rig.sql("select count(*) from wf.instance") == [(number,)]
        assert rig.queued() == number
        rig.clock.advance(error.retry_after)
        client.workflow(Errand).create()
        assert made_before_refusal(client.workflow(Errand))[0] == 0


def test_over_a_long_time_the_rate_is_kept(rig: Rig) -> None:
    """Whoever tries ten times as often as allowed gets what is allowed, and one second's worth at first."""
    rates = Rates(rig.settings.model_copy(update={"creation_rate": 5}), rig.clock)
    taken = 0
    for _ in range(500):
        try:
            rates.take("errand")
            taken += 1
        except RateLimited:
            pass
        rig.clock.advance(0.02)
    rates.close()
    assert taken == pytest.approx(5 * 10 + 5, abs=1)


def test_a_slow_rate_lets_single_ones_through(rig: Rig) -> None:
    """With one instance in ten seconds the first comes at once, the second after ten seconds."""
    with limited(rig, creation_rate=0.1) as client:
        number, error = made_before_refusal(client.workflow(Errand))
        assert number == 1
        assert error.retry_after == pytest.approx(10, abs=0.01)
        rig.clock.advance(10)
        assert made_before_refusal(client.workflow(Errand))[0] == 1


def test_one_limit_is_of_all_workflows_and_one_of_each(rig: Rig) -> None:
    """A full bucket of one workflow leaves the others alone; the common one does not."""
    with limited(rig, creation_rate=5, workflow_creation_rate=3) as client:
        number, error = made_before_refusal(client.workflow(Errand))
        assert (number, error.setting, error.limit) == (3, "WF_WORKFLOW_CREATION_RATE", 3)
        number, error = made_before_refusal(client.workflow(Neighbour))
        assert (number, error.setting, error.limit) == (2, "WF_CREATION_RATE", 5)


def test_every_entry_of_a_batch_counts(rig: Rig) -> None:
    """A batch that is too much is refused whole, and has counted nothing."""
    with limited(rig, workflow_creation_rate=5) as client:
        workflow = client.workflow(Errand)
        workflow.create_batch(count=3)
        with pytest.raises(RateLimited) as caught:
            workflow.create_batch([{}] * 3)
        assert rig.sql("select count(*) from wf.instance") == [(3,)]
        assert caught.value.retry_after == pytest.approx(0.2, abs=0.01)
        assert made_before_refusal(workflow)[0] == 2


def test_a_batch_bigger_than_the_rate_needs_rest_before_and_after(rig: Rig) -> None:
    """It is let through when nothing else was created, and those after it wait until the rate is kept again."""
    with limited(rig, workflow_creation_rate=5) as client:
        workflow = client.workflow(Errand)
        workflow.create()
        with pytest.raises(RateLimited) as caught:
            workflow.create_batch(count=20)
        rig.clock.advance(caught.value.retry_after)
        assert len(workflow.create_batch(count=20).created) == 20
        number, error = made_before_refusal(workflow)
        assert number == 0
        assert error.retry_after == pytest.approx(20 / 5 - 1 + 1 / 5, abs=0.01)
        rig.clock.advance(error.retry_after)
        assert made_before_refusal(workflow)[0] == 1


def test_a_restart_counts(rig: Rig) -> None:
    """A client's restart takes what a creation would have taken, and is refused like one."""
    with limited(rig, workflow_creation_rate=2) as client:
        instance = client.workflow(Errand).create()
        instance.restart()
        with pytest.raises(RateLimited, match="created or restarted 2 times per second"):
            instance.restart()
        assert rig.sql("select generation from wf.instance") == [(2,)]


def test_what_is_refused_for_another_reason_does_not_count(rig: Rig) -> None:
    """Bad input is found before anything is counted."""
    with limited(rig, workflow_creation_rate=1) as client:
        with pytest.raises(InvalidInstanceId):
            client.workflow(Errand).create("a b")
        with pytest.raises(InvalidInstanceId):
            client.workflow(Errand).create_batch([{"id": "a b"}])
        assert made_before_refusal(client.workflow(Errand))[0] == 1


def test_processes_share_the_limit(rig: Rig) -> None:
    """Two clients have one bucket."""
    with limited(rig, creation_rate=4) as one, limited(rig, creation_rate=4) as other:
        one.workflow(Errand).create_batch(count=3)
        assert made_before_refusal(other.workflow(Errand))[0] == 1


def test_without_a_clock_of_a_test_redis_tells_the_time(rig: Rig) -> None:
    """The limit works on the server's own time, and its keys vanish by themselves."""
    settings = rig.settings.model_copy(update={"creation_rate": 0.01, "workflow_creation_rate": 0.01})
    rates = Rates(settings, DatabaseClock())
    rates.take("errand")
    with pytest.raises(RateLimited) as caught:
        rates.take("errand")
    rates.close()
    assert 95 < caught.value.retry_after <= 100
    keys = list(rig.redis.scan_iter(f"{settings.key_prefix}rate:*"))
    assert len(keys) == 2
    assert all(90 < int(rig.redis.ttl(key)) <= 101 for key in keys)


def test_without_limits_redis_is_not_asked(rig: Rig) -> None:
    """Off means no connection, no round trip and no key."""
    rig.create(Errand)
    assert list(rig.redis.scan_iter(f"{rig.settings.key_prefix}rate:*")) == []
    assert "_redis" not in vars(rig.client.rates)


@pytest.mark.parametrize("speaks", [False, True], ids=["refuses", "hangs"])
def test_without_redis_nothing_is_limited(rig: Rig, capsys: pytest.CaptureFixture[str], speaks: bool) -> None:
    """Creation succeeds within a second, more often than the limit, and the log tells why."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if speaks:
            server.listen(64)  # connections are taken, and never answered
        gone = rig.settings.model_copy(
            update={"redis_url": f"redis://127.0.0.1:{server.getsockname()[1]}/0", "creation_rate": 1.0}
        )
        with Client(settings=gone, clock=rig.clock) as client:
            for _ in range(3):
                start = time.monotonic()
                client.workflow(Errand).create()
                assert time.monotonic() - start < 1
    assert rig.sql("select count(*) from wf.instance") == [(3,)]
    assert capsys.readouterr().out.count("creation rate not checked") == 3
