"""Forks of instances."""

from pydantic import Field

from wf_api.models.common import FromStep, Given, Payload, like


class Fork(Given):
    """An instance to create as a copy of another one."""

    model_config = like({"id": "r-17-again", "params": {"customer": "eve"}, "from": {"name": "upload", "count": 1}})

    id: str | None = Field(default=None, description="A random one by default.", examples=["r-17-again"])
    params: Payload = Field(default=None, description="In place of the original's, if this is there; null means `{}`.")
    from_: FromStep | None = Field(default=None, alias="from", description="Keep what began before this step.")
