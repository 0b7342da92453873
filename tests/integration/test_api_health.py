"""Health of the API: what load balancers ask."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tests.support.api import Api
from tests.support.web import free_port
from wf.database import Database
from wf_api import readiness

if TYPE_CHECKING:
    import pytest

    from tests.support import Rig
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


def test_whoever_asks_again_and_again_makes_no_work(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many at once get one answer, from one statement on a connection of the pool; later ones are asked for anew."""
    asked: list[Any] = []
    rows = Database.rows

    def listen(self: Database, sql: Any, params: Any = None) -> Any:
        asked.append(sql)
        return rows(self, sql, params)

    monkeypatch.setattr(Database, "rows", listen)
    monkeypatch.setattr(readiness, "FRESH", 30.0)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api("GET", "/readyz").status_code, range(24)))
    assert answers == [200] * 24
    assert len(asked) == 1
    monkeypatch.setattr(readiness, "FRESH", 0.0)
    api.app.state.parts.readiness._fresh_until = 0.0
    for _ in range(3):
        api("GET", "/readyz")
    assert len(asked) == 4
    assert len(set(asked)) == 1


def test_a_schema_that_does_not_fit_is_not_ready(rig: Rig, api: Api) -> None:
    """Missing or of another release; within a second after it was."""
    for change in ("update wf.alembic_version set version_num = '0000'", "drop table wf.alembic_version"):
        rig.sql(change)
        api.app.state.parts.readiness._fresh_until = 0.0
        answer = api("GET", "/readyz")
        assert (answer.status_code, answer.json()["journal"]) == (503, "journal.schema_mismatch")


def test_a_route_that_is_not_there_is_answered_in_the_envelope(api: Api) -> None:
    """So is a method that a route does not have."""
    assert api.refusal("GET", "/api/nowhere") == (404, 7003, "workflows.api.error.request.no_route")
    assert api.refusal("PUT", "/healthz") == (405, 7001, "workflows.api.error.request.wrong_method")
