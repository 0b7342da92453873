"""Log lines of steps over REST."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tests.support.access import make_token
from tests.support.attempts import one_step
from tests.support.parcels import at

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

PREFIX = "workflows.api.error."
HOSTILE = "<script>alert(1)</script> \u202e"


def logged(rig: Rig) -> str:
    """The name of a workflow whose one step has logged three lines."""

    def work() -> None:
        for text in ("first", HOSTILE, "third"):
            logging.getLogger("tests.shop").warning(text)

    cls = one_step(work, "logs")
    rig.create(cls, "r-17")
    rig.settle()
    rig.workers[0].engine.runner.lines.flush()
    return cls.workflow_name


def test_lines_of_a_step_are_listed(rig: Rig, api: Api) -> None:
    """Page by page, of all attempts or of one."""
    name = logged(rig)
    answer = api("GET", at("r-17", "/step/lines?name=work-1&per_page=2", name)).json()
    assert answer["result"] == [
        {"at": "2027-01-15T08:00:00Z", "level": "WARNING", "logger": "tests.shop", "message": text, "attempt": 1}
        for text in ("first", HOSTILE)
    ]
    cursor = answer["result_info"].pop("cursor")
    assert answer["result_info"] == {"count": 2, "per_page": 2}
    (last,) = api.ok("GET", at("r-17", f"/step/lines?name=work-1&type=step&attempt=1&cursor={cursor}", name))
    assert last["message"] == "third"


def test_what_is_not_there_or_not_theirs_is_refused(rig: Rig, api: Api) -> None:
    """Instances, steps, attempts, other workflows, and values that make no sense."""
    name = logged(rig)
    missing = (404, 10400, PREFIX + "instance.not_found")
    assert api.refusal("GET", at("nope", "/step/lines?name=work-1", name)) == missing
    for query in ("name=work-2", "name=work", "name=work-1&type=rollback", "name=work-1&attempt=2"):
        assert api.refusal("GET", at("r-17", f"/step/lines?{query}", name))[:2] == (404, 10418), query
    for query in (
        "",
        "name=work-1&type=sleep",
        "name=work-1&per_page=1001",
        "name=work-1&cursor=x",
        "name=a&attempt=0",
    ):
        assert api.refusal("GET", at("r-17", f"/step/lines?{query}", name))[:2] == (400, 10002), query
    limited = make_token(rig, "other", "read", workflows=["other"])
    assert api.refusal("GET", at("r-17", "/step/lines?name=work-1", name), headers=limited)[:2] == (403, 10003)
