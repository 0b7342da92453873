"""The README tells the truth: its settings are the settings, its first workflow runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from wf.settings import Settings
from wf.workflow import registry

if TYPE_CHECKING:
    from tests.support import Rig

README = Path(__file__).parents[1] / "README.md"


def table() -> str:
    """The settings as the README must show them."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = f"`{field.default}`" if field.default != "" else ""
        lines.append(f"| `WF_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines)


def test_every_setting_stands_in_the_readme_with_its_default() -> None:
    """The table between the markers is exactly what the settings class says."""
    found = re.search(r"<!-- settings -->\n(.*?)\n?<!-- /settings -->", README.read_text(), re.DOTALL)
    assert found is not None
    assert found[1] == table()


def test_the_first_workflow_runs_as_it_stands(rig: Rig) -> None:
    """The README's own code is imported, triggered, slept through, answered, and gives what it promises."""
    (code,) = re.findall(r"```python\n(from datetime.*?)```", README.read_text(), re.DOTALL)
    exec(compile(code, str(README), "exec"), {"__name__": "readme"})
    instance = rig.create(registry.get("welcome"), params={"email": "ada@example.org"})
    rig.settle()
    rig.pass_time(2)
    instance.send_event("answered", {"stars": 5})
    rig.settle()
    assert instance.status().output == {"account": 17, "stars": 5}
