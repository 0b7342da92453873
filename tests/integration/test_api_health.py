"""Health of the API: what load balancers ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.api import Api
from tests.support.web import free_port

if TYPE_CHECKING:
    from wf.settings import Settings


def test_an_api_with_its_servers_is_alive_and_ready(api: Api) -> None:
    """Both answer, and name what was looked at."""
    assert api("GET", "/healthz").json() == {"status": "ok"}
    assert api("GET", "/readyz").json() == {"status": "ok", "journal": "ok", "broker": "ok"}


def test_without_postgres_it_is_alive_and_not_ready(settings: Settings) -> None:
    """It says so, and when to ask again, without telling where Postgres should be."""
    away = settings.model_copy(update={"database_url": f"postgresql://127.0.0.1:{free_port()}/x"})
    with Api(away) as api:
        answer = api("GET", "/readyz")
        assert api("GET", "/healthz").status_code == 200
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json() == {"status": "unavailable", "journal": "journal.unavailable", "broker": "ok"}


def test_without_redis_it_is_ready_and_says_so(settings: Settings) -> None:
    """Instances and events are accepted all the same, so no load balancer need turn away."""
    away = settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port()}/0"})
    with Api(away) as api:
        answer = api("GET", "/readyz")
    assert (answer.status_code, answer.json()["broker"]) == (200, "broker.unavailable")


def test_a_route_that_is_not_there_is_answered_in_the_envelope(api: Api) -> None:
    """So is a method that a route does not have."""
    assert api.refusal("GET", "/api/nowhere") == (404, 7003, "workflows.api.error.request.no_route")
    assert api.refusal("PUT", "/healthz") == (405, 7001, "workflows.api.error.request.wrong_method")
