"""Step 7: `models/golden.json`, what `models.selfcheck` holds a unit's runtime against at every start.

Records this machine's runtime and processor for the committed weights; run it on another machine, its record is added.
The record for `any` is the float network's answer, made here from the float files in `work/`.
"""

from __future__ import annotations

import json
import platform
from typing import Any

import numpy as np

from models.convert.sources import SOURCES
from models.detector import Detector
from models.embedding import Embedder
from models.face import FaceModels
from models.image import FloatArray
from models.interpreter import Network, installed_runtime
from models.liveness.mesh import FaceMesh
from models.manifest import ROLES, Manifest
from models.passive import PassiveLiveness
from models.selfcheck import ANY, GOLDEN, answers, cosine, drawn_face, sampled

SAME_MIN_COSINE = 0.9995
"""Same runtime and processor: only another version of the runtime may round otherwise."""
ANY_MARGIN = 0.01
"""A processor that was not recorded may be this much farther from the float network than this one is."""


def record(sha256: str, runtime: str, processor: str, min_cosine: float, output: FloatArray) -> dict[str, Any]:
    """One object of the list."""
    return {
        "sha256": sha256,
        "runtime": runtime,
        "processor": processor,
        "min_cosine": round(min_cosine, 4),
        "output": [float(f"{value:.6g}") for value in output.tolist()],
    }


def float_answers() -> dict[str, FloatArray]:
    """The same answers by the networks before their weights were quantised."""
    detector, embedder = (Network(source.float_tflite.read_bytes(), source.float_tflite, 1) for source in SOURCES)
    wrapped = {
        "detector": Detector(detector),
        "embedding": Embedder(embedder, Manifest.load().entry("embedding")),
    }
    return {role: sampled(network.raw(drawn_face(network.side_px))) for role, network in wrapped.items()}


def main() -> None:
    """Write the file."""
    models = FaceModels.load()
    here = answers(models)
    others = json.loads(GOLDEN.read_text(encoding="utf-8"))["golden"] if GOLDEN.exists() else []
    mesh = FaceMesh.load()
    passive = PassiveLiveness.load()
    known = {*models.hashes.values(), mesh.sha256, passive.sha256}
    runtime, processor = installed_runtime()[0], platform.machine()
    kept = [
        item
        for item in others
        if item["sha256"] in known and (item["runtime"], item["processor"]) != (runtime, processor)
    ]
    for role in ROLES:
        kept.append(record(models.hashes[role], runtime, processor, SAME_MIN_COSINE, here[role]))
        print(f"recorded   {role} for {runtime} on {processor}")
    kept = [item for item in kept if item["sha256"] != mesh.sha256 or item["runtime"] not in (runtime, ANY)]
    # Its weights are float: what it answers here is the measure for every other machine too.
    kept.append(record(mesh.sha256, runtime, processor, SAME_MIN_COSINE, mesh.answer()))
    kept.append(record(mesh.sha256, ANY, ANY, 1 - ANY_MARGIN, mesh.answer()))
    # What its float weights answer is recorded where it is trained (`models.train.publish`).
    kept.append(record(passive.sha256, runtime, processor, SAME_MIN_COSINE, passive.answer()))
    if all(source.float_tflite.exists() for source in SOURCES):
        made_here = {models.hashes[role] for role in ROLES}
        kept = [item for item in kept if item["runtime"] != ANY or item["sha256"] not in made_here]
        for role, output in float_answers().items():
            near = cosine(here[role], output.astype(np.float64))
            kept.append(record(models.hashes[role], ANY, ANY, near - ANY_MARGIN, output))
            print(f"recorded   {role} for any other; cosine of this machine's to float {near:.5f}")
    GOLDEN.write_text(json.dumps({"golden": kept}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
