"""A head turned or nodded farther than it was photographed: press photographs look into the camera, people at a door
lift their chin and look aside. Same conventions as `plane`.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.train.plane import Random
from models.train.room import Source

HEAD = (0.62, 0.72)
"""Half the width and height of a head, of the width and height of the face's box."""
REACH = 1.35
"""As far as the picture moves, in halves of the head."""
MOST = 0.5
"""By so much of half a head the nose moves at most. At 0.6 the picture would fold."""
USUAL = 0.25
POSED = 0.5
"""Share of the people who are posed anew."""


def posed(source: Source, random: Random) -> Source:
    """The same picture with, in half of all cases, her head turned and nodded; the box stays."""
    if random.random() > POSED:
        return source
    across, down = np.clip(random.normal(0, USUAL, 2), -MOST, MOST)
    return turned(source, float(across), float(down))


def turned(source: Source, across: float, down: float) -> Source:
    """The nose moved right and down by so much of half a head, what is nearer the outline by less, as on a ball."""
    left, top, width, height = source.box
    half = np.multiply(HEAD, (width, height))
    y, x = np.mgrid[0 : source.picture.shape[0], 0 : source.picture.shape[1]].astype(np.float32)
    beside, below = (x - left - width / 2) / half[0], (y - top - 0.45 * height) / half[1]
    near = np.clip(1 - (beside**2 + below**2) / REACH**2, 0, None) ** 2
    from_x, from_y = x - across * half[0] * near, y - down * half[1] * near
    maps = from_x.astype(np.float32), from_y.astype(np.float32)
    picture = cv2.remap(source.picture, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return Source(np.asarray(picture, np.uint8), source.box)
