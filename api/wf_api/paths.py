"""Instances in paths: `{id:instance}`."""

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


register_url_convertor("instance", InstanceId())

ONE = "/{id:instance}"
"""An instance below those of its workflow."""
