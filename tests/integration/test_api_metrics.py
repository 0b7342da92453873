"""What Prometheus reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support.api import Api
from tests.support.errands import Errand
from tests.support.sse import follow
from tests.support.web import free_port
from wf_tasks.presence import Presence

if TYPE_CHECKING:
    from tests.support import Rig
    from wf.settings import Settings


def scraped(api: Api) -> dict[str, float]:
    """Every sample, by its name and labels."""
    answer = api("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        f"{sample.name}{sorted(sample.labels.items()) or ''}": sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_the_engine_is_told_as_it_is(rig: Rig, api: Api) -> None:
    """Instances by status, what is due, queues, workers and the alarm."""
    rig.workers[0].catalog.register(Errand)
    Presence(rig.workers[0], "threads", 10).tell()
    rig.create(Errand, "r-17", {"do": "sleep"})
    rig.settle()
    rig.create(Errand, "r-18")
    rig.workers[0].alarm.run_once()
    found = scraped(api)
    assert found["wf_up"] == 1
    assert found["wf_instances[('status', 'waiting'), ('workflow', 'errand')]"] == 1
    assert found["wf_instances[('status', 'queued'), ('workflow', 'errand')]"] == 1
    assert found["wf_due[('within', 'hour')]"] == 1
    assert found["wf_workers[('state', 'alive')]"] == 1
    assert found["wf_running_steps"] == 0
    assert found[f"wf_queue_length[('queue', '{rig.settings.queue}')]"] >= 1
    assert found["wf_alarm_age_seconds"] == 0


def test_requests_are_counted_by_route(rig: Rig, api: Api) -> None:
    """Not by path, of which there is no end; those that create, too, which take another way."""
    rig.workers[0].catalog.register(Errand)
    for id in ("a", "b"):
        api.ok("POST", "/api/workflows/errand/instances", json={"instance_id": id})
        api.ok("GET", f"/api/workflows/errand/instances/{id}")
    api("GET", "/nowhere")
    found = scraped(api)
    route = "/api/workflows/{name}/instances"
    assert found[f"wf_api_requests_total[('method', 'POST'), ('route', '{route}'), ('status', '200')]"] == 2
    assert found[f"wf_api_requests_total[('method', 'GET'), ('route', '{route}/{{id}}'), ('status', '200')]"] == 2
    assert found["wf_api_requests_total[('method', 'GET'), ('route', 'none'), ('status', '404')]"] == 1
    assert found[f"wf_api_request_seconds_count[('method', 'POST'), ('route', '{route}')]"] == 2
    assert not any(re.search(r"instances/[ab]\b", name) for name in found)


def test_feeds_are_counted_while_they_last(rig: Rig, api: Api) -> None:
    """As many as are followed now."""
    rig.create(Errand, "r-17", {"do": "wait"})
    rig.settle()
    with follow(api) as stream:
        next(iter(stream))
        assert scraped(api)["wf_api_feeds"] == 1


def test_without_postgres_there_are_metrics_all_the_same(settings: Settings) -> None:
    """They say that it is away; requests are counted further on."""
    away = settings.model_copy(update={"database_url": f"postgresql://127.0.0.1:{free_port()}/x"})
    with Api(away) as api:
        token_needed = api("GET", "/metrics")
    assert (token_needed.status_code, token_needed.headers["Retry-After"]) == (503, "2")  # who asks is not known


def test_metrics_are_not_for_everybody(rig: Rig, api: Api) -> None:
    """They tell of all workflows, so they need a token, and one for all of them."""
    text = api.app.state.parts.tokens.create("some", "admin", ["errand"], created_by="test")
    assert httpx.get(f"{api.url}/metrics").status_code in {200, 401}  # within two seconds of the first token
    answer = httpx.get(f"{api.url}/metrics", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 403
