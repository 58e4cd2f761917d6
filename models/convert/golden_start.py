"""Step 7: `models/golden.json`, what `models.selfcheck` holds a unit's runtime against at every start.

Records this machine's runtime and processor for the committed weights; run it on another machine, its record is added.
The record for `any` is the float network's answer, made for new weights from the float files in `work/`. An Arm machine
need not be at hand: `.ci/arm golden` runs this in an emulated one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from models.convert.sources import DETECTOR, EMBEDDING, TAUGHT, float_tflite
from models.detector import Detector
from models.embedding import Embedder, Way
from models.face import FaceModels
from models.golden import ANY, GOLDEN, Answer, Golden, agreement, load, save
from models.interpreter import Network
from models.liveness.mesh import FaceMesh
from models.manifest import Manifest
from models.passive import PassiveLiveness
from models.selfcheck import answer, answers, drawn_face, here

ANY_MARGIN = 0.01
"""A processor that was not recorded may be this much farther from the float network than this one is."""

FLOAT = tuple(map(float_tflite, (DETECTOR.plain, EMBEDDING.plain, TAUGHT)))


def float_network(path: Path) -> Network:
    """One of `FLOAT`."""
    with path.open("rb") as file:
        return Network(file, 1)


def float_embedder() -> Embedder:
    """The whole embedder, for live pictures and for chip photos, before its weights were quantised."""
    live, chip = (float_network(path) for path in FLOAT[1:])
    stems: dict[Way, Callable[[], Network]] = {"embedding": lambda: live, "embedding_chip": lambda: chip}
    return Embedder(stems, None, Manifest.load().entry("embedding").preprocessing)


def float_answers() -> dict[str, Answer]:
    """The same answers by the networks before their weights were quantised."""
    detector, embedder = Detector(float_network(FLOAT[0])), float_embedder()
    face = drawn_face(embedder.side_px)
    return {
        "detector": answer("detector", detector.raw(drawn_face(detector.side_px))),
        "embedding": answer("embedding", embedder.raw(face, "embedding")),
        "embedding_chip": answer("embedding_chip", embedder.raw(face, "embedding_chip")),
    }


def by_float(sha256: str, found: Answer, plain: Answer) -> Golden:
    """What holds wherever nothing was recorded: the float network's answer ``plain``, as near as ``found`` is and a
    margin."""
    least = {name: agreement(found[name], plain[name].astype(np.float64)) - ANY_MARGIN for name in plain}
    return Golden.of(sha256, (ANY, ANY), plain, least)


def any_processor(found: Mapping[str, Answer], models: FaceModels, mesh: str) -> list[Golden]:
    """What holds wherever nothing was recorded; ``found`` are the committed networks' answers here.

    The mesh's weights are float already. The passive network's are recorded where it is trained
    (`models.train.publish`).
    """
    plain = float_answers() if all(path.exists() for path in FLOAT) else {}
    known = [by_float(models.ways[role], found[models.ways[role]], one) for role, one in plain.items()]
    return [by_float(mesh, found[mesh], found[mesh]), *known]


def main() -> None:
    """Write the file: this machine's records anew, everybody else's as they were."""
    models, mesh, passive = FaceModels.load(), FaceMesh.load(), PassiveLiveness.load()
    found = {models.ways[role]: one for role, one in answers(models).items()}
    found |= {mesh.sha256: mesh.answer(), passive.sha256: passive.answer()}
    before = [record for record in load(GOLDEN) if record.sha256 in found] if GOLDEN.exists() else []
    # Made once for new weights, where they are made: a machine that computes worse must not widen what holds for any.
    save(
        GOLDEN,
        [
            *any_processor(found, models, mesh.sha256),
            *before,
            *(Golden.of(sha256, here(), one) for sha256, one in found.items()),
        ],
    )
    print(f"recorded   {len(found)} networks for {' on '.join(here())}")


if __name__ == "__main__":
    main()
