"""Tokens: list, create, revoke. For administrators whose own token is not restricted to some workflows."""

from fastapi import APIRouter, Response

from wf_api.access import Admin
from wf_api.documented import EVERYWHERE, refusals
from wf_api.envelope import answered
from wf_api.models.common import Envelope
from wf_api.models.tokens import MadeToken, NewToken, Revoked, Token

router = APIRouter(prefix="/api/tokens", tags=["tokens"], responses=EVERYWHERE)


@router.get("", summary="List tokens", response_model=Envelope[list[Token]])
def list_tokens(caller: Admin) -> Response:
    """Those that have not been revoked; none of them is shown itself."""
    caller.check_unrestricted()
    return answered([token.describe() for token in caller.parts.tokens.list()])


@router.post(
    "", status_code=201, summary="Create a token", response_model=Envelope[MadeToken], responses=refusals(409)
)  # fmt: skip
def create_token(caller: Admin, new: NewToken) -> Response:
    """The answer holds the token, this once."""
    caller.check_unrestricted()
    actor = caller.client.actor
    text, made = caller.parts.tokens.make(new.name, new.scope, new.workflows, new.expires_in, created_by=actor)
    caller.parts.door.forget()
    return answered({**made.describe(), "token": text}, status=201)


@router.delete("/{name}", summary="Revoke a token", response_model=Envelope[Revoked], responses=refusals(404))
def revoke_token(caller: Admin, name: str) -> Response:
    """It ends at once here, within two seconds in other processes, and so does every login with it."""
    caller.check_unrestricted()
    caller.parts.tokens.revoke(name, revoked_by=caller.client.actor)
    caller.parts.door.forget()
    return answered({"name": name})
