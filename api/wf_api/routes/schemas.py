"""What payloads of a workflow must look like."""

from fastapi import APIRouter, Response

from wf.schemas import declared
from wf_api.access import Reader
from wf_api.documented import EVERYWHERE, refusals
from wf_api.envelope import answered
from wf_api.models.common import Envelope
from wf_api.models.schemas import Schemas
from wf_api.problems import UnknownVersion

router = APIRouter(prefix="/api/workflows", tags=["workflows"], responses=EVERYWHERE)


@router.get(
    "/{name}/versions/{version}/schemas", summary="Show what payloads must look like",
    response_model=Envelope[Schemas], responses=refusals(404),
)  # fmt: skip
def describe_schemas(name: str, version: str, caller: Reader) -> Response:
    """As JSON schema, of the models that the class declares with `params=` and `events=`."""
    caller.check(name)
    found = declared(caller.client.database, name, version)
    if found is None and version not in {known.version for known in caller.client.catalog.versions(name)}:
        raise UnknownVersion(f"Workflow {name!r} has no version {version!r:.60}; see /api/workflows/{name}/versions.")
    return answered({"params": found and found.params, "events": found.events if found else {}})
