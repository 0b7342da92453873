"""What the wheel holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

_ROOT = Path(__file__).parents[1]
_PACKAGES = {
    "wf": _ROOT / "wf",
    "wf_tasks": _ROOT / "tasks/wf_tasks",
    "wf_reaper": _ROOT / "reaper/wf_reaper",
    "wf_api": _ROOT / "api/wf_api",
}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(_ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_brings_our_packages_and_nothing_else(names: set[str]) -> None:
    """The wheel's top-level names are the packages and its own metadata: no tests, no examples."""
    tops = {name.split("/")[0] for name in names}
    (metadata,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {*_PACKAGES, metadata}


def test_the_wheel_holds_every_file_of_the_packages(names: set[str]) -> None:
    """Each module, statement file, migration and type marker below the packages is in the wheel."""
    expected = {
        f"{package}/{file.relative_to(folder)}"
        for package, folder in _PACKAGES.items()
        for file in folder.rglob("*")
        if file.suffix in {".py", ".sql", ".typed", ".mako", ".ini", ".html", ".css", ".js"}
    }
    assert "wf/py.typed" in expected
    assert any(name.startswith("wf/sql/") for name in expected)
    assert expected <= names


def test_the_wheel_leaves_the_pictures_of_the_readme_behind(names: set[str]) -> None:
    """Pictures are for readers of the repository: the only image in the wheel is the icon of the pages."""
    assert list((_ROOT / "examples/report/pictures").glob("*.png"))
    images = {name for name in names if name.endswith((".png", ".jpg", ".gif", ".webp", ".svg"))}
    assert images == {"wf_api/static/icon.svg"}


def test_the_wheel_holds_the_license_and_the_command(names: set[str]) -> None:
    """The license and the entry point of `wf` are in the wheel's metadata."""
    assert {name.split(".dist-info/")[1] for name in names if ".dist-info/" in name} >= {
        "licenses/LICENSE",
        "entry_points.txt",
    }
