"""A shop: an order and its workflow are written in one transaction, so that there are always both, or neither."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import wf.contrib.fastapi
from wf.contrib.fastapi import WfClient

engine = create_async_engine(os.environ["DATABASE_URL"])  # the database of WF_DATABASE_URL: a transaction has but one
Session = async_sessionmaker(engine)


class Base(DeclarativeBase):
    metadata = MetaData(schema="public")


class Order(Base):
    __tablename__ = "shop_order"

    id: Mapped[str] = mapped_column(primary_key=True)
    item: Mapped[str]
    quantity: Mapped[int]
    card: Mapped[str | None]


async def get_session() -> AsyncIterator[AsyncSession]:
    async with Session.begin() as session:  # commits at its end, or rolls back if there was an error
        yield session


# "function": committed before the answer is sent, so that nobody is told of an order that does not exist.
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with wf.contrib.fastapi.lifespan(app):
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield
    await engine.dispose()


app = FastAPI(title="Shop", lifespan=lifespan)
wf.contrib.fastapi.install(app)  # no such instance: 404; it exists: 409; it has ended: 409; no Postgres: 503; ...


class NewOrder(BaseModel):
    id: str
    item: str
    quantity: int = 1


class Payment(BaseModel):
    card: str


@app.post("/orders", status_code=201)
async def create_order(order: NewOrder, client: WfClient, session: SessionDep) -> NewOrder:
    session.add(Order(**order.model_dump()))
    await client.workflow("order").create(order.id, order.model_dump(), session=session)
    if order.quantity > 10:  # too late? Whatever goes wrong before the commit takes both back
        raise HTTPException(422, f"There are only 10 of {order.item}.")
    return order


@app.post("/orders/{id}/pay", status_code=202)
async def pay_order(id: str, payment: Payment, client: WfClient, session: SessionDep) -> Payment:
    instance = await client.workflow("order").get(id)
    order = await session.get_one(Order, id)
    order.card = payment.card
    await instance.send_event("paid", payment.model_dump(), event_id=f"pay-{id}", session=session)
    return payment


@app.get("/orders/{id}")
async def get_order(id: str, client: WfClient, session: SessionDep) -> dict[str, Any]:
    instance = await client.workflow("order").get(id)
    order = await session.get_one(Order, id)
    status = await instance.status()
    return {"item": order.item, "quantity": order.quantity, "status": status.status, "output": status.output}
