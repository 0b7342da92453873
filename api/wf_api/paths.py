"""What stands in URLs: instances, as `{id:instance}`, and text that Postgres can keep."""

from __future__ import annotations

from fastapi import Request
from starlette.convertors import Convertor, register_url_convertor

from wf_api.problems import InvalidRequest


class InstanceId(Convertor[str]):
    """One part of a path; of the ids that schedules create, such as `*/30 * * * *-1786001400000`, more than one."""

    regex = r"[^/]+|[^/ ]+(?:/[^/ ]+)* [^ ]+ [^ ]+ [^ ]+ [^ ]+-[0-9]+"

    def convert(self, value: str) -> str:
        """As it stands."""
        return value

    def to_string(self, value: str) -> str:
        """As it stands."""
        return value


register_url_convertor("instance", InstanceId())

ONE = "/{id:instance}"
"""An instance below those of its workflow."""


async def readable(request: Request) -> None:
    """Refuse a URL with a NUL, which nothing here can be called and Postgres cannot even look for.

    Raises:
        InvalidRequest: It has one.
    """
    if "\0" in request.scope["path"] or "%00" in request.url.query:
        raise InvalidRequest("There is a NUL (%00) in the URL; no name and no id has one.")
