"""What operators set over classes behind an API, as `wf.overrides.Overrides` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf import wire
from wf.remote_http import Http, part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wf.answers import Answer


class RemoteOverrides:
    """As `wf.overrides.Overrides`, for people.

    Args:
        http: Asks the API.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    def get(self, workflow: str) -> Answer:
        """As `Overrides.get`."""
        return wire.settings_back(self._http.get(f"/workflows/{part(workflow)}/settings"))

    def change(self, workflow: str, changes: Mapping[str, Any]) -> Answer:
        """As `Overrides.change`, but what cannot be used is refused by the API."""
        wish = dict(changes)
        if (crons := wish.get("schedules")) is not None:
            wish["schedules"] = [{"cron": cron} for cron in crons]
        return wire.settings_back(self._http.send("PATCH", f"/workflows/{part(workflow)}/settings", json=wish))

    def take_back(self, workflow: str) -> Answer:
        """As `Overrides.take_back`."""
        return wire.settings_back(self._http.send("DELETE", f"/workflows/{part(workflow)}/settings"))
