"""Payloads of requests, checked by the schemas that workers have told: the classes are not known here.

A payload is checked by the JSON schema of its pydantic model, which is stricter than pydantic: the text `"5"` is no
number. Where this process knows the class, the client checks by that, and nothing is done here.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from jsonschema_rs import Draft202012Validator

from wf.errors import InvalidPayload
from wf.schemas import Declared, declared
from wf.workflow import registry

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

    from wf.clock import Clock
    from wf.database import Database

log = structlog.get_logger("wf")

TRUST = 2.0
"""Seconds for which a schema is believed that was read before, so that a creation costs no query more."""
KEPT = 1_000
"""Versions that are remembered at most."""
FAULTS = 20
"""Faults of one payload that are told at most."""
SHOWN = 300
"""Characters of a fault, which may show a long value."""


class Payloads:
    """Checks payloads.

    Args:
        database: Where schemas are.
        clock: Whose time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._known: dict[tuple[str, str | None], _Known] = {}

    def check_params(self, workflow: str, params: Any, version: str | None = None) -> None:
        """Refuse params that do not fit.

        Args:
            workflow: The workflow.
            params: None stands for `{}`.
            version: Whose schema; None for that of a new instance.

        Raises:
            InvalidPayload: They do not fit.
        """
        self._check(workflow, version, None, {} if params is None else params)

    def check_event(self, workflow: str, version: str | None, type: str, payload: Any) -> None:
        """Refuse the payload of an event that does not fit.

        Args:
            workflow: The workflow.
            version: That of the instance, if it is known; else that of a new one is taken.
            type: The event's.
            payload: What is sent.

        Raises:
            InvalidPayload: It does not fit.
        """
        self._check(workflow, version, type, payload)

    def _check(self, workflow: str, version: str | None, event: str | None, payload: Any) -> None:
        cls = registry.find(workflow) if version is None else registry.suited(workflow, version)
        rule = self._look(workflow, version).rule(event) if cls is None else None
        if rule is None or rule.validator.is_valid(payload):
            return
        faults = [_fault(error) for error in islice(rule.validator.iter_errors(payload), FAULTS)]
        raise InvalidPayload(workflow, rule.name, faults, event)

    def _look(self, workflow: str, version: str | None) -> _Known:
        """What is known of a version; looked up again when that is too old."""
        now = self._clock.now()
        known = self._known.get((workflow, version))
        if known is not None and now < known.until:
            return known
        found = declared(self._database, workflow, version)
        if known is None or known.found != found:
            known = _Known(found)
        known.until = now + TRUST
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known[workflow, version] = known
        return known


class _Rule(NamedTuple):
    """How a payload is checked, and what it shall be."""

    validator: Any
    name: str


class _Known:
    """What is known of a version, and the rules made of it as they are needed."""

    def __init__(self, found: Declared | None) -> None:
        self.found, self.until = found, 0.0
        self._rules: dict[str, _Rule | None] = {}

    def rule(self, event: str | None) -> _Rule | None:
        """The rule for params, or for events of a type; None if there is none."""
        if self.found is None:
            return None
        schema = self.found.params if event is None else self.found.events.get(event)
        if schema is None:
            return None
        key = event or ""
        if key not in self._rules:
            self._rules[key] = _made(schema)
        return self._rules[key]


def _made(schema: dict[str, Any]) -> _Rule | None:
    """The rule of a schema; None if it is beyond the validator, as an odd regular expression is: the worker checks."""
    try:
        # Formats are pydantic's to judge: it reads more dates than RFC 3339 knows.
        validator = Draft202012Validator(schema, validate_formats=False, offline=True)
    except ValueError as error:
        log.warning("a schema cannot be used; the worker will check", schema=schema.get("title"), reason=str(error))
        return None
    return _Rule(validator, str(schema.get("title", "its schema")))


def _fault(error: ValidationError) -> dict[str, Any]:
    text = error.message
    told = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    return {"type": error.kind.name, "loc": ("$", *error.instance_path), "msg": told}
