"""A head's surface for the simulated camera: depth and normals of a generic head, laid by five landmarks.

An ellipsoid with the bumps and dents of an adult's face, in units of the distance between the eyes (about 63 mm). It is
drawn up from anatomy's mean measures (head about 150 mm wide, 230 high, 190 deep; nose about 22 mm), not from any face
model, so that what judges pictures and what makes them have nothing in common.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Landmarks = tuple[tuple[float, float], ...]

# Semi-axes of the head and the height of its centre below the line of the eyes.
HALF_WIDTH, HALF_HEIGHT, HALF_DEPTH, CENTRE_Y = 1.2, 1.85, 1.5, 0.25
EYES_TO_MOUTH: Final = 1.13
# Openings of the eyes about their middles: half their width, where the lids' edges and the brow are (y down).
EYE_HALF_WIDTH, UPPER_LID, LOWER_LID, BROW = 0.27, -0.085, 0.075, -0.2
# x, y (down), height towards the camera, spread in x and in y.
BUMPS: Final = (
    (0.0, 0.25, 0.20, 0.13, 0.28),  # bridge of the nose
    (0.0, 0.58, 0.24, 0.17, 0.14),  # its tip
    (-0.5, 0.0, -0.13, 0.24, 0.16),  # eye sockets
    (0.5, 0.0, -0.13, 0.24, 0.16),
    (0.0, -0.32, 0.06, 0.60, 0.12),  # brow
    (-0.72, 0.45, 0.09, 0.25, 0.20),  # cheekbones
    (0.72, 0.45, 0.09, 0.25, 0.20),
    (0.0, 1.13, 0.09, 0.30, 0.12),  # lips
    (0.0, 1.36, -0.05, 0.25, 0.08),
    (0.0, 1.65, 0.14, 0.32, 0.20),  # chin
)


@dataclass(frozen=True, slots=True)
class HeadFrame:
    """Where the head sits in a picture: middle between the eyes, pixels per eye distance, roll in radians."""

    x: float
    y: float
    scale_px: float
    roll: float

    @classmethod
    def from_landmarks(cls, landmarks: Landmarks) -> HeadFrame:
        """From right eye, left eye, nose tip, right and left corner of the mouth (x, y in pixels).

        Raises:
            ValueError: they are not five points of an upright or rolled face.
        """
        points = np.array(landmarks, np.float64)
        if points.shape != (5, 2) or not np.all(np.isfinite(points)):
            raise ValueError("a face has five landmarks: two eyes, nose, two corners of the mouth")
        eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
        down = mouth - eyes
        # A turned head has its eyes nearer together in the picture, never its mouth nearer to them.
        scale = max(float(np.linalg.norm(points[1] - points[0])), float(np.linalg.norm(down)) / EYES_TO_MOUTH)
        if scale < 4:
            raise ValueError("the landmarks lie in one point")
        return cls(float(eyes[0]), float(eyes[1]), scale, float(np.arctan2(-down[0], down[1])))

    def coordinates(self, width: int, height: int) -> tuple[Array, Array]:
        """x to the picture's right and y down of each pixel, in eye distances, along the head's own axes."""
        x, y = np.meshgrid(np.arange(width, dtype=np.float32) - self.x, np.arange(height, dtype=np.float32) - self.y)
        cos, sin = np.cos(self.roll) / self.scale_px, np.sin(self.roll) / self.scale_px
        return (cos * x + sin * y).astype(np.float32), (cos * y - sin * x).astype(np.float32)


def depth(x: Array, y: Array) -> Array:
    """Height of the surface towards the camera, in eye distances; 0 in the plane of the ears, falling off outside."""
    inside = 1 - (x / HALF_WIDTH) ** 2 - ((y - CENTRE_Y) / HALF_HEIGHT) ** 2
    # Beyond the outline a little neck and shoulder remain, so that nothing tears there.
    z = HALF_DEPTH * np.sqrt(np.maximum(inside, 0.02))
    for at_x, at_y, high, wide_x, wide_y in BUMPS:
        z += high * np.exp(-(((x - at_x) / wide_x) ** 2 + ((y - at_y) / wide_y) ** 2) / 2)
    return z.astype(np.float32)


def normals(z: Array, scale_px: float) -> Array:
    """Unit vectors (height, width, 3), x right, y down, z to the camera, of a depth map in eye distances."""
    down, right = np.gradient(z * np.float32(scale_px))
    normal = np.stack([-right, -down, np.ones_like(z)], axis=-1)
    return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True), np.float32)


def outline(x: Array, y: Array) -> Array:
    """1 on head, hair, neck and shoulders, 0 behind them, soft between."""
    head = (x / 1.45) ** 2 + ((y - 0.15) / 2.25) ** 2
    shoulders = (x / 3.4) ** 2 + ((y - 4.6) / 2.2) ** 2
    neck = np.maximum(np.abs(x) / 0.9, np.abs(y - 2.3) / 0.9) ** 2
    inside = (1.15 - np.minimum(np.minimum(head, shoulders), neck)) / 0.25
    return np.asarray(np.clip(inside, 0, 1), np.float32)


def behind_lids(x: Array, y: Array, closed: float) -> Array:
    """``y`` of what is seen at (x, y) when the upper lids have come down by the share ``closed``: they are stretched
    from below the brow to their edge, lashes and all.
    """
    off = np.minimum(np.abs(x - 0.5), np.abs(x + 0.5)) / EYE_HALF_WIDTH
    arch = np.sqrt(np.maximum(1 - off**2, 0))
    edge = UPPER_LID * arch
    now = edge + closed * (LOWER_LID - UPPER_LID) * arch
    stretched = BROW + (y - BROW) * (edge - BROW) / (now - BROW)
    return np.where((off < 1) & (y > BROW) & (y < now), stretched, y).astype(np.float32)
