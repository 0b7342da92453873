"""What callers may do: a route says what it needs, `Reader`, `Writer` or `Admin`. Who they are, `wf_api.door` says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request

from wf.errors import WorkflowNotFound
from wf.tokens import Scope
from wf_api.door import Principal
from wf_api.problems import Forbidden

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.client import Client, Workflow
    from wf_api.parts import Parts

__all__ = ["Admin", "Caller", "Principal", "Reader", "Scope", "Writer", "caller_of", "need"]


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
        if not self.sees(workflow):
            raise Forbidden(f"This token is not for workflow {workflow!r:.120}, but for {self._only()} only.")

    def check_unrestricted(self) -> None:
        """Refuse a caller who may touch some workflows only: what follows concerns them all.

        Raises:
            Forbidden: They may not.
        """
        if self.principal.workflows is not None:
            raise Forbidden(f"This needs a token for all workflows; yours is for {self._only()} only.")

    def check_scope(self, scope: Scope) -> None:
        """Refuse a caller who may not do so much.

        Raises:
            Forbidden: They may not.
        """
        if self.principal.scope < scope:
            raise Forbidden(f"This needs a token of scope {scope.word}; yours has {self.principal.scope.word}.")

    def sees(self, workflow: str) -> bool:
        """Whether lists show this caller things of this workflow."""
        return self.principal.workflows is None or workflow in self.principal.workflows

    def readable(self, error: Exception) -> Exception:
        """An error as this caller may read it: without the names of workflows that they may not touch."""
        if not isinstance(error, WorkflowNotFound):
            return error
        found = WorkflowNotFound(error.name, filter(self.sees, error.known))
        for note in getattr(error, "__notes__", ()):
            found.add_note(note)
        return found

    def _only(self) -> str:
        return ", ".join(sorted(self.principal.workflows or ()))


def need(scope: Scope) -> Callable[..., Any]:
    """A dependency that gives the caller, if they may do so much.

    Raises:
        Unauthenticated: Nobody knows them.
        Forbidden: They may not.
    """

    async def caller(request: Request) -> Caller:
        parts: Parts = request.app.state.parts
        found = request.state.caller = Caller(await parts.door.enter(request), parts)
        found.check_scope(scope)
        return found

    return caller


def caller_of(request: Request) -> Caller | None:
    """Who sends a request, if that was asked for before; for its error."""
    found: Caller | None = getattr(request.state, "caller", None)
    return found


Reader = Annotated[Caller, Depends(need(Scope.READ))]
Writer = Annotated[Caller, Depends(need(Scope.WRITE))]
Admin = Annotated[Caller, Depends(need(Scope.ADMIN))]
