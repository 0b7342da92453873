"""What becomes of a post, whatever happens on the way."""

import blog
import pytest
from moderation import Moderation, ScannerDown

from wf.testing import InstanceIntrospector, Workbench
from wf.testing.exploring import Explored

CLEAN = {"author": "ann@example.org", "title": "Tea", "body": "Water first, then the leaves."}
SUSPICIOUS = {"author": "bob@example.org", "title": "Rich", "body": "The casino that they hide from you"}
YES, NO = {"approved": True, "moderator": "mo"}, {"approved": False, "moderator": "mo"}


@pytest.fixture
def post(wf: Workbench) -> InstanceIntrospector:
    """The post p-1, which is not submitted yet."""
    return wf.introspect_instance(Moderation, "p-1")


def titles() -> list[str]:
    return [post["title"] for post in blog.feed()]


def told() -> list[str]:
    return [f"{mail['recipient']}: {mail['body']}" for mail in blog.mails()]


def test_a_clean_post_is_published(wf: Workbench, post: InstanceIntrospector) -> None:
    wf.workflow(Moderation).create("p-1", CLEAN)
    post.wait_for_status("complete")
    assert post.get_output() == {"approved": True, "moderator": "model"}
    assert titles() == ["Tea"]
    assert told() == ["ann@example.org: Your post 'Tea' is published."]


def test_a_suspicious_post_waits_for_a_human(wf: Workbench, post: InstanceIntrospector) -> None:
    wf.workflow(Moderation).create("p-1", SUSPICIOUS)
    assert post.wait_for_step_result("scan") == "suspicious"
    post.wait_for_status("waiting")
    assert [review["post"] for review in blog.reviews()] == ["p-1"]
    assert titles() == told() == []


def test_approved(wf: Workbench, post: InstanceIntrospector) -> None:
    post.modify(lambda m: m.mock_event(type="verdict", payload=YES))
    wf.workflow(Moderation).create("p-1", SUSPICIOUS)
    post.wait_for_status("complete")
    assert titles() == ["Rich"]
    assert told() == ["bob@example.org: Your post 'Rich' is published."]
    assert blog.reviews() == []


def test_denied(wf: Workbench, post: InstanceIntrospector) -> None:
    post.modify(lambda m: m.mock_event(type="verdict", payload=NO))
    wf.workflow(Moderation).create("p-1", SUSPICIOUS)
    post.wait_for_status("complete")
    assert titles() == []
    assert told() == ["bob@example.org: Your post 'Rich' was not accepted."]


def test_nobody_answers_for_two_days(wf: Workbench, post: InstanceIntrospector) -> None:
    wf.workflow(Moderation).create("p-1", SUSPICIOUS)
    wf.time.advance("47 hours")
    assert len(blog.reviews()) == 1
    wf.time.advance("1 hour")
    assert post.get_output() == {"approved": False, "moderator": "nobody"}
    assert (titles(), len(told()), blog.reviews()) == ([], 1, [])


def test_the_scanner_is_down_for_a_while(wf: Workbench, post: InstanceIntrospector) -> None:
    post.modify(lambda m: m.mock_step_error("scan", ScannerDown("busy"), times=3))
    wf.workflow(Moderation).create("p-1", CLEAN)
    wf.time.advance("5 minutes")
    assert titles() == ["Tea"]


def test_without_the_scanner_a_human_decides(wf: Workbench, post: InstanceIntrospector) -> None:
    post.modify(lambda m: m.mock_step_error("scan", ScannerDown("gone")).disable_retry_delays())
    instance = wf.workflow(Moderation).create("p-1", CLEAN)
    post.wait_for_step_result("ask moderators")
    assert titles() == []
    instance.send_event("verdict", YES)
    post.wait_for_status("complete")
    assert titles() == ["Tea"]


@pytest.mark.parametrize("step", ["publish", "tell author"])
def test_a_worker_that_dies_before_the_record_does_it_once(
    wf: Workbench, post: InstanceIntrospector, step: str
) -> None:
    post.modify(lambda m: m.crash_worker(step, at="after"))
    instance = wf.workflow(Moderation).create("p-1", CLEAN)
    post.wait_for_status("complete")
    (entry,) = [entry for entry in instance.describe().steps if entry.name == f"{step}-1"]
    assert len(entry.attempts) == 2
    assert (len(titles()), len(told())) == (1, 1)


@pytest.mark.parametrize("verdict", [YES, NO])
def test_whatever_happens(
    wf: Workbench, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, verdict: dict[str, object]
) -> None:
    def new_blog() -> None:
        monkeypatch.setenv("BLOG", str(tmp_path_factory.mktemp("blog") / "blog.sqlite"))

    def check(run: Explored) -> None:
        assert run.status == "complete"
        assert titles() == (["Rich"] if run.output["approved"] else []), "published when approved, and never twice"
        assert len(told()) == 1, "the author is told once"
        assert blog.reviews() == [], "nothing is left on the moderators' list"

    event = {"type": "verdict", "payload": verdict}
    wf.explore(
        Moderation, params=SUSPICIOUS, events=[event], late_events=True, before=new_blog, check=check, examples=15
    )


@pytest.mark.wf(always_replay=True)
@pytest.mark.parametrize("params", [CLEAN, SUSPICIOUS])
def test_every_replay_asks_for_the_same_steps(
    wf: Workbench, post: InstanceIntrospector, params: dict[str, str]
) -> None:
    post.modify(lambda m: m.mock_event(type="verdict", payload=YES))
    wf.workflow(Moderation).create("p-1", params)
    post.wait_for_status("complete")
