"""The envelope, and what many routes share."""

import json
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from wf_api.lean import NO_JSON


def _as_json(value: Any) -> Any:
    """A value that JSON can carry: Python's reader lets NaN pass, and FastAPI gives bytes where no JSON was sent."""
    if isinstance(value, bytes):
        raise ValueError(NO_JSON)  # noqa: TRY004  # pydantic's way to be told
    try:
        json.dumps(value, allow_nan=False)  # written in C; a loop of ours would stop all other requests for a second
    except ValueError:
        raise ValueError("NaN, Infinity and numbers beyond 1.8e308 are not JSON; send them as text") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


Json = Annotated[Any, Field(description="Any JSON.")]
Moment = Annotated[datetime, Field(description="ISO 8601, UTC.", examples=["2026-11-26T09:30:00Z"])]
Payload = Annotated[Json, AfterValidator(_as_json)]
"""What a request brings for `run`."""
T = TypeVar("T")


def like(*examples: Any) -> ConfigDict:
    """What a model looks like, for OpenAPI."""
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class Given(BaseModel):
    """A part of a request: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", strict=True)


class FromStep(Given):
    """The step that a restart begins with."""

    name: str = Field(min_length=1, max_length=256, pattern=r"^[^\x00]+$", description="Without its counter.")
    count: int | None = Field(default=None, ge=1, le=2**31 - 1, description="Its occurrence; 1 by default.")
    type: Literal["do", "sleep", "waitForEvent"] | None = None


class Told(BaseModel):
    """A part of an answer."""


class Problem(Told):
    """What went wrong."""

    code: int = Field(description="The number of the kind.", examples=[10400])
    message: str = Field(description="The kind.", examples=["workflows.api.error.instance.not_found"])
    detail: str = Field(description="What happened, to what, and what to do.")


class Refused(Told):
    """The envelope of a bad answer."""

    success: Literal[False]
    errors: list[Problem]
    messages: list[str]
    result: None


class Envelope(Told, Generic[T]):
    """The envelope of a good answer."""

    success: Literal[True]
    errors: list[Problem] = Field(max_length=0)
    messages: list[str]
    result: T


class PageInfo(Told):
    """Which page it is."""

    count: int = Field(description="Entries on this page.")
    per_page: int = Field(description="Entries on a page at most.")
    page: int | None = Field(default=None, description="The page, where its number was given.")
    cursor: str | None = Field(default=None, description="Where the next page begins; null at the end.")
    total_count: int | None = Field(default=None, description="Entries on all pages, where that is known.")


class Listed(Envelope[list[T]], Generic[T]):
    """The envelope of a page."""

    result_info: PageInfo


class Ended(Told):
    """An error with which something ended."""

    name: str = Field(examples=["PaymentDeclined"])
    message: str
    traceback: str | None = None
