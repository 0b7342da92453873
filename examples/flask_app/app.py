"""A shop: an order and its workflow are written in one transaction, so that there are always both, or neither."""

import os
from typing import Any

from flask import Blueprint, Flask, abort, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from wf.contrib.flask import Wf


class Base(DeclarativeBase):
    metadata = MetaData(schema="public")


db = SQLAlchemy(model_class=Base)
wf = Wf()
shop = Blueprint("shop", __name__)


class Order(db.Model):  # type: ignore[misc, name-defined]  # made when the app runs
    __tablename__ = "shop_order"

    id: Mapped[str] = mapped_column(primary_key=True)
    item: Mapped[str]
    quantity: Mapped[int]
    card: Mapped[str | None]


def create_app() -> Flask:
    app = Flask(__name__)
    # The database of WF_DATABASE_URL: a transaction has but one.
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    db.init_app(app)
    wf.init_app(app)  # also answers errors: no such instance, 404; it exists, 409; it has ended, 409; no Postgres, 503
    app.register_blueprint(shop)
    with app.app_context():
        db.create_all()
    return app


@shop.post("/orders")
def create_order() -> tuple[dict[str, Any], int]:
    order = {"id": request.json["id"], "item": request.json["item"], "quantity": request.json.get("quantity", 1)}
    db.session.add(Order(**order))
    wf.workflow("order").create(order["id"], order, session=db.session)
    if order["quantity"] > 10:  # too late? Whatever goes wrong before the commit takes both back
        abort(422, f"There are only 10 of {order['item']}.")
    db.session.commit()
    return order, 201


@shop.post("/orders/<id>/pay")
def pay_order(id: str) -> tuple[dict[str, Any], int]:
    instance = wf.workflow("order").get(id)
    order = db.session.get_one(Order, id)
    order.card = request.json["card"]
    instance.send_event("paid", {"card": order.card}, event_id=f"pay-{id}", session=db.session)
    db.session.commit()
    return {"card": request.json["card"]}, 202


@shop.get("/orders/<id>")
def get_order(id: str) -> dict[str, Any]:
    instance = wf.workflow("order").get(id)
    order = db.session.get_one(Order, id)
    status = instance.status()
    return {"item": order.item, "quantity": order.quantity, "status": status.status, "output": status.output}
