"""The external API of the example: a server of its own, with its own ledger and plenty of faults.

Run it with `python api.py --port 8100 --ledger ledger.sqlite`. It knows nothing about workflows.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from faults import Faults
from ledger import CREATE, DESCRIBE, FINALIZE, UPLOAD, Ledger, Order, RefusedError


class Door:
    """Every request passes here: it meets its fault, and the ledger."""

    def __init__(self, ledger: Ledger, faults: Faults) -> None:
        self._ledger, self._faults = ledger, faults
        self.in_flight: dict[int, dict[str, Any]] = {}

    async def enter(self, request: Request, action: str, report: str = "", file: str = "") -> JSONResponse:
        """Answer one request; in flight until it is answered."""
        key, pid = request.headers.get("Idempotency-Key"), int(request.headers.get("X-Worker-Pid", 0))
        if not key:
            return _refusal(400, "The header Idempotency-Key is missing.")
        order = Order(key, pid, action, report, file, await request.body())
        flight = {"pid": pid, "action": action, "report": report, "file": file, "held": False}
        self.in_flight[id(flight)] = flight
        try:
            return await self._serve(order, flight)
        except RefusedError as refused:
            self._ledger.refuse(order, "caller")
            return _refusal(refused.status, refused.reason)
        finally:
            del self.in_flight[id(flight)]

    async def _serve(self, order: Order, flight: dict[str, Any]) -> JSONResponse:
        fault = self._faults.draw(order.key, self._ledger.seen(order.key), order.action)
        if fault.name == "outage":
            self._ledger.refuse(order, fault.name)
            return _refusal(503, "The service is down.")
        if fault.name == "error before":
            self._ledger.refuse(order, fault.name)
            await asyncio.sleep(fault.delay)
            return _refusal(500, "Something broke.")
        answer = self._ledger.apply(order, fault.name)
        flight["held"] = fault.name == "held"
        await asyncio.sleep(fault.delay)
        return _refusal(500, "Something broke.") if fault.name == "error after" else JSONResponse(answer)


def build(ledger: Ledger, faults: Faults) -> FastAPI:
    """The application."""
    app, door = FastAPI(title="Reports"), Door(ledger, faults)

    @app.post("/reports")
    async def create(request: Request) -> JSONResponse:
        return await door.enter(request, CREATE)

    @app.put("/reports/{report}/files/{file}")
    async def upload(request: Request, report: str, file: str) -> JSONResponse:
        return await door.enter(request, UPLOAD, report, file)

    @app.put("/reports/{report}/files/{file}/metadata")
    async def describe(request: Request, report: str, file: str) -> JSONResponse:
        return await door.enter(request, DESCRIBE, report, file)

    @app.post("/reports/{report}/finalize")
    async def finalize(request: Request, report: str) -> JSONResponse:
        return await door.enter(request, FINALIZE, report)

    _add_backstage(app, ledger, faults, door)
    return app


def _add_backstage(app: FastAPI, ledger: Ledger, faults: Faults, door: Door) -> None:
    @app.get("/ledger")
    async def summary() -> dict[str, Any]:
        return ledger.summary()

    @app.get("/in-flight")
    async def in_flight() -> list[dict[str, Any]]:
        return list(door.in_flight.values())

    @app.post("/outage")
    async def outage(order: dict[str, float]) -> None:
        faults.start_outage(order["seconds"])

    @app.post("/hold")
    async def hold(order: dict[str, Any]) -> None:
        faults.hold_next(str(order["action"]), float(order["seconds"]))


def _refusal(status: int, reason: str) -> JSONResponse:
    return JSONResponse({"error": reason}, status)


def main() -> None:
    """Serve on 127.0.0.1 until a signal comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ledger", type=Path, required=True, help="SQLite file, created if it is missing")
    parser.add_argument("--seed", type=int, default=7, help="of the random faults")
    parser.add_argument("--fault-rate", type=float, default=0.12, help="share of requests answered with 500")
    parser.add_argument("--pace", type=float, default=1.0, help="every answer takes so many times as long")
    options = parser.parse_args()
    ledger = Ledger(options.ledger)
    app = build(ledger, Faults(options.seed, options.fault_rate, options.pace))
    uvicorn.run(
        app, host="127.0.0.1", port=options.port, log_level="warning", access_log=False, timeout_graceful_shutdown=1
    )
    ledger.close()


if __name__ == "__main__":
    main()
