"""A converted network into `models/weights` and its entry into `models/manifest.json`; golden vectors after it.

`python -m models.train.publish --tflite passive.tflite --plain plain.tflite --checkpoint fit.pt --threshold 0.6`, in
the unit's own environment.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

from models.convert.golden_start import by_float
from models.golden import GOLDEN, Golden, load, save
from models.interpreter import Network
from models.manifest import FOLDER, MANIFEST, Manifest
from models.passive import PassiveLiveness
from models.selfcheck import here
from models.train.sample import CROPS

NAME = "weights/passive_112_int8.tflite"
LIVE_CLASS = 0


def entry(tflite: Path, checkpoint: Path, threshold: float) -> dict[str, Any]:
    """The manifest's object."""
    content = tflite.read_bytes()
    with tflite.open("rb") as file:
        network = Network(file, 1)
    types = {"input": network.input_type, "output": network.output_type}
    return {
        "file": NAME,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        **{name: {"shape": list(kind.shape), "dtype": kind.dtype} for name, kind in types.items()},
        "preprocessing": {"colour": "BGR", "offset": 127.5, "scale": 1 / 127.5},
        "crops": list(CROPS),
        "answer": "logits",
        "live_class": LIVE_CLASS,
        "threshold": threshold,
        "licence": "Apache-2.0; rests on LFW, research terms, and on recordings without a stated licence: see the card",
        "card": "cards/passive.md",
        "origin": {
            "package": "models.train",
            "version": "1",
            "file": checkpoint.name,
            "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        },
        "runtimes": ["ai_edge_litert", "tflite_runtime"],
    }


def write_manifest(item: dict[str, Any]) -> None:
    """This entry instead of the one for the same file, first in the list."""
    document = json.loads(MANIFEST.read_text(encoding="utf-8"))
    others = [other for other in document.get("liveness", []) if other["file"] != item["file"]]
    document["liveness"] = [item, *others]
    MANIFEST.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def write_golden(plain: Path) -> None:
    """What the committed file answers here, and what the float one answers, for any other machine."""
    passive = PassiveLiveness.load()
    with plain.open("rb") as file:
        measure = PassiveLiveness(Network(file, 1), Manifest.load().liveness_entry()).answer()
    others = [one for one in load(GOLDEN) if one.sha256 in Manifest.load().seeing - {passive.sha256}]
    found = passive.answer()
    save(GOLDEN, [*others, Golden.of(passive.sha256, here(), found), by_float(passive.sha256, found, measure)])


def main() -> None:
    """Write all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tflite", type=Path, required=True)
    parser.add_argument("--plain", type=Path, required=True, help="the same network converted without quantisation")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--threshold", type=float, required=True)
    options = parser.parse_args()
    (FOLDER / NAME).write_bytes(options.tflite.read_bytes())
    write_manifest(entry(options.tflite, options.checkpoint, options.threshold))
    write_golden(options.plain)


if __name__ == "__main__":
    main()
