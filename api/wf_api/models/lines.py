"""Log lines of steps."""

from pydantic import Field

from wf_api.models.common import Moment, Told, like


class Line(Told):
    """What an attempt has logged."""

    model_config = like(
        {
            "at": "2026-11-26T09:30:00.120000Z", "level": "INFO", "logger": "shop.upload", "message": "3 of 7 uploaded",
            "attempt": 1,
        }
    )  # fmt: skip

    at: Moment
    level: str = Field(description="By the name that Python's `logging` has for it.")
    logger: str
    message: str = Field(description="4096 characters at most; a traceback below it keeps its end.")
    attempt: int
