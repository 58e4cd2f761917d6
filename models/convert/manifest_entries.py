"""Step 3b: size and SHA-256 of the converted files into `models/manifest.json`; the rest of it is kept by hand."""

from __future__ import annotations

import hashlib
import json

from models.convert.sources import SOURCES
from models.manifest import MANIFEST


def main() -> None:
    """Update the entries whose file was converted; say which changed."""
    document = json.loads(MANIFEST.read_text(encoding="utf-8"))
    for source in SOURCES:
        content = source.weights.read_bytes()
        (entry,) = [item for item in document["models"] if item["file"] == f"weights/{source.weights.name}"]
        measured = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        same = measured.items() <= entry.items()
        print(
            f"manifest   {source.weights.name}  {'unchanged' if same else 'CHANGED: run the tests and the evaluation'}"
        )
        entry.update(measured)
    MANIFEST.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
