"""Cloudflare's Python workflows, unmodified: importing this makes `workers` and `workers.workflows` importable.

Dicts in payloads and results have their entries as attributes too, as they have there.

`wf worker --compat cloudflare` imports it before the modules of workflows. Whatever else imports such a module, a test
for example, does so itself: `import wf.compat.cloudflare`.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path

import wf.compat.workers.workflows
from wf.errors import WfError
from wf.views import give_attributes

_MODULES = {"workers": wf.compat.workers, "workers.workflows": wf.compat.workers.workflows}


class ModuleTaken(WfError):
    """There is another module of the name that a stand-in needs."""

    code = "compat.module_taken"


def install() -> None:
    """Make `workers` and `workers.workflows` importable.

    Raises:
        ModuleTaken: Another module `workers` is imported, installed, or lies in the current folder.
    """
    if sys.modules.get("workers") is _MODULES["workers"]:
        return
    if (place := _other()) is not None:
        raise ModuleTaken(
            f"Cloudflare's module `workers` cannot be stood in for: there is another one ({place}). Rename it, or "
            f"uninstall it in this environment."
        )
    sys.modules.update(_MODULES)
    give_attributes()


def _other() -> str | None:
    """Where another `workers` comes from; a mere folder of that name is none."""
    if "workers" in sys.modules:
        return str(getattr(sys.modules["workers"], "__file__", None) or "already imported")
    spec = PathFinder.find_spec("workers", [str(Path.cwd()), *sys.path])
    return None if spec is None or spec.loader is None else spec.origin


install()
