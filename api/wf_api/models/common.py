"""The envelope, and what many routes share."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Json = Annotated[Any, Field(description="Any JSON.")]
Moment = Annotated[datetime, Field(description="ISO 8601, UTC.", examples=["2026-11-26T09:30:00Z"])]
T = TypeVar("T")


class Given(BaseModel):
    """A part of a request: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", strict=True)


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
