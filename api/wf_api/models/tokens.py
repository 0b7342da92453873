"""Tokens: made, listed."""

from typing import Literal

from pydantic import ConfigDict, Field

from wf_api.models.common import Given, Moment, Told

Scope = Literal["read", "write", "admin"]


class NewToken(Given):
    """A token to make."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "ci", "scope": "write", "workflows": ["report"]}]}
    )

    name: str = Field(description="For people and the audit.", examples=["ci"])
    scope: Scope = Field(description="Each holds those before it.")
    workflows: list[str] | None = Field(default=None, description="For these only; all by default.")
    expires_in: float | str | None = Field(
        default=None, description="Seconds, or text; never by default.", examples=["90 days"]
    )


class Token(Told):
    """What is known of a token."""

    name: str
    scope: Scope
    workflows: list[str] | None = Field(description="For these only; null means all.")
    created_by: str
    created_on: Moment
    expires_on: Moment | None
    used_on: Moment | None = Field(description="To the minute.")


class MadeToken(Token):
    """A token that was just made."""

    token: str = Field(description="It is shown this once.")


class Revoked(Told):
    """A token that has ended."""

    name: str
