"""Ports and pages of this machine."""

from __future__ import annotations

from base64 import b64encode
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from wf.testing.processes import free_port

__all__ = ["free_port", "status_of"]


def status_of(url: str, login: str = "") -> int:
    """The HTTP status of a page, or 0 if nobody answers.

    Args:
        url: The page.
        login: `user:password`, if any.
    """
    headers = {"Authorization": f"Basic {b64encode(login.encode()).decode()}"} if login else {}
    try:
        with urlopen(Request(url, headers=headers), timeout=5) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0
