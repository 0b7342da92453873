"""Who calls, and what they may do. Every route says what it needs: `Reader`, `Writer` or `Admin`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.client import Client, Workflow
    from wf_api.parts import Parts


class Scope(IntEnum):
    """What a caller may do; each holds those before it."""

    READ = 1
    """Look."""
    WRITE = 2
    """Create instances, send events, move and remove instances."""
    ADMIN = 3
    """Settings of workflows, removal of workflows, tokens."""


@dataclass(frozen=True)
class Principal:
    """Somebody who has shown who they are.

    Attributes:
        name: For the audit.
        scope: What they may do.
        workflows: To these workflows only; None means all.
    """

    name: str
    scope: Scope
    workflows: frozenset[str] | None = None


class Caller:
    """A request's principal, with a client that acts in their name."""

    def __init__(self, principal: Principal, parts: Parts) -> None:
        self.principal, self.parts = principal, parts
        self.client: Client = parts.client.acting_as(f"api:{principal.name}")

    def workflow(self, name: str) -> Workflow:
        """A workflow that this caller may touch.

        Raises:
            Forbidden: They may not.
            WorkflowNotFound: No workflow can have this name.
        """
        self.check(name)
        return self.client.workflow(name)

    def check(self, workflow: str) -> None:
        """Refuse a workflow that this caller may not touch.

        Raises:
            Forbidden: They may not.
        """

    def sees(self, workflow: str) -> bool:
        """Whether lists show this caller things of this workflow."""
        return self.principal.workflows is None or workflow in self.principal.workflows


def need(scope: Scope) -> Callable[..., Any]:
    """A dependency that gives the caller, if they may do so much.

    Raises:
        Unauthenticated: Nobody knows them.
        Forbidden: They may not.
    """

    async def caller(request: Request) -> Caller:
        parts: Parts = request.app.state.parts
        return Caller(Principal("local", max(scope, Scope.ADMIN)), parts)

    return caller


Reader = Annotated[Caller, Depends(need(Scope.READ))]
Writer = Annotated[Caller, Depends(need(Scope.WRITE))]
Admin = Annotated[Caller, Depends(need(Scope.ADMIN))]
