"""Whether everything happened exactly once, judged by the other side: its ledger against the files on our disk."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def findings(ledger: dict[str, Any], folder: Path) -> list[str]:
    """What is wrong; empty if every report and every file below `folder` is in the ledger exactly once.

    Args:
        ledger: What `GET /ledger` answers.
        folder: The reports that were submitted, as `inputs.write` left them.
    """
    reports: dict[str, Any] = ledger["reports"]
    wanted = {path.name: path / "files" for path in sorted(folder.iterdir())}
    wrong = [
        f"{reference}: nobody submitted it, but the ledger has it" for reference in sorted(reports.keys() - wanted)
    ]
    for reference, files in wanted.items():
        if reference not in reports:
            wrong.append(f"{reference}: never created")
        else:
            wrong.extend(f"{reference}: {text}" for text in _of_one(reports[reference], files))
    return wrong


def _of_one(report: dict[str, Any], files: Path) -> Iterator[str]:
    for effect in ("created", "finalized"):
        if report[effect] != 1:
            yield f"{effect} {report[effect]} times"
    wanted = {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(files.iterdir())}
    for name in sorted(wanted.keys() ^ report["files"].keys()):
        yield f"file {name} is {'missing at the API' if name in wanted else 'not ours'}"
    for name in sorted(wanted.keys() & report["files"].keys()):
        file = report["files"][name]
        if (file["stored"], file["described"]) != (1, 1):
            yield f"file {name} stored {file['stored']} times, described {file['described']} times"
        if file["sha256"] != wanted[name]:
            yield f"file {name} arrived with other content"
