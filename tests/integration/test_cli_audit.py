"""`wf audit`: everything that people, programs and the reaper did, on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.cli import Shell
from tests.support.errands import Errand
from wf_reaper.retention import Retention

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api


def test_who_did_what_is_told(rig: Rig, api: Api) -> None:
    """Of all, of a workflow, of an instance, of an actor and of a kind; on its own and through an API, the same."""
    rig.workers[0].catalog.register(Errand)
    for id in ("a-1", "a-2"):
        rig.create(Errand, id, {"do": "sleep"})
        rig.settle()
        rig.client.workflow(Errand).get(id).pause()
    rig.client.workflow(Errand).get("a-1").terminate()
    rig.clock.advance(rig.settings.success_retention + 1)
    assert Retention(rig.workers[0]).run_once() == 1
    local, nowhere = Shell(rig.settings), {"WF_DATABASE_URL": "", "WF_REDIS_URL": "", "WF_API_URL": api.url}

    def told(*args: str, **env: str) -> list[tuple[str, str, str]]:
        found = json.loads(local("audit", *args, "--json", **env).stdout)
        return [(entry["action"], entry["instance"], entry["actor"]) for entry in found]

    for env in ({}, nowhere):
        ended = [("terminate", "a-1", "client")]
        paused = [("pause", "a-2", "client"), ("pause", "a-1", "client")]
        assert told(**env) == told("errand", **env) == [("expire", "", "reaper"), *ended, *paused]
        assert told("errand", "a-1", **env) == [*ended, paused[1]]
        assert told("--actor", "reaper", **env) == [("expire", "", "reaper")]
        assert told("--action", "pause", **env) == paused
        shown = local("audit", "--per-page", "1", **env)
        assert ("reaper" in shown.stdout, '{"instances": 1}' in shown.stdout) == (True, True)
        cursor = shown.stderr.split()[-1]
        assert told("--per-page", "1", "--cursor", cursor, **env) == ended
        assert "Nothing" in local("audit", "nothing", **env).stdout
