"""Each test has a blog of its own."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_blog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLOG", str(tmp_path / "blog.sqlite"))
