"""The audit behind an API, as `wf.audit.Audit` has it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from wf.answers import Answer, Page

if TYPE_CHECKING:
    from wf.remote_http import Http


class RemoteAudit:
    """As `wf.audit.Audit`.

    Args:
        http: Asks the API.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    def list(
        self, *, workflow: str | None = None, instance: str | None = None, actor: str | None = None,
        action: str | None = None, cursor: int | None = None, limit: int | None = None,
    ) -> Page:  # fmt: skip
        """As `Audit.list`, of what the token may see."""
        found = self._http.read(
            "/audit", workflow=workflow, instance=instance, actor=actor, action=action, cursor=cursor, per_page=limit
        )
        entries = [Answer({**told, "at": datetime.fromisoformat(told["at"])}) for told in found["result"]]
        return Page(entries, found["result_info"]["cursor"])
