"""Many instances at once: created in one commit, deleted one by one."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from wf.answers import Answer
from wf.creation import IGNORED, Draft, Drafter, options
from wf.dispatch import Nudge
from wf.errors import InstanceAlreadyExists, InstanceNotFound, InvalidBatch, JournalBusy, PayloadTooLarge, WfError
from wf.ids import check_address, check_batch_id, check_instance_id
from wf.instance import Instance

if TYPE_CHECKING:
    from wf.connections import Connections
    from wf.workflow import WorkflowEntrypoint

FORMS = ("count", "instances", "params", "retention", "trigger")
_ARGUMENT = "Provided argument is invalid"
_TOO_MANY = "batchCreate only supports {} instances at a time (WF_MAX_BATCH); there are {}"
_DUPLICATE = "instance.duplicate_in_batch"


class Target(NamedTuple):
    """Where a batch is created.

    Attributes:
        cls: The class of the workflow, if the caller named it by that.
        foreign: The caller's own transaction, if there is one.
    """

    client: Connections
    workflow: str
    cls: type[WorkflowEntrypoint] | None
    foreign: Any


class _Batch(NamedTuple):
    """Drafts, and params that all of them share."""

    drafts: list[Draft]
    common: bytes | None
    trigger: str


def create_listed(target: Target, entries: Any, more: Mapping[str, Any]) -> list[Instance]:
    """Create a list of instances; those whose ids exist or are repeated are left out of the answer.

    Raises:
        InvalidBatch: The list is empty, too long, or no list.
        WfError: See `Workflow.create_batch`.
    """
    most = target.client.settings.max_batch
    if not _is_list(entries):
        raise InvalidBatch(f"{_ARGUMENT}: a list of instances, count= or instances= is needed, not {entries!r:.120}")
    if misplaced := set(more) - {"trigger"}:
        raise InvalidBatch(f"{_ARGUMENT}: beside a list there can be no {min(misplaced)}=; each entry has its own")
    if not entries:
        raise InvalidBatch("batchCreate should have at least 1 instance")
    if len(entries) > most:
        raise InvalidBatch(_TOO_MANY.format(most, len(entries)))
    trigger = more.get("trigger", "binding")
    created: list[Instance] = _create(target, _draft(target, entries, check_instance_id, trigger)).created
    return created


def create_form(target: Target, given: Mapping[str, Any]) -> Answer:
    """Create `count` instances alike, or those of `instances`; the answer tells what became of each.

    Raises:
        InvalidBatch: It is neither form, or empty, or too long.
        WfError: See `Workflow.create_batch`.
    """
    if unknown := [key for key in given if key not in FORMS + IGNORED]:
        raise InvalidBatch(f"{_ARGUMENT}: unknown key {unknown[0]!r:.120}; known are {', '.join(FORMS)}")
    if ("count" in given) == ("instances" in given):
        raise InvalidBatch(f"{_ARGUMENT}: give a list of instances, count= or instances=, and only one of them")
    return _create(target, _count(target, given) if "count" in given else _instances(target, given))


def delete_listed(client: Connections, workflow: str, ids: Any) -> Answer:
    """Delete instances; the answer has one entry for each place of the list.

    Raises:
        InvalidBatch: The list is empty, too long, or no list.
        InvalidInstanceId: No instance can have one of the ids; nothing was deleted.
        WorkflowNotFound: There is no such workflow.
    """
    most = client.settings.max_batch
    if not _is_list(ids):
        raise InvalidBatch(f"batchDeleteInstances takes a list of ids, not {ids!r:.120}")
    if not ids:
        raise InvalidBatch("batchDeleteInstances should have at least 1 instance")
    if len(ids) > most:
        raise InvalidBatch(
            f"batchDeleteInstances only supports {most} instances at a time (WF_MAX_BATCH); there are {len(ids)}"
        )
    answer = Answer(deleted=[], errors=[])
    for id in [check_address(id) for id in ids]:
        try:
            Instance(client, workflow, id).delete()
            answer.deleted.append(Answer(id=id))
        except (InstanceNotFound, JournalBusy) as error:
            answer.errors.append(Answer(id=id, code=error.code, message=str(error)))
    return answer


def _is_list(given: object) -> bool:
    return isinstance(given, Sequence) and not isinstance(given, str | bytes)


def _count(target: Target, given: Mapping[str, Any]) -> _Batch:
    count, most = given["count"], target.client.settings.max_batch
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise InvalidBatch(f"count must be a positive integer, not {count!r:.120}")
    if count > most:
        raise InvalidBatch(_TOO_MANY.format(most, count))
    drafter = Drafter(target.workflow, target.cls, target.client.settings.max_payload)
    first = drafter.draft(None, given.get("params"), given.get("retention"))
    drafts = [first, *(first._replace(id=str(uuid4())) for _ in range(count - 1))]
    return _Batch(drafts, first.data, given.get("trigger", "binding"))


def _instances(target: Target, given: Mapping[str, Any]) -> _Batch:
    entries, most = given["instances"], target.client.settings.max_batch
    if not _is_list(entries):
        raise InvalidBatch(f"{_ARGUMENT}: instances must be a list, not {entries!r:.120}")
    if misplaced := set(given) - {"instances", "trigger", *IGNORED}:
        raise InvalidBatch(f"{_ARGUMENT}: beside instances= there can be no {min(misplaced)}=; each entry has its own")
    if not 1 <= len(entries) <= most:
        raise InvalidBatch(
            f"Batch size exceeds maximum allowed: 1 to {most} instances (WF_MAX_BATCH), not {len(entries)}"
        )
    return _draft(target, entries, check_batch_id, given.get("trigger", "binding"))


def _draft(target: Target, entries: Sequence[Any], check_id: Callable[[object], str], trigger: str) -> _Batch:
    limit = target.client.settings.max_payload
    drafter = Drafter(target.workflow, target.cls, limit)
    drafts = []
    for index, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            raise InvalidBatch(f"{_ARGUMENT}: entry {index} must be a dict, not {entry!r:.120}")
        try:
            drafts.append(drafter.draft(**options(entry, f"Entry {index}"), check_id=check_id))
        except (WfError, ValueError) as error:
            error.add_note(f"This is about entry {index} of the batch. Nothing of the batch was done.")
            raise
    if (size := sum(len(draft.data) for draft in drafts)) > limit:
        raise PayloadTooLarge("The batch", size, limit)
    return _Batch(drafts, None, trigger)


def _create(target: Target, batch: _Batch) -> Answer:
    """Write the drafts; the first of those that share an id counts."""
    client, workflow, cls, foreign = target
    client.rates.take(workflow, len(batch.drafts))
    firsts: dict[str, Draft] = {}
    for draft in batch.drafts:
        firsts.setdefault(draft.id, draft)
    made = client.catalog.create_batch(
        workflow, cls.workflow_version if cls is not None else None,
        [_entry(client, draft, alone=batch.common is None) for draft in firsts.values()], batch.common,
        trigger=batch.trigger, execute=client.execute(foreign),
        due_in=client.settings.renudge if foreign is None else 0.0,
    )  # fmt: skip
    if not made and cls is None:
        client.version_of(workflow)
    created = [id for id in firsts if id in made]
    for id in created:
        client.tracing.created(workflow, id, made[id].key, made[id].created_at)
    if created:
        client.nudge(foreign, *(Nudge(made[id].key, 1, 0, workflow=workflow, id=id) for id in created))
    errors = [
        _refusal(workflow, index, draft.id, repeated=firsts[draft.id] is not draft)
        for index, draft in enumerate(batch.drafts)
        if draft.id not in made or firsts[draft.id] is not draft
    ]
    return Answer(created=[Instance(client, workflow, id, made[id].version) for id in created], errors=errors)


def _entry(client: Connections, draft: Draft, *, alone: bool) -> dict[str, Any]:
    params = None
    if alone:
        cipher = client.database.cipher
        sealed = draft.data if cipher is None else cipher.sealed(draft.data)
        params = base64.b64encode(sealed).decode("ascii")
    return {"id": draft.id, "params": params, "keep_success": draft.keep_success, "keep_error": draft.keep_error}


def _refusal(workflow: str, index: int, id: str, *, repeated: bool) -> Answer:
    if repeated:
        message = f'Workflow instance with id "{id}" stands in the batch more than once; the first entry counts.'
        return Answer(index=index, id=id, code=_DUPLICATE, message=message)
    error = InstanceAlreadyExists(workflow, id)
    return Answer(index=index, id=id, code=error.code, message=f'Workflow instance with id "{id}" already exists.')
