"""Requests to an API of celery-wf: how often, and what comes of the answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from wf.errors import JournalUnavailable, WfError
from wf.http import PREFIX

if TYPE_CHECKING:
    from wf.settings import Settings

TRIES = 3
"""How often something is read before it is given up; what changes something is asked for once."""

WAIT = 1.0
"""Seconds that a read waits when the API does not say when to come again."""

WAIT_MAX = 5.0
"""Seconds that a read waits at most when the API says when to come again."""


class ApiUnavailable(JournalUnavailable):
    """The API at WF_API_URL does not answer, or cannot reach its journal: whoever only looks may look again."""

    code = "api.unavailable"
    _text = "{}"


class ApiRefused(WfError):
    """The API at WF_API_URL refuses; the error's code and text are its own.

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code = status, code


class Http:
    """Requests to an API, answered by their results or by errors.

    Args:
        settings: `api_url` and `api_token` are used.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = settings.api_url.rstrip("/")
        headers = {"Authorization": f"Bearer {settings.api_token}"} if settings.api_token else {}
        try:
            self._http = httpx.Client(base_url=f"{self._url}/api", headers=headers, timeout=30)
        except (httpx.InvalidURL, ValueError):
            raise ApiUnavailable("WF_API_URL cannot be read as http://host:port.") from None

    def get(self, path: str, **query: Any) -> Any:
        """Read something, more than once if the API is away for a moment."""
        return self.read(path, **query)["result"]

    def read(self, path: str, **query: Any) -> dict[str, Any]:
        """As `get`, with the envelope, which tells of the page.

        Raises:
            ApiRefused: The API refuses.
            ApiUnavailable: It does not answer, or its journal is away.
        """
        given = {name: value for name, value in query.items() if value is not None}
        for left in reversed(range(TRIES)):
            try:
                answer = self._http.get(path, params=given)
            except httpx.TransportError as error:
                if not left:
                    raise self._away(error) from error
                time.sleep(0.2)
                continue
            if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and left:
                time.sleep(_wait(answer))
                continue
            return self._opened(answer)
        raise AssertionError("the last try returns or raises")

    def send(self, method: str, path: str, **request: Any) -> Any:
        """Change something: once, because it may have been done when no answer comes.

        Raises:
            ApiRefused: The API refuses.
            ApiUnavailable: It does not answer, or its journal is away.
        """
        try:
            answer = self._http.request(method, path, **request)
        except httpx.TransportError as error:
            raise self._away(error) from error
        return self._opened(answer)["result"]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _away(self, error: httpx.TransportError) -> ApiUnavailable:
        return ApiUnavailable(f"The API at {self._url} does not answer ({error}). Check WF_API_URL and that it runs.")

    def _opened(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            envelope: dict[str, Any] = answer.json()
            refused = None if envelope["success"] else envelope["errors"][0]
        except (ValueError, LookupError, TypeError):
            raise ApiUnavailable(
                f"What answers at {self._url} ({answer.status_code}) is no API of celery-wf. Check WF_API_URL."
            ) from None
        if refused is not None and answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            raise ApiUnavailable(refused["detail"])
        if refused is not None:
            raise ApiRefused(answer.status_code, refused["message"].removeprefix(PREFIX), refused["detail"])
        return envelope


def _wait(answer: httpx.Response) -> float:
    """Seconds until an API that is away can be asked again; a proxy may say that in words or by a date."""
    try:
        return min(max(0.0, float(answer.headers["Retry-After"])), WAIT_MAX)
    except (KeyError, ValueError):
        return WAIT


def part(text: str) -> str:
    """One part of a path."""
    return quote(text, safe="")
