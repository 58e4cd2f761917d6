"""468 points of a face's surface in a picture: MediaPipe's face mesh behind numpy.

The network wants the face upright in a square of one and a half times its box. The square is laid by the detector's
landmarks first, then by the points found, which sit tighter: two runs a frame, about 2 ms each.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from models.alignment import steadied
from models.detector import Face
from models.golden import GOLDEN, Answer, load
from models.image import FloatArray, Image, require_image
from models.interpreter import Network
from models.manifest import MANIFEST, Entry, Manifest
from models.selfcheck import drawn_face, require, sampled

POINTS: Final = 468
MARGIN: Final = 1.5
"""Side of the square, in sides of the face's box: what the network was trained with."""
MIN_FACE: Final = 0.5
"""Below this the network says that there is no face."""
# Corners of the eyes; subject's right eye first, as in `models.detector`.
RIGHT_EYE, LEFT_EYE = (33, 133), (263, 362)

Matrix = npt.NDArray[np.float64]


class FaceMesh:
    """The network. Not for two threads at once."""

    def __init__(self, network: Network, entry: Entry) -> None:
        """Wrap ``network``: input (1, side, side, 3), output (1, 1, 1, 1405)."""
        self._network = network
        self._preprocessing = entry.preprocessing
        self._side_px = network.input_type.shape[1]
        self.sha256 = entry.sha256

    @classmethod
    def load(cls, num_threads: int = 1, manifest: Path = MANIFEST) -> FaceMesh:
        """Verify and load what ``manifest`` names.

        Raises:
            ModelMissing, ModelCorrupt: the file is missing or is not the manifest's.
            RuntimeMissing: no TFLite interpreter is installed.
        """
        models = Manifest.load(manifest)
        entry = models.entry("mesh")
        return cls(models.network(entry, num_threads), entry)

    @property
    def side_px(self) -> int:
        """Side of the network's square input."""
        return self._side_px

    def raw(self, square: Image) -> FloatArray:
        """The network's own output, float32 (1405,), for a BGR picture of its input's size."""
        return self._network.run(self._preprocessing.apply(square)).ravel()

    def find(self, image: Image, face: Face) -> FloatArray | None:
        """The points of ``face``, which `FaceModels.detect` found in ``image``; None where the mesh sees no face.

        Returns float32 (468, 3): x and y in pixels of ``image``, z in the same unit.

        Raises:
            ImageError: ``image`` is no picture.
        """
        picture = require_image(image)
        if not usable(face):
            return None
        left, top, width, height = face.box
        centre = np.array([left + width / 2, top + height / 2])
        points = self._look(picture, centre, MARGIN * max(width, height), face.roll_deg)
        return None if points is None else self.follow(picture, points)

    def follow(self, image: Image, points: FloatArray) -> FloatArray | None:
        """The same face a frame later, or looked at more exactly: ``points`` is what `find` gave before.

        Raises:
            ImageError: ``image`` is no picture.
        """
        picture = require_image(image)
        if points.shape != (POINTS, 3) or not np.all(np.isfinite(points)):
            return None
        low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        side = MARGIN * float((high - low).max())
        return self._look(picture, np.asarray((low + high) / 2, np.float64), side, roll_deg(points))

    def steadied(self, image: Image, face: Face) -> Face:
        """``face`` with landmarks that the detector and the mesh agree on, for aligning it in a chip photo's 102x126
        pixels; as it is where the mesh sees none.

        Raises:
            ImageError: ``image`` is no picture.
        """
        points = self.find(image, face)
        return face if points is None else replace(face, landmarks=steadied(face.landmarks, points))

    def check_runtime(self, path: Path = GOLDEN) -> None:
        """Return if the network computes what was recorded; for the start, beside `models.selfcheck.run`.

        Raises:
            ModelWrong: it does not, or nothing was recorded for its file.
        """
        require(load(path), self.sha256, "mesh", self.answer())

    def answer(self) -> Answer:
        """Points of the drawn face, and whether the network sees one."""
        output = self.raw(drawn_face(self._side_px))
        return {"points": sampled(output[:-1]), "presence": output[-1:]}

    def _look(self, image: Image, centre: Matrix, side: float, turn_deg: float) -> FloatArray | None:
        if not (math.isfinite(side) and 8 <= side <= 4 * max(image.shape[:2])):
            return None
        into = placement(centre, side, turn_deg, self._side_px)
        square = cv2.warpAffine(image, into, (self._side_px, self._side_px), flags=cv2.INTER_LINEAR)
        output = self.raw(np.asarray(square, np.uint8))
        if not np.all(np.isfinite(output)) or output[-1] < math.log(MIN_FACE / (1 - MIN_FACE)):
            return None
        points = output[:-1].reshape(POINTS, 3).astype(np.float64)
        back = np.asarray(cv2.invertAffineTransform(into), np.float64)
        flat = points[:, :2] @ back[:, :2].T + back[:, 2]
        return np.concatenate([flat, points[:, 2:] * side / self._side_px], axis=1).astype(np.float32)


def usable(face: Face) -> bool:
    """Whether its box and roll are numbers that a crop can be laid by."""
    return all(math.isfinite(value) for value in (*face.box, face.roll_deg)) and min(face.box[2:]) > 0


def roll_deg(points: FloatArray) -> float:
    """How far the line of the eyes is turned clockwise."""
    right, left = points[RIGHT_EYE, :2].mean(axis=0), points[LEFT_EYE, :2].mean(axis=0)
    return float(np.degrees(np.arctan2(left[1] - right[1], left[0] - right[0])))


def placement(centre: Matrix, side: float, turn_deg: float, size: int) -> Matrix:
    """The 2x3 matrix that takes the square of ``side`` about ``centre``, turned by ``turn_deg``, to ``size`` pixels."""
    scale = size / side
    angle = math.radians(-turn_deg)
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shift = np.array([size / 2, size / 2]) - turn @ centre
    return np.concatenate([turn, shift[:, np.newaxis]], axis=1)
