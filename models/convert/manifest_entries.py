"""Step 3b: size and SHA-256 of the converted files into `models/manifest.json`; the rest of it is kept by hand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from models.convert.sources import CHIP_WEIGHTS, DETECTOR_WEIGHTS, STEM_WEIGHTS, TRUNK_WEIGHTS
from models.manifest import MANIFEST, PARTS


def updated(fields: dict[str, Any], path: Path) -> None:
    """Size and hash of one file into its object."""
    content = path.read_bytes()
    measured = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    same = measured.items() <= fields.items()
    print(f"manifest   {path.name}  {'unchanged' if same else 'CHANGED: run the tests and the evaluation'}")
    fields.update(measured)


def main() -> None:
    """Update the entries whose file was converted; say which changed."""
    document = json.loads(MANIFEST.read_text(encoding="utf-8"))
    entries = [part for item in document["models"] for part in (item, *(item[name] for name in PARTS if name in item))]
    for path in (DETECTOR_WEIGHTS, STEM_WEIGHTS, CHIP_WEIGHTS, TRUNK_WEIGHTS):
        (fields,) = [item for item in entries if item["file"] == f"weights/{path.name}"]
        updated(fields, path)
    MANIFEST.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
