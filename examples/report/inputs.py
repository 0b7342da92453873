"""Reports to submit: `python inputs.py folder 20` writes that many, with 0 to 5 files each.

The same seed gives the same bytes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random

KINDS = ["photo.jpg", "receipt.pdf", "inventory.csv", "statement.txt", "scan.tiff"]
LARGEST = 200_000  # bytes


def write(folder: Path, count: int, seed: int = 7) -> list[dict[str, str]]:
    """Write `count` reports below `folder`: `<reference>/report.json` and `<reference>/files/...`.

    Returns:
        The reports, as they are handed to the workflow.
    """
    random, reports = Random(seed), []
    for number in range(1, count + 1):
        officer = f"officer-{random.randint(1, 9)}"
        report = {"reference": f"r-{number:03}", "title": f"Seizure {number}", "officer": officer}
        files = folder / report["reference"] / "files"
        files.mkdir(parents=True, exist_ok=True)
        (files.parent / "report.json").write_text(json.dumps(report))
        for index, kind in enumerate(KINDS[: number % 6]):
            size = 1 if number == 1 else round(LARGEST ** random.uniform(0.1, 1))  # as many small ones as large ones
            (files / f"{index + 1}-{kind}").write_bytes(random.randbytes(size))
        reports.append(report)
    return reports


if __name__ == "__main__":
    print(f"{len(write(Path(sys.argv[1]), int(sys.argv[2])))} reports written to {sys.argv[1]}")
