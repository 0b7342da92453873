"""The fixtures that isolate tests from one another."""

from __future__ import annotations

import psycopg
import pytest
import redis

from tests.support import Databases, wait_until


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_database_of_its_own(empty_database_url: str, turn: int) -> None:
    """What one test writes is not there in the next."""
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("create table public.mine ()")
        assert connection.execute("select count(*) from public.mine").fetchone() == (0,), turn


def test_a_clone_holds_what_its_template_holds(databases: Databases) -> None:
    """A clone starts with the tables and rows of the template, and leaves the template as it was."""
    template = databases.create()
    with psycopg.connect(databases.url(template)) as connection:
        connection.execute("create table public.rows as select 7 as n")
    with databases.clone(template) as url, psycopg.connect(url) as connection:
        assert connection.execute("delete from public.rows returning n").fetchall() == [(7,)]
    with psycopg.connect(databases.url(template)) as connection:
        assert connection.execute("select n from public.rows").fetchall() == [(7,)]
    databases.drop(template)


def test_dropped_databases_are_gone(databases: Databases) -> None:
    """No test leaves its database behind for longer than the next test takes."""
    with databases.clone("template1") as url, psycopg.connect(url):
        pass
    databases.drop()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_the_shared_redis_answers(redis_url: str) -> None:
    """The Redis of the session is there for every test."""
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


def test_waiting_in_vain_names_what_did_not_happen() -> None:
    """`wait_until` fails with the name of the state and what it saw last."""
    with pytest.raises(AssertionError, match=r"Did not happen in 0\.05 s: the moon is cheese. Last seen: 0"):
        wait_until(lambda: 0, 0.05, "the moon is cheese")
