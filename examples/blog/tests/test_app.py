"""The web app, with the engine behind it."""

from collections.abc import Iterator

import pytest
from app import app
from fastapi.testclient import TestClient
from moderation import Moderation

from wf.testing import Workbench

CLEAN = {"author": "ann@example.org", "title": "Tea", "body": "Water first, then the leaves."}
SUSPICIOUS = {"author": "bob@example.org", "title": "Rich", "body": "The casino that they hide from you"}


@pytest.fixture
def http(wf: Workbench) -> Iterator[TestClient]:
    wf.workflow(Moderation)
    with TestClient(app) as client:  # its lifespan opens a wf client, which finds the engine of the test by itself
        yield client


def test_a_clean_post_is_there_for_all(wf: Workbench, http: TestClient) -> None:
    with wf.introspect(Moderation) as posts:
        assert http.post("/posts", json=CLEAN).status_code == 202
        (post,) = posts.get()
        post.wait_for_status("complete")
        assert [each["title"] for each in http.get("/posts").json()] == ["Tea"]


def test_a_moderator_decides(wf: Workbench, http: TestClient) -> None:
    id = http.post("/posts", json=SUSPICIOUS).json()["id"]
    wf.settle()
    (review,) = http.get("/reviews").json()
    assert (review["post"], review["title"]) == (id, "Rich")

    assert http.post(f"/reviews/{id}", json={"approved": True, "moderator": "mo"}).status_code == 202
    wf.settle()
    assert http.get(f"/posts/{id}").json() == {"status": "complete", "outcome": {"approved": True, "moderator": "mo"}}
    assert http.get("/reviews").json() == []

    again = http.post(f"/reviews/{id}", json={"approved": False, "moderator": "mo"})
    assert (again.status_code, again.json()["code"]) == (409, "instance.finished")


def test_there_is_no_such_post(http: TestClient) -> None:
    assert http.get("/posts/none").status_code == 404
