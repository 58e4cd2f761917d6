"""From a picture's bytes to what a network sees, as its entry in the manifest says."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import cv2
import numpy as np

from models.image import CHANNELS, FloatArray, Image

MAX_SCALE = 1e6
"""No network is taught with pixels of such a size."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Channels in the order ``colour``, then (x - offset) * scale."""

    colour: Literal["BGR", "RGB"]
    offset: float
    scale: float

    def apply(self, picture: Image) -> FloatArray:
        """The network's input, float32 (1, height, width, channels), of BGR pictures stacked along the channels."""
        ordered = picture if self.colour == "BGR" else reversed_colours(picture)
        return np.asarray(cv2.LUT(ordered, table(self.offset, self.scale)), np.float32)[np.newaxis]


def parse_preprocessing(item: Mapping[str, Any]) -> Preprocessing:
    """`{"colour": "RGB", "offset": 127.5, "scale": 0.0078125}`; KeyError, TypeError or ValueError otherwise."""
    require_keys("preprocessing", item, ("colour", "offset", "scale"))
    if item["colour"] not in ("BGR", "RGB"):
        raise ValueError(f"colour is BGR or RGB, not {item['colour']!r}")
    offset, scale = float(item["offset"]), float(item["scale"])
    if not (math.isfinite(offset) and 0 < abs(scale) < MAX_SCALE):
        raise ValueError(f"offset {offset} or scale {scale} is no number that a picture is made of")
    return Preprocessing(item["colour"], offset, scale)


def require_keys(what: str, item: Mapping[str, Any], known: Collection[str]) -> None:
    """ValueError if ``item`` has a key that nobody reads: what it says would be believed and not done; TypeError if it
    is no object."""
    if not isinstance(item, Mapping):
        raise TypeError(f"{what} is an object, not {type(item).__name__}")
    if unknown := sorted(item.keys() - set(known)):
        raise ValueError(f"{what} has {', '.join(known) or 'no other keys'}; nobody reads {', '.join(unknown)}")


@cache
def table(offset: float, scale: float) -> FloatArray:
    """What becomes of each of a byte's 256 values: looking up is several times as fast as computing."""
    return (np.arange(256, dtype=np.float32) - np.float32(offset)) * np.float32(scale)


def reversed_colours(picture: Image) -> Image:
    """RGB for BGR in each of the stacked pictures."""
    planes = cv2.split(picture)
    last = CHANNELS - 1
    return np.asarray(
        cv2.merge([planes[at - at % CHANNELS + last - at % CHANNELS] for at in range(len(planes))]), np.uint8
    )
