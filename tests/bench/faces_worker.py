"""One contender of the faces bench, in a process of its own: `python faces_worker.py NAME`.

Answers each line on standard input by one pass over the pictures and a line of JSON: milliseconds of processor time for
each stage and picture, or under `instructions.c` (`.ci/arm count`) millions of instructions. One thread. dlib's runs
under another interpreter, so all but numpy and OpenCV is imported where it is needed.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import cv2
import numpy as np

ROOT = Path(__file__).parents[2]
PEOPLE = ROOT / "daemon" / "demo" / "people"
WORK = ROOT / "models" / "convert" / "work"
SIDE_PX = 320
STAGES = ("detect", "align", "embed", "passive")
"""The first three are every contender's, and together the whole; passive liveness is ours alone."""


class Contender(ABC):
    """Detects, aligns and embeds one picture. The stages hand on what they like."""

    @abstractmethod
    def detect(self, image: Any) -> Any:
        """The best face."""

    @abstractmethod
    def align(self, image: Any, face: Any) -> Any:
        """What the embedder takes."""

    @abstractmethod
    def embed(self, aligned: Any) -> Any:
        """The vector."""

    def passive(self, _image: Any, _face: Any) -> Any:
        """Whether the face is alive, by one picture; the peers have nothing of the kind."""
        return None

    def reference(self, _image: Any) -> None:
        """What is done once for each check, with the card's photo; the peers have nothing of the kind."""


class Ours(Contender):
    """The product's own chain for a live frame, two passes of the detector."""

    def __init__(self) -> None:
        from models.alignment import align
        from models.face import FaceModels
        from models.liveness.mesh import FaceMesh
        from models.passive import PassiveLiveness
        from models.projection import Kind

        self._models, self._align, self._kind = FaceModels.load(), align, Kind.LIVE
        self._passive, self._mesh = PassiveLiveness.load(), FaceMesh.load()

    def detect(self, image: Any) -> Any:
        return self._models.detect(image)[0]

    def align(self, image: Any, face: Any) -> Any:
        return self._align(image, face.landmarks)

    def embed(self, aligned: Any) -> Any:
        return self._models.project(self._models.raw("embedding", aligned)[np.newaxis], self._kind)

    def passive(self, image: Any, face: Any) -> Any:
        return self._passive.assess(image, face.box)

    def reference(self, image: Any) -> None:
        self._models.reference(image, self._mesh.steadied(image, self.detect(image)))


class Floor(Contender):
    """The networks alone on inputs at hand: twice the detector, once the embedder, once passive liveness."""

    def __init__(self) -> None:
        from models.manifest import Manifest

        manifest = Manifest.load()
        embedding = manifest.entry("embedding")
        parts = [embedding] if embedding.trunk is None else [embedding, embedding.trunk]
        random = np.random.default_rng(0)

        def asked(weights: Any, scale: float) -> tuple[Any, Any]:
            return manifest.network(weights, 1), (random.random(weights.input.shape, np.float32) - 0.5) * scale

        self._detector = asked(manifest.entry("detector"), 255)
        self._embedder = [asked(part, 1) for part in parts]
        self._passive = asked(manifest.liveness_entry().network, 1)

    def detect(self, _image: Any) -> Any:
        for _ in range(2):
            self._detector[0].run(self._detector[1])

    def align(self, _image: Any, _face: Any) -> Any:
        return None

    def embed(self, _aligned: Any) -> Any:
        for network, value in self._embedder:
            network.run(value)

    def passive(self, _image: Any, _face: Any) -> Any:
        return self._passive[0].run(self._passive[1])


class OpenCv(Contender):
    """FaceDetectorYN and FaceRecognizerSF on the published ONNX files, as OpenCV's samples use them."""

    def __init__(self) -> None:
        files = [
            WORK / f"{name}_int8bq.onnx" for name in ("face_detection_yunet_2023mar", "face_recognition_sface_2021dec")
        ]
        self._detector = cv2.FaceDetectorYN.create(str(files[0]), "", (SIDE_PX, SIDE_PX), 0.6, 0.3)
        self._recogniser = cv2.FaceRecognizerSF.create(str(files[1]), "")

    def detect(self, image: Any) -> Any:
        self._detector.setInputSize((image.shape[1], image.shape[0]))
        return self._detector.detect(image)[1][0]

    def align(self, image: Any, face: Any) -> Any:
        return self._recogniser.alignCrop(image, face)

    def embed(self, aligned: Any) -> Any:
        return self._recogniser.feature(aligned)


class Dlib(Contender):
    """What the package face_recognition does: HOG detector, five landmarks, ResNet."""

    def __init__(self) -> None:
        import dlib
        import face_recognition_models as files

        self._detector = dlib.get_frontal_face_detector()
        self._predictor = dlib.shape_predictor(files.pose_predictor_five_point_model_location())
        self._network = dlib.face_recognition_model_v1(files.face_recognition_model_location())

    def detect(self, image: Any) -> Any:
        self._rgb = np.ascontiguousarray(image[:, :, ::-1])
        return self._detector(self._rgb, 1)[0]

    def align(self, _image: Any, face: Any) -> Any:
        return self._predictor(self._rgb, face)

    def embed(self, aligned: Any) -> Any:
        return self._network.compute_face_descriptor(self._rgb, aligned, 0)


CONTENDERS: dict[str, type[Contender]] = {"ours": Ours, "floor": Floor, "opencv": OpenCv, "dlib": Dlib}


def pictures() -> list[Any]:
    """The demo's people, longer side 320."""
    result = []
    for path in sorted(PEOPLE.glob("*.jpg")):
        image = cv2.imread(str(path))
        factor = SIDE_PX / max(image.shape[:2])
        result.append(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))
    return result


def clock() -> Callable[[], float]:
    """Milliseconds of processor time; or where an emulator counts its instructions, these, in millions.

    One thread each: on an idle machine that is the time on the clock, on a busy one the neighbours do not count.
    """
    counted = os.environ.get("INSTRUCTIONS")
    if counted is None:
        return lambda: time.process_time() * 1e3
    with Path(counted).open("rb") as file:
        memory = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)
    return lambda: int.from_bytes(memory[:], "little") / 1e6


def one_pass(contender: Contender, images: list[Any], now: Callable[[], float]) -> dict[str, float]:
    """What each stage costs, mean over the pictures, by the clock ``now``."""
    spent = dict.fromkeys(STAGES, 0.0)
    for image in images:
        times = [now()]
        face = contender.detect(image)
        times.append(now())
        aligned = contender.align(image, face)
        times.append(now())
        contender.embed(aligned)
        times.append(now())
        contender.passive(image, face)
        times.append(now())
        for number, stage in enumerate(STAGES):
            spent[stage] += (times[number + 1] - times[number]) / len(images)
    return spent


def resident_mb(line: str = "VmRSS") -> float:
    """Resident memory of this process now, or with ``VmHWM`` at most until now, in millions of bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(dict(each.split(":", 1) for each in status.splitlines())[line].split()[0]) * 1024 / 1e6


def main() -> None:
    """Load, say how much memory that took, then serve."""
    cv2.setNumThreads(1)
    sys.path.insert(0, str(ROOT))
    images, now = pictures(), clock()
    before_mb = resident_mb()
    contender = CONTENDERS[sys.argv[1]]()
    one_pass(contender, images, now)
    contender.reference(images[0])
    added = {"added": resident_mb() - before_mb, "added at most": resident_mb("VmHWM") - before_mb}
    print(json.dumps(added), flush=True)
    for _ in sys.stdin:
        print(json.dumps(one_pass(contender, images, now)), flush=True)


if __name__ == "__main__":
    main()
