"""From a frame to the light on patches of skin and on what is behind: all that the light challenge needs of a picture.

The picture itself can be dropped at once. Patches ride on the mesh's points, so that they stay on the same skin while
the head moves a little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from models.errors import ImageError
from models.image import FloatArray, Image, require_image
from models.liveness.mesh import POINTS

# Points of the mesh on bare skin, in from the outline, clear of eyes, brows, nostrils and lips; by rows from the top.
PATCHES: Final = (
    *(109, 10, 338, 69, 108, 151, 337, 299),  # forehead
    *(139, 368, 8, 168, 6, 197, 195, 5, 4),  # temples, ridge and tip of the nose
    *(117, 118, 119, 346, 347, 348, 101, 330, 100, 329),  # below the eyes
    *(123, 50, 205, 36, 352, 280, 425, 266, 147, 376, 187, 411),  # cheeks
    *(198, 420, 48, 278, 165, 391),  # sides of the nose, above the mouth
    *(207, 427, 214, 434, 212, 432, 192, 416),  # lower cheeks
    *(200, 199, 175, 208, 428, 171, 396, 140, 369, 169, 394),  # chin and jaw
)
RIGHT_SIDE, LEFT_SIDE, TOP, CHIN = 234, 454, 10, 152
PATCH: Final = 0.085
"""Side of a patch, in widths of the face."""
BEYOND: Final = 1.05
"""Background begins so many face widths from the face's middle: past hair and ears."""
BLOCK_ROWS: Final = 3
MIN_BLOCK_PX: Final = 600
MIN_FACE_PX: Final = 40
DARKEST, BRIGHTEST = 6, 249
"""Of 255; what is outside tells nothing of the light on it."""
MAX_CLIPPED_SKIN, MAX_CLIPPED_BEHIND = 0.1, 0.5
"""Share of a region's pixels that may be so."""
IN_PLANE: Final = 8
"""Points of the mesh that say which way a patch faces."""
MAX_HIDDEN: Final = 0.5
"""Share of the patches that a frame may lack."""

_CODES = np.arange(256) / 255.0
LINEAR: Final = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(np.float32)
"""Light of an 8-bit code (sRGB, IEC 61966-2-1); cameras bend it a little, which `judge` allows for."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One frame's light, red, green, blue, linear, 0 to 1; NaN where a patch cannot be used.

    Attributes:
        at_s: when it was captured.
        skin: float32 (patches, 3).
        background: float32 (blocks, 3), left and right of the head.
        shape: float32 (468, 3), the mesh with the face's width as unit and its middle as origin.
    """

    at_s: float
    skin: FloatArray = field(repr=False)
    background: FloatArray = field(repr=False)
    shape: FloatArray = field(repr=False)


def observe(image: Image, mesh: FloatArray | None, at_s: float) -> Sample | None:
    """The light in ``image`` (BGR) captured at ``at_s``; None where there is no face to look at.

    Args:
        image: as everywhere in this package.
        mesh: what `FaceMesh.find` gave for it, (468, 3).
        at_s: seconds of the clock that the light's timeline has.

    Raises:
        ImageError: ``image`` is no picture, or ``mesh`` is not of that shape.
    """
    picture = require_image(image)
    if mesh is None:
        return None
    if np.shape(mesh) != (POINTS, 3):
        raise ImageError(f"a mesh has shape ({POINTS}, 3), not {np.shape(mesh)}")
    if not (math.isfinite(at_s) and np.all(np.isfinite(mesh))):
        return None
    centre, width = middle(mesh)
    if not MIN_FACE_PX <= width <= 2 * max(picture.shape[:2]):
        return None
    skin = skin_light(picture, mesh, width)
    if np.isnan(skin[:, 0]).mean() > MAX_HIDDEN:
        return None
    shape = (mesh - np.append(centre, mesh[:, 2].mean())) / width
    return Sample(at_s, skin, background_light(picture, mesh, centre, width), shape.astype(np.float32))


def middle(mesh: FloatArray) -> tuple[npt.NDArray[np.float64], float]:
    """Middle of the face in pixels, and its width from ear to ear."""
    sides = mesh[[RIGHT_SIDE, LEFT_SIDE], :2].astype(np.float64)
    centre = (sides.mean(axis=0) + mesh[[TOP, CHIN], :2].mean(axis=0)) / 2
    return centre, float(np.linalg.norm(sides[1] - sides[0]))


def skin_light(image: Image, mesh: FloatArray, width: float) -> FloatArray:
    """Mean light of each patch, (patches, 3)."""
    points = mesh[list(PATCHES), :2]
    half = PATCH * width / 2
    light = np.full((len(PATCHES), 3), np.nan, np.float32)
    for number, (x, y) in enumerate(points.tolist()):
        top, bottom, left, right = round(y - half), round(y + half) + 1, round(x - half), round(x + half) + 1
        if top < 0 or left < 0 or bottom > image.shape[0] or right > image.shape[1]:
            continue
        light[number] = mean_light(image[top:bottom, left:right].reshape(-1, 3), MAX_CLIPPED_SKIN)
    return light


def mean_light(codes: npt.NDArray[np.uint8], max_clipped: float) -> FloatArray:
    """Mean light of pixels (n, 3) BGR as red, green, blue; NaN when too many are black or blown out."""
    counts = [np.bincount(codes[:, channel], minlength=256) for channel in (2, 1, 0)]
    table = np.stack(counts)
    clipped = (table[:, :DARKEST].sum(axis=1) + table[:, BRIGHTEST + 1 :].sum(axis=1)).max() / len(codes)
    if clipped > max_clipped:
        return np.full(3, np.nan, np.float32)
    return np.asarray(table @ LINEAR / len(codes), np.float32)


def background_light(image: Image, mesh: FloatArray, centre: npt.NDArray[np.float64], width: float) -> FloatArray:
    """Mean light of up to six blocks left and right of the head, above the chin, (6, 3)."""
    height, full = image.shape[:2]
    bottom = min(height, max(0, round(float(mesh[CHIN, 1]))))
    left, right = round(centre[0] - BEYOND * width), round(centre[0] + BEYOND * width)
    light = np.full((2 * BLOCK_ROWS, 3), np.nan, np.float32)
    for row in range(BLOCK_ROWS):
        rows = slice(bottom * row // BLOCK_ROWS, bottom * (row + 1) // BLOCK_ROWS)
        for side, columns in enumerate((slice(0, max(0, left)), slice(min(full, max(0, right)), full))):
            block = image[rows, columns]
            if block.shape[0] * block.shape[1] >= MIN_BLOCK_PX:
                light[2 * row + side] = mean_light(block.reshape(-1, 3), MAX_CLIPPED_BEHIND)
    return light


def normals(shape: FloatArray) -> npt.NDArray[np.float64]:
    """The direction to the camera of the surface at each patch, (patches, 3): x right, y down, z to the camera.

    From a mesh (468, 3): the plane through the patch's point and its nearest ones.
    """
    points = shape.astype(np.float64)
    result = np.empty((len(PATCHES), 3))
    for number, patch in enumerate(PATCHES):
        apart = np.linalg.norm(points - points[patch], axis=1)
        # So many, not those within a distance: below the hair the mesh is so wide that two points would be all, and two
        # points lie in every plane.
        near = points[np.argpartition(apart, IN_PLANE)[:IN_PLANE]]
        _, _, axes = np.linalg.svd(near - near.mean(axis=0))
        normal = axes[-1] * (1.0 if axes[-1][2] < 0 else -1.0)  # the mesh's z grows away from the camera
        result[number] = normal[0], normal[1], -normal[2]
    return result
