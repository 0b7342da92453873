"""What clients want created: read, checked and encoded before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from wf.codec import encode
from wf.ids import check_instance_id
from wf.keywords import RETENTION_KEYS, check_retention
from wf.params import plain_payload
from wf.workflow import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import BaseModel

    from wf.workflow import WorkflowEntrypoint

OPTIONS = ("id", "params", "retention")
IGNORED = ("locationHint", "location_hint")
"""Cloudflare's sources say where an instance shall live; there is one place here."""


class Draft(NamedTuple):
    """An instance to create.

    Attributes:
        id: Its id.
        data: Its params, encoded.
        keep_success: Seconds to keep it after a good end; None leaves it to the workflow, and then to the setting.
        keep_error: The same after an error.
    """

    id: str
    data: bytes
    keep_success: float | None
    keep_error: float | None


def options(given: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The options of one instance, as Cloudflare's sources pass them in one mapping.

    Args:
        given: Any of `id`, `params`, `retention`.
        what: Begins the message of an error.

    Raises:
        ValueError: There is another key.
    """
    for key in given:
        if key not in OPTIONS and key not in IGNORED:
            raise ValueError(f"{what}: unknown key {key!r:.120}; known are {', '.join(OPTIONS)}.")
    return {name: given.get(name) for name in OPTIONS}


def encoded_params(workflow: str, model: type[BaseModel] | None, params: Any, *, limit: int) -> bytes:
    """Params as they are stored.

    Args:
        workflow: Its workflow, for the error.
        model: What they must fit.
        params: None stands for `{}`.
        limit: Bytes that they may have.

    Raises:
        InvalidPayload: They do not fit.
        SerializationError: They hold something that cannot be stored.
        PayloadTooLarge: They are too big.
    """
    payload = {} if params is None else params
    if model is not None:
        payload = plain_payload(workflow, model, payload)
    return encode(payload, what="The payload", limit=limit)


class Drafter:
    """Drafts instances of one workflow.

    Args:
        workflow: Its name.
        cls: Its class, if the caller named it by that.
        limit: Bytes that the params of one instance may have.
    """

    def __init__(self, workflow: str, cls: type[WorkflowEntrypoint] | None, limit: int) -> None:
        self._workflow, self._limit = workflow, limit
        known = cls if cls is not None else registry.find(workflow)
        self._model = known.params_model if known is not None else None
        # Of a workflow named by its name, the journal knows the retention of the version that the instance will get.
        self._retention = cls.workflow_settings.get("default_retention", {}) if cls is not None else {}

    def draft(
        self, id: Any, params: Any, retention: Any, *, check_id: Callable[[object], str] = check_instance_id
    ) -> Draft:
        """An instance to create.

        Args:
            id: None makes a random one.
            params: None stands for `{}`.
            retention: See `wf.keywords.check_retention`.
            check_id: The rule for ids.

        Raises:
            InvalidInstanceId: The id breaks the rule.
            InvalidPayload: The params do not fit the model of the workflow.
            SerializationError: The params hold something that cannot be stored.
            PayloadTooLarge: The params are too big.
            ValueError: The retention cannot be used.
        """
        id = str(uuid4()) if id is None else check_id(id)
        keep = self._retention
        if retention is not None:
            keep = {**keep, **check_retention(f"Workflow {self._workflow!r}: retention", retention)}
        data = encoded_params(self._workflow, self._model, params, limit=self._limit)
        return Draft(id, data, *(keep.get(key) for key in RETENTION_KEYS))
