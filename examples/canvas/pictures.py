"""The work itself, which knows neither Celery nor workflows."""

from __future__ import annotations

from pathlib import Path


def shrink(picture: str) -> str:
    """Make a small picture beside a big one, and give its path. A stand-in for Pillow: it keeps the first bytes."""
    big = Path(picture).read_bytes()
    if not big.startswith(b"P6"):
        raise ValueError(f"{picture} is no picture")
    small = Path(picture).with_suffix(".small")
    small.write_bytes(big[:64])
    return str(small)


def bind(small: list[str]) -> str:
    """Make a page of small pictures beside the first of them, and give its path."""
    page = Path(small[0]).with_name("album.html")
    page.write_text("\n".join(f'<img src="{Path(each).name}">' for each in small))
    return str(page)
