"""What people fill into the forms of payloads: read, checked as the API does it, and shown again with what is wrong."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request

from wf.errors import InstanceAlreadyExists
from wf_api.door import BIG
from wf_api.filled import ABSENT, Read, faults_of, read_form
from wf_api.forms import Field, fields, misplaced
from wf_api.pages.refusals import BESIDE
from wf_api.problems import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wf.errors import InvalidInstanceId, InvalidPayload

NOT_JSON = "Numbers beyond 1.8e308 are not JSON; send them as text."


async def _sent(request: Request) -> dict[str, str]:
    form = await request.form(max_part_size=BIG)
    return {name: value for name, value in form.items() if isinstance(value, str)}


Sent = Annotated[dict[str, str], Depends(_sent)]
"""The fields of a form, whatever their names are."""


class Filled:
    """The inputs for a payload, as they are shown first, or as they were filled in.

    Attributes:
        schema: What the payload must look like, as far as that is known.
        faults: What is wrong, by the name of the input.

    Args:
        schema: As above.
        sent: What was filled in; None at first.
        values: What is shown at first.
    """

    def __init__(
        self, schema: Mapping[str, Any] | None, sent: Mapping[str, str] | None = None, values: Any = ABSENT
    ) -> None:
        self.schema, self.faults = schema, dict[str, str]()
        self._sent, self._values = sent, values

    def read(self) -> Any:
        """What was filled in.

        Raises:
            InvalidRequest: It cannot be read; what is wrong is kept in `faults`.
        """
        found = self.found
        if not found.faults and not _is_json(found.payload):
            raise InvalidRequest(NOT_JSON)
        if found.faults:
            self.faults |= found.faults
            raise InvalidRequest(BESIDE)
        return found.payload

    @property
    def found(self) -> Read:
        """The same with its faults, whatever they are."""
        return read_form(self.schema, self._sent or {})

    def blame(self, error: InvalidPayload) -> InvalidRequest:
        """Keep what is wrong with a payload that was refused; the error to show in place of that."""
        self.faults |= faults_of(error)
        return InvalidRequest(BESIDE)

    @property
    def fields(self) -> list[Field]:
        """The inputs."""
        return fields(self.schema, self._values, self.faults, self._sent)

    @property
    def misplaced(self) -> list[str]:
        """What is wrong and belongs to none of them."""
        return misplaced(self.fields, self.faults)


def id_fault(error: InvalidInstanceId | InstanceAlreadyExists) -> str:
    """What is wrong with an id that was filled in."""
    taken = isinstance(error, InstanceAlreadyExists)
    return f"There is an instance {error.id!r} already. Choose another id." if taken else str(error)


def digest(*values: Any) -> str:
    """A short name for what a page was made of: when a form comes back, it tells whether that is still so."""
    return sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return False
    return True
