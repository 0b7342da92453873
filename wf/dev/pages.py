"""Where people reach the pages that `wf dev` serves, and the login that its Flower asks for."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

USER = "wf"

_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  # it is compared, not bound


def page_urls(env: Mapping[str, str], *, flower: bool, api: bool) -> dict[str, str]:
    """WF_DASHBOARD_URL and WF_FLOWER_URL of what runs, unless somebody has set them.

    Args:
        env: The variables that say where the processes listen.
        flower: Whether Flower runs.
        api: Whether the API runs.
    """
    urls = {}
    if api and (port := env.get("WF_API_PORT") or "8000") != "0":
        urls["WF_DASHBOARD_URL"] = f"http://{_host(env.get('WF_API_HOST', ''))}:{port}"
    if flower and (port := env.get("FLOWER_PORT") or "5555") != "0":
        prefix = env.get("FLOWER_URL_PREFIX", "").strip("/")
        urls["WF_FLOWER_URL"] = f"http://{_host(env.get('FLOWER_ADDRESS', ''))}:{port}/{prefix}".rstrip("/")
    return {name: env.get(name) or url for name, url in urls.items()}


def flower_login(env: Mapping[str, str], data: Path) -> str:
    """`user:password` for Flower, the same every time; empty if FLOWER_BASIC_AUTH or FLOWER_AUTH says who may see it.

    Without one, any page in a browser of this machine could revoke tasks, and so could any of its users.

    Args:
        env: The variables.
        data: The folder where the login is kept.
    """
    if env.get("FLOWER_BASIC_AUTH") or env.get("FLOWER_AUTH"):
        return ""
    kept = data / "flower"
    login = kept.read_text().strip() if kept.is_file() else ""
    if not login:
        login = f"{USER}:{secrets.token_urlsafe(12)}"
        write_privately(kept, f"{login}\n")
    return login


def write_privately(path: Path, text: str) -> None:
    """Write a file that only we may read; one that is there already is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _host(listening: str) -> str:
    """How this machine reaches a process that listens there."""
    host = "127.0.0.1" if listening in _EVERYWHERE else listening
    return f"[{host}]" if ":" in host else host
