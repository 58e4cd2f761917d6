"""``python -m tests.residue [--json]``: plays a day and counts what is left of her, in files and in memory.

Files must hold nothing (exit status 1). Memory is reported: that of the unit's processes while her check runs, ten
seconds after the last check, and after the unit has ended. Needs Chromium, and root to read other processes' memory.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.residue.play import Found, opened_day
from tests.support.programs import read_list


def _lines(found: Found, items: list[str]) -> list[str]:
    columns = [(moment, kind) for moment, kinds in found.memory.items() for kind in sorted(kinds)]
    heads = ["files", *(f"{kind}, {moment}" for moment, kind in columns)]
    lines = [f"| item | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for item in items:
        cells = [found.files[item], *(found.memory[moment][kind][item] for moment, kind in columns)]
        lines.append(f"| {item} | {' | '.join(map(str, cells))} |")
    return lines


def main() -> int:
    """Print the table; 1 if a file holds something."""
    parser = argparse.ArgumentParser(prog="python -m tests.residue", description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    chromium = read_list()["chromium"].find()
    if chromium is None:
        sys.stderr.write("chromium is missing: .ci/setup programs\n")
        return 3
    with tempfile.TemporaryDirectory() as folder, opened_day(Path(folder), chromium) as day:
        found = day.play()
        items = {name: len(forms) for name, forms in day.marks.items()}
    if arguments.json:
        said = {"looked_for": items, "files": found.files, "memory": found.memory, "core_limits": found.limits}
        sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n".join(_lines(found, list(items))) + "\n")
        sys.stdout.write(f"core limits: {found.limits}\n")
    return 1 if found.files.total() else 0


if __name__ == "__main__":
    sys.exit(main())
