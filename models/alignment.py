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
LANDMARKS_SHAPE = (5, 2)
# Landmarks closer together than this (root mean square distance from their centre) are no face.
MIN_SPREAD_PX = 1.0


def as_complex(points: npt.NDArray[np.floating]) -> npt.NDArray[np.complex128]:
    """x + iy of each row (x, y)."""
    return np.ascontiguousarray(points, np.float64).view(np.complex128)[:, 0]


CENTRE = as_complex(TEMPLATE_PX).mean()
CENTRED = as_complex(TEMPLATE_PX) - CENTRE


def similarity(landmarks: FloatArray) -> npt.NDArray[np.float64]:
    """The 2x3 matrix that takes ``landmarks`` (5, 2) nearest to the template, in the least squares sense.

    Rotation, one scale and shift, no reflection: with points as complex numbers it is the line w = a z + b, which in
    two dimensions is the solution of Umeyama (IEEE PAMI 13(4), 1991).

    Raises:
        ImageError: the landmarks have another shape, are not finite, or lie in one point.
    """
    if np.shape(landmarks) != LANDMARKS_SHAPE or not np.all(np.isfinite(landmarks)):
        raise ImageError(f"landmarks are five finite points, shape {LANDMARKS_SHAPE}")
    source = as_complex(landmarks)
    centre = source.mean()
    centred = source - centre
    power = float(np.vdot(centred, centred).real)
    if power < len(source) * MIN_SPREAD_PX**2:
        raise ImageError("the five landmarks lie in one point: there is no face to align")
    turn = np.vdot(centred, CENTRED) / power
    shift = CENTRE - turn * centre
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def align(image: Image, landmarks: FloatArray) -> Image:
    """The face upright in 112x112 pixels, BGR like ``image``; black where it leaves the picture.

    Raises:
        ImageError: ``image`` is no picture, or the landmarks are no face.
    """
    picture = require_image(image)
    aligned = cv2.warpAffine(picture, similarity(landmarks), (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR)
    return np.asarray(aligned, np.uint8)
