"""Parts of paths: instances, `{id:instance}`, and what is done to them, `{action:wish}`."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class InstanceId(Convertor[str]):
    """One part of a path; of the ids that schedules create, such as `*/30 * * * *-1786001400000`, more than one."""

    regex = r"[^/]+|[^/ ]+(?:/[^/ ]+)* [^ ]+ [^ ]+ [^ ]+ [^ ]+-[0-9]+"

    def convert(self, value: str) -> str:
        """As it stands."""
        return value

    def to_string(self, value: str) -> str:
        """As it stands."""
        return value


class Wish(Convertor[str]):
    """What a person may do to an instance on a page of its own."""

    regex = "pause|resume|terminate|restart|delete"

    def convert(self, value: str) -> str:
        """As it stands."""
        return value

    def to_string(self, value: str) -> str:
        """As it stands."""
        return value


register_url_convertor("instance", InstanceId())
register_url_convertor("wish", Wish())

ONE = "/{id:instance}"
"""An instance below those of its workflow."""
