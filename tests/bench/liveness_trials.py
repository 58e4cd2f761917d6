"""One simulated light challenge: a scene of `hw.camera`'s simulated camera, judged by `models.liveness`.

Nothing is shared between the two but pictures, times and the ring's colours.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from hw.camera.simulated_lens import EXPOSURE_S, Lens
from hw.camera.simulated_light import LightHistory
from hw.camera.simulated_scene import Scene
from models.face import FaceModels, nearest_face
from models.image import FloatArray, Image
from models.liveness import sequence
from models.liveness.mesh import FaceMesh
from models.liveness.regions import Sample, observe
from models.liveness.signal import Timeline

PORTRAITS = Path(__file__).parents[2] / "daemon" / "demo" / "people"
MORE = "VERNIX_BENCH_FACES"
"""Environment variable: a folder with more portraits."""
WIDTH, HEIGHT, FACE_PX = 480, 360, 150.0
BEFORE_S, AFTER_S, BEGIN_S = 0.4, 0.4, 1.0


@dataclass(frozen=True, slots=True)
class Condition:
    """What a trial is made with. ``jitter_ms``: standard deviation of the frames' time stamps."""

    name: str
    scene: Scene
    jitter_ms: float = 2.0
    fps: float = 15.0


@dataclass(frozen=True, slots=True)
class Portrait:
    """A picture of a face, and where it is."""

    path: str = field(repr=False)
    face: tuple[tuple[float, float], ...] = field(repr=False)


class Trials:
    """Makes challenges; holds the loaded models."""

    def __init__(self) -> None:
        self._models = FaceModels.load()
        self._mesh = FaceMesh.load()
        cv2.setNumThreads(1)

    def portraits(self) -> list[Portrait]:
        """The demo's, and those of the folder that the environment names."""
        paths = sorted(PORTRAITS.glob("*.jpg"))
        if os.environ.get(MORE):
            paths += sorted(Path(os.environ[MORE]).glob("*.jpg"))
        return [portrait for path in paths if (portrait := self._portrait(path)) is not None]

    def _portrait(self, path: Path) -> Portrait | None:
        picture = cv2.imread(str(path))
        faces = () if picture is None else self._models.detect(np.asarray(picture, np.uint8))
        if len(faces) != 1:  # of two, the scene could show either
            return None
        face = faces[0]
        return Portrait(str(path), tuple((float(x), float(y)) for x, y in face.landmarks.tolist()))

    def challenge(self, condition: Condition, portrait: Portrait, seed: int) -> tuple[Timeline, list[Sample]]:
        """What the ring showed and what the camera saw."""
        chance = np.random.default_rng([seed, 7])
        colours = sequence.draw(lambda below: int(chance.integers(below)))
        changes = tuple((BEGIN_S + at, rgb) for at, rgb in colours.changes())
        scene = replace(condition.scene, picture=portrait.path, face=portrait.face, face_px=FACE_PX, seed=seed)
        room = LightHistory([(round(at * 1e9), rgb) for at, rgb in changes])
        frames = shots(Lens(scene, WIDTH, HEIGHT), room, condition, changes[-1][0] + AFTER_S, chance)
        return Timeline(changes), list(self._samples(frames))

    def _samples(self, frames: Iterator[tuple[Image, float]]) -> Iterator[Sample]:
        mesh: FloatArray | None = None
        for image, at_s in frames:
            mesh = self.points(image, mesh)
            sample = observe(image, mesh, at_s)
            if sample is not None:
                yield sample

    def points(self, image: Image, before: FloatArray | None) -> FloatArray | None:
        """The mesh of the nearest face, looked for where it was ``before``."""
        if before is not None:
            return self._mesh.follow(image, before)
        face = nearest_face(self._models.detect(image))
        return None if face is None else self._mesh.find(image, face)


def shots(
    lens: Lens, room: LightHistory, condition: Condition, end_s: float, chance: np.random.Generator
) -> Iterator[tuple[Image, float]]:
    """Frames and the times that the camera says."""
    count = int((end_s - BEGIN_S + BEFORE_S) * condition.fps)
    phase = chance.uniform(0, 1 / condition.fps)
    for number in range(count):
        at_s = BEGIN_S - BEFORE_S + phase + number / condition.fps
        yield (
            lens.picture(at_s, seen_light(room, condition.scene, at_s)),
            at_s + chance.normal(0, condition.jitter_ms / 1000),
        )


def seen_light(room: LightHistory, scene: Scene, at_s: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The ring's light on the scene during an exposure that ends at ``at_s``."""
    end_ns = round((at_s - scene.delay_ms / 1000) * 1e9)
    return room.mean(end_ns - round(EXPOSURE_S * 1e9), end_ns)
