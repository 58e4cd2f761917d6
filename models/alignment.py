"""A face turned, moved and scaled so that its five landmarks lie where the embedding network expects them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from models.errors import ImageError
from models.image import FloatArray, Image, require_image

SIDE_PX = 112
# Where ArcFace (Deng et al., CVPR 2019) puts eyes, nose tip, mouth corners in 112x112 pixels; SFace expects them there.
TEMPLATE_PX = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
# Where points of the face mesh (MediaPipe's numbers) come to lie when a face is aligned by the detector's landmarks:
# corners of the eyes, nose, lips; the mean over 1,793 pictures of the learned half of LFW.
MESH_TEMPLATE_PX = {
    33: (28.7, 53.0), 133: (45.1, 53.4), 362: (65.2, 53.0), 263: (81.4, 51.9),
    168: (55.2, 49.9), 1: (55.8, 74.9), 98: (45.5, 77.4), 327: (66.0, 77.0),
    61: (39.7, 91.0), 291: (72.1, 90.2), 0: (56.0, 86.5), 17: (56.3, 99.6),
}  # fmt: skip
LANDMARKS_SHAPE = (5, 2)
# Landmarks closer together than this (root mean square distance from their centre) are no face.
MIN_SPREAD_PX = 1.0


def as_complex(points: npt.NDArray[np.floating]) -> npt.NDArray[np.complex128]:
    """x + iy of each row (x, y)."""
    return np.ascontiguousarray(points, np.float64).view(np.complex128)[:, 0]


TEMPLATE = as_complex(TEMPLATE_PX)
MESH_TEMPLATE = as_complex(np.array(list(MESH_TEMPLATE_PX.values())))


def similarity(landmarks: FloatArray) -> npt.NDArray[np.float64]:
    """The 2x3 matrix that takes ``landmarks`` (5, 2) nearest to the template, in the least squares sense.

    Raises:
        ImageError: the landmarks have another shape, are not finite, or lie in one point.
    """
    if np.shape(landmarks) != LANDMARKS_SHAPE or not np.all(np.isfinite(landmarks)):
        raise ImageError(f"landmarks are five finite points, shape {LANDMARKS_SHAPE}")
    turn, shift = fitted(as_complex(landmarks), TEMPLATE)
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def fitted(points: npt.NDArray[np.complex128], to: npt.NDArray[np.complex128]) -> npt.NDArray[np.complex128]:
    """(a, b) of w = a z + b, which takes ``points`` nearest to the points ``to`` in the least squares sense.

    With points as complex numbers that is rotation, one scale and shift, no reflection: in two dimensions the solution
    of Umeyama (IEEE PAMI 13(4), 1991).

    Raises:
        ImageError: the points lie in one.
    """
    centre = points.mean()
    centred = points - centre
    power = float(np.vdot(centred, centred).real)
    if power < len(points) * MIN_SPREAD_PX**2:
        raise ImageError("the landmarks lie in one point: there is no face to align")
    turn = np.vdot(centred, to - to.mean()) / power
    return np.array([turn, to.mean() - turn * centre])


def steadied(landmarks: FloatArray, points: FloatArray) -> FloatArray:
    """Landmarks, float32 (5, 2), that align a face as the mean of the detector's ``landmarks`` and the mesh's does.

    ``points`` are the mesh's, (468, 2 or 3). In a chip photo the detector's landmarks are 6 % of the eyes' distance
    from where they lie in the picture that it was made of; the mesh errs by 2 %, and otherwise.

    Raises:
        ImageError: either is no face.
    """
    if not (np.all(np.isfinite(landmarks)) and np.all(np.isfinite(points))):
        raise ImageError("landmarks and mesh are finite points")
    mesh = as_complex(points[list(MESH_TEMPLATE_PX), :2])
    turn, shift = (fitted(as_complex(landmarks), TEMPLATE) + fitted(mesh, MESH_TEMPLATE)) / 2
    found = (TEMPLATE - shift) / turn
    return np.stack([found.real, found.imag], axis=1).astype(np.float32)


def align(image: Image, landmarks: FloatArray) -> Image:
    """The face upright in 112x112 pixels, BGR like ``image``; black where it leaves the picture.

    Raises:
        ImageError: ``image`` is no picture, or the landmarks are no face.
    """
    picture = require_image(image)
    aligned = cv2.warpAffine(picture, similarity(landmarks), (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR)
    return np.asarray(aligned, np.uint8)
