"""Tokens: list, create, revoke. For administrators whose own token is not restricted to some workflows."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from wf_api.access import Admin
from wf_api.envelope import answered

router = APIRouter(prefix="/api/tokens", tags=["tokens"])


class NewToken(BaseModel):
    """A token to make."""

    model_config = ConfigDict(extra="forbid")

    name: str
    scope: Annotated[str, Field(description="read, write or admin; each holds those before it.")]
    workflows: Annotated[list[str] | None, Field(description="For these only; all by default.")] = None
    expires_in: Annotated[
        float | str | None, Field(description='Seconds, or text such as "90 days"; never by default.')
    ] = None


@router.get("", summary="List tokens")
def list_tokens(caller: Admin) -> Any:
    """Those that have not been revoked; none of them is shown itself."""
    caller.check_unrestricted()
    return answered([token.describe() for token in caller.parts.tokens.list()])


@router.post("", status_code=201, summary="Create a token")
def create_token(caller: Admin, wish: NewToken) -> Any:
    """The answer holds the token, this once."""
    caller.check_unrestricted()
    text = caller.parts.tokens.create(
        wish.name, wish.scope, wish.workflows, wish.expires_in, created_by=caller.client.actor
    )
    caller.parts.door.forget()
    made = next(token for token in caller.parts.tokens.list() if token.name == wish.name)
    return answered({**made.describe(), "token": text}, status=201)


@router.delete("/{name}", summary="Revoke a token")
def revoke_token(caller: Admin, name: str) -> Any:
    """It ends at once here, within two seconds in other processes, and so does every login with it."""
    caller.check_unrestricted()
    caller.parts.tokens.revoke(name, revoked_by=caller.client.actor)
    caller.parts.door.forget()
    return answered({"name": name})
