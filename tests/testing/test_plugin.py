"""The fixture in projects of users: isolation, options, several processes. Each test runs pytest on such a project."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import psycopg
import redis

from tests.support.plugin import CACHE, run_pytest, users_environment
from tests.support.processes import environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Databases
    from wf import Settings

FLOW = """
    import time, pytest
    from wf import Client, WorkflowEntrypoint

    class Flow(WorkflowEntrypoint, name="project-flow"):
        async def run(self, event, step):
            one = await step.do("one", lambda: 1)
            await step.sleep("nap", "1 day")
            return one
"""


def run_project(folder: Path, source: str, *args: str, cache: Path = CACHE, **env: str) -> str:
    """Run pytest on a file, as in a project of a user; its output."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_project.py").write_text(dedent(FLOW) + dedent(source))
    run = run_pytest(folder, "-q", "-rA", *args, cache=cache, env=env)
    return run.stdout + run.stderr


def test_tests_are_isolated_from_each_other(tmp_path: Path) -> None:
    """The same id is free in the next test, classes of a test are forgotten, and no variable stays set."""
    output = run_project(
        tmp_path,
        """
        @pytest.mark.parametrize("number", [1, 2])
        def test_each(wf, number):
            class Local(WorkflowEntrypoint, name="local"):
                async def run(self, event, step):
                    return number
            assert wf.workflow(Local).create("same").result(timeout=5) == number
            with Client() as client:
                client.workflow("project-flow").create("same")
                assert [entry.id for entry in client.workflow("project-flow").list()] == ["same"]

        def test_after():
            import os
            from wf.workflow import registry
            assert registry.names() == ["project-flow"]
            assert not any(name.startswith("WF_") for name in os.environ)
        """,
    )
    assert "3 passed" in output, output


def test_processes_of_xdist_have_servers_of_their_own(tmp_path: Path) -> None:
    """With `-n 2` tests with the same ids do not see each other."""
    output = run_project(
        tmp_path,
        """
        @pytest.mark.parametrize("number", range(6))
        def test_each(wf, number):
            flow = wf.workflow(Flow).create("same")
            wf.time.advance("1 day")
            assert flow.result(timeout=5) == 1
        """,
        "-n", "2",
    )  # fmt: skip
    assert "6 passed" in output, output


def test_a_test_with_processes_forgets_no_class(tmp_path: Path) -> None:
    """A class that a function has made when the module was imported is still there after a test with processes."""
    output = run_project(
        tmp_path,
        """
        def made(number):
            class Made(WorkflowEntrypoint, name="project-made"):
                async def run(self, event, step):
                    return number
            return Made

        Made = made(7)

        def test_processes(wf_settings):
            assert wf_settings.queue == "processes"

        def test_it_is_still_there(wf):
            assert wf.workflow("project-made").create("m").result(timeout=5) == 7
        """,
    )
    assert "2 passed" in output, output


def test_what_tests_make_is_not_kept_with_the_prepared_data(tmp_path: Path) -> None:
    """The first session leaves data for the next one: the schema, and no row, table or database of its tests."""
    source = """
        import os, psycopg

        def test_makes_what_is_not_ours(wf):
            wf.workflow(Flow).create("same")
            with psycopg.connect(os.environ["WF_DATABASE_URL"], autocommit=True) as connection:
                connection.execute("create table own (id int)")
                connection.execute("create database own")
                assert connection.execute("select count(*), max(key) from wf.instance").fetchone() == (1, 1)
    """
    for _ in range(2):
        output = run_project(tmp_path, source, cache=tmp_path / "cache")
        assert "1 passed" in output, output
        assert [file.name for file in tmp_path.glob("cache/d/wf/postgres-*/PG_VERSION")] == ["PG_VERSION"]


def test_always_replay_finds_what_is_not_deterministic(tmp_path: Path) -> None:
    """With `--wf-always-replay` a test fails that passes without, and shows what was recorded and what was asked."""
    source = """
        names = iter(["first", "second", "third", "fourth"])

        class Named(WorkflowEntrypoint, name="named"):
            async def run(self, event, step):
                await step.do(f"pay {next(names)}", lambda: 1)
                return await step.do("end", lambda: 2)

        def test_named(wf):
            with wf.introspect_instance(Named, "n") as named:
                wf.workflow(Named).create("n")
                named.wait_for_status("complete")
    """
    assert "1 passed" in run_project(tmp_path, source)
    output = run_project(tmp_path, source, "--wf-always-replay")
    assert "1 failed" in output
    assert "pay first" in output
    assert "pay second" in output


def test_servers_of_a_team_are_left_as_they_were(
    tmp_path: Path, databases: Databases, redis_url: str, settings: Settings
) -> None:
    """On given servers tests use a database and keys of their own, and remove them; WF_DATABASE_URL stays as it is."""
    source = """
        def test_flow(wf):
            import os
            assert "/wf_test_" in os.environ["WF_DATABASE_URL"]
            wf.workflow(Flow).create("f")
            wf.time.advance("1 day")
            assert wf.client.workflow(Flow).get("f").result(timeout=5) == 1
    """
    production = environment(settings)["WF_DATABASE_URL"]
    url = databases.url("postgres")
    output = run_project(
        tmp_path, source, f"--wf-database-url={url}", f"--wf-redis-url={redis_url}", WF_DATABASE_URL=production
    )
    assert "1 passed" in output, output
    with psycopg.connect(url) as connection:
        assert connection.execute("select datname from pg_database where datname like 'wf_test_%'").fetchall() == []
    with psycopg.connect(production) as connection:
        assert connection.execute("select count(*) from wf.workflow").fetchone() == (0,)
    with redis.Redis.from_url(redis_url) as client:
        assert list(client.scan_iter("wf_test_*")) == []


def test_a_step_that_never_ends_does_not_hold_the_session(tmp_path: Path) -> None:
    """After a few seconds a test ends without a callback that hangs, and the next test is not harmed by it."""
    output = run_project(
        tmp_path,
        """
        class Hung(WorkflowEntrypoint, name="hung"):
            async def run(self, event, step):
                await step.do("hang", lambda: time.sleep(60))

        def test_hung(wf):
            wf.workflow(Hung).create("h")
            time.sleep(0.2)

        def test_next(wf):
            flow = wf.workflow(Flow).create("f")
            wf.time.advance("1 day")
            assert flow.result(timeout=5) == 1
        """,
    )
    assert "2 passed" in output, output


def test_without_the_fixture_the_shortcuts_say_so(tmp_path: Path) -> None:
    """The functions of `wf.testing` work on the engine of the test, and without one say what to do."""
    output = run_project(
        tmp_path,
        """
        from wf.testing import NoWorkbench, introspect, introspect_instance

        def test_without():
            with pytest.raises(NoWorkbench, match="have the fixture `wf`"):
                introspect(Flow)

        def test_with(wf):
            with introspect_instance(Flow, "f") as flow, introspect(Flow) as flows:
                wf.workflow(Flow).create("f")
                assert flow.wait_for_step_result("one") == 1
                assert [one.id for one in flows.get()] == ["f"]
        """,
    )
    assert "2 passed" in output, output


def test_the_plugin_is_cheap_for_those_who_do_not_use_it() -> None:
    """Pytest loads the plugin in every run, so it imports no driver, no ORM and no Celery."""
    heavy = "{'sqlalchemy', 'celery', 'kombu', 'psycopg', 'redis', 'pydantic', 'hypothesis', 'psutil'}"
    told = f"import sys, wf.testing.plugin; assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", told], check=True, env=users_environment())


def test_an_engine_without_pytest(tmp_path: Path) -> None:
    """A script opens the workbench by itself, and its servers end with it."""
    script = tmp_path / "script.py"
    script.write_text(
        dedent("""
        from wf import WorkflowEntrypoint
        from wf.testing import open_workbench

        class Flow(WorkflowEntrypoint):
            async def run(self, event, step):
                await step.sleep("nap", "30 days")
                return await step.do("three", lambda: 3)

        with open_workbench() as wf:
            flow = wf.workflow(Flow).create()
            wf.time.advance("30 days")
            print("gave", flow.result(timeout=5))
        """)
    )
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, env=users_environment())
    assert "gave 3" in run.stdout, run.stderr
