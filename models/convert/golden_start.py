"""Step 7: `models/golden.json`, what `models.selfcheck` holds a unit's runtime against at every start.

Records this machine's runtime and processor for the committed weights; run it on another machine, its record is added.
The record for `any` is the float network's answer, made for new weights from the float files in `work/`. An Arm machine
need not be at hand: `.ci/arm golden` runs this in an emulated one.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import numpy as np

from models.convert.sources import DETECTOR, EMBEDDING, TAUGHT, float_tflite
from models.detector import Detector
from models.embedding import Embedder
from models.face import FaceModels
from models.image import FloatArray
from models.interpreter import Network, installed_runtime
from models.liveness.mesh import FaceMesh
from models.manifest import Manifest
from models.passive import PassiveLiveness
from models.selfcheck import ANY, GOLDEN, answers, cosine, drawn_face, sampled

SAME_MIN_COSINE = 0.9995
"""Same runtime and processor: only another version of the runtime may round otherwise."""
ANY_MARGIN = 0.01
"""A processor that was not recorded may be this much farther from the float network than this one is."""

FLOAT = tuple(map(float_tflite, (DETECTOR.plain, EMBEDDING.plain, TAUGHT)))


def record(sha256: str, runtime: str, processor: str, min_cosine: float, output: FloatArray) -> dict[str, Any]:
    """One object of the list."""
    return {
        "sha256": sha256,
        "runtime": runtime,
        "processor": processor,
        "min_cosine": round(min_cosine, 4),
        "output": [float(f"{value:.6g}") for value in output.tolist()],
    }


def float_network(path: Path) -> Network:
    """One of `FLOAT`."""
    with path.open("rb") as file:
        return Network(file, 1)


def float_embedder() -> Embedder:
    """The whole embedder, for live pictures and for chip photos, before its weights were quantised."""
    live, chip = (float_network(path) for path in FLOAT[1:])
    return Embedder(live, lambda: chip, None, Manifest.load().entry("embedding").preprocessing)


def float_answers() -> dict[str, FloatArray]:
    """The same answers by the networks before their weights were quantised."""
    detector, embedder = Detector(float_network(FLOAT[0])), float_embedder()
    face = drawn_face(embedder.side_px)
    return {
        "detector": sampled(detector.raw(drawn_face(detector.side_px))),
        "embedding": sampled(embedder.raw(face, "embedding")),
        "embedding_chip": sampled(embedder.raw(face, "embedding_chip")),
    }


def any_processor(here: dict[str, FloatArray], models: FaceModels, mesh: str) -> list[dict[str, Any]]:
    """What holds wherever nothing was recorded: the float networks' answers; ``here`` are the committed ones'.

    The mesh's weights are float already. The passive network's are recorded where it is trained
    (`models.train.publish`).
    """
    records = [record(mesh, ANY, ANY, 1 - ANY_MARGIN, here[mesh])]
    if all(path.exists() for path in FLOAT):
        for role, output in float_answers().items():
            sha256 = models.ways[role]
            near = cosine(here[sha256], output.astype(np.float64))
            records.append(record(sha256, ANY, ANY, near - ANY_MARGIN, output))
    return records


def main() -> None:
    """Write the file: this machine's records anew, everybody else's as they were."""
    models, mesh, passive = FaceModels.load(), FaceMesh.load(), PassiveLiveness.load()
    here = {models.ways[role]: answer for role, answer in answers(models).items()}
    here |= {mesh.sha256: mesh.answer(), passive.sha256: passive.answer()}
    runtime, processor = installed_runtime()[0], platform.machine()
    records = [record(sha256, runtime, processor, SAME_MIN_COSINE, output) for sha256, output in here.items()]
    print(f"recorded   {len(records)} networks for {runtime} on {processor}")
    others = json.loads(GOLDEN.read_text(encoding="utf-8"))["golden"] if GOLDEN.exists() else []
    kept = [item for item in others if item["sha256"] in here and key(item) not in map(key, records)]
    # Made once for new weights, where they are made: a machine that computes worse must not widen what holds for any.
    new = [item for item in any_processor(here, models, mesh.sha256) if key(item) not in map(key, kept)]
    document = {"golden": sorted(kept + records + new, key=key)}
    GOLDEN.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def key(item: dict[str, Any]) -> tuple[str, str, str]:
    """What there is one record of."""
    return str(item["sha256"]), str(item["runtime"]), str(item["processor"])


if __name__ == "__main__":
    main()
