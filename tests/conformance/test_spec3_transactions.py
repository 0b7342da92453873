"""SPEC 3: create and send_event in the caller's own transaction, of every kind of connection that there is."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from tests.conformance.kit_events import flow, output, wait_for_go
from wf import AsyncClient, InstanceNotFound
from wf.urls import database_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.support import Rig


@contextmanager
def sqlalchemy_connection(url: str) -> Iterator[tuple[dict[str, Any], Any]]:
    with create_engine(database_url(url), poolclass=NullPool).connect() as connection:
        yield {"connection": connection}, connection


@contextmanager
def sqlalchemy_session(url: str) -> Iterator[tuple[dict[str, Any], Any]]:
    with Session(create_engine(database_url(url), poolclass=NullPool)) as session:
        yield {"session": session}, session


@contextmanager
def psycopg_connection(url: str) -> Iterator[tuple[dict[str, Any], Any]]:
    with psycopg.connect(url) as connection:
        yield {"connection": connection}, connection


@asynccontextmanager
async def async_connection(url: str) -> AsyncIterator[tuple[dict[str, Any], Any]]:
    async with create_async_engine(database_url(url), poolclass=NullPool).connect() as connection:
        yield {"connection": connection}, connection


@asynccontextmanager
async def async_session(url: str) -> AsyncIterator[tuple[dict[str, Any], Any]]:
    async with AsyncSession(create_async_engine(database_url(url), poolclass=NullPool)) as session:
        yield {"session": session}, session


every_kind = pytest.mark.parametrize("begin", [sqlalchemy_connection, sqlalchemy_session, psycopg_connection])
every_async_kind = pytest.mark.parametrize("begin", [async_connection, async_session])
either_end = pytest.mark.parametrize("commits", [True, False], ids=["commit", "rollback"])


@either_end
@every_kind
def test_create_and_send_event_share_the_callers_fate(rig: Rig, begin: Any, commits: bool) -> None:
    """Nothing is visible before the commit, everything after it, nothing after a rollback; no message is needed."""
    workflow = rig.client.workflow(flow(wait_for_go))
    there = workflow.create("there")
    rig.settle()
    with begin(rig.settings.database_url) as (where, foreign):
        workflow.create("new", **where)
        there.send_event("go", "yes", **where)
        with pytest.raises(InstanceNotFound):
            workflow.get("new")
        rig.settle()
        assert there.status().status == "waiting"
        if commits:
            foreign.commit()
        else:
            foreign.rollback()
    rig.lose_messages()  # the process died right after the commit
    rig.pass_time(0)
    if commits:
        assert output(there) == "yes"
        assert workflow.get("new").status().status == "waiting"
    else:
        assert there.status().status == "waiting"
        with pytest.raises(InstanceNotFound):
            workflow.get("new")
        assert workflow.create("new").status().status == "queued"


@either_end
@every_async_kind
def test_async_create_and_send_event_do_the_same(rig: Rig, begin: Any, commits: bool) -> None:
    """AsyncConnection and AsyncSession."""
    cls = flow(wait_for_go)
    workflow = rig.client.workflow(cls)
    there = workflow.create("there")
    rig.settle()

    async def body() -> None:
        async with AsyncClient(settings=rig.settings, clock=rig.clock) as client:
            theirs = client.workflow(cls)
            async with begin(rig.settings.database_url) as (where, foreign):
                await theirs.create("new", **where)
                await (await theirs.get("there")).send_event("go", "yes", **where)
                with pytest.raises(InstanceNotFound):
                    await theirs.get("new")
                await (foreign.commit() if commits else foreign.rollback())

    asyncio.run(body())
    rig.lose_messages()
    rig.pass_time(0)
    assert there.status().status == ("complete" if commits else "waiting")
    assert [found.id for found in workflow.list()] == (["new", "there"] if commits else ["there"])


@every_kind
def test_an_event_may_be_sent_to_an_instance_of_the_same_transaction(rig: Rig, begin: Any) -> None:
    """Create and event are committed together, and the event is there before the wait."""
    workflow = rig.client.workflow(flow(wait_for_go))
    with begin(rig.settings.database_url) as (where, foreign):
        workflow.create("new", **where).send_event("go", "first", **where)
        foreign.commit()
    rig.settle()
    rig.pass_time(0)
    assert output(workflow.get("new")) == "first"
