"""What is learned on top of the network: means to subtract, one for each kind of picture, and directions to leave out.

A chip photo moves every template the same way, and so does belonging to a group of people; both add to the score of two
strangers without saying who they are. Subtracting the mean of the kind of picture removes the first. The direction in
which one group's mean differs from everybody's is left out altogether, because a threshold that fits everybody is too
low for a group whose templates all point that way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import MALFORMED, ModelCorrupt
from models.image import FloatArray, unit


class Kind(StrEnum):
    """What a template is made from."""

    LIVE = "live"
    CHIP = "chip"


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """``means`` (length,) for each kind; ``directions`` (n, length), orthonormal."""

    means: Mapping[Kind, FloatArray] = field(repr=False)
    directions: FloatArray = field(repr=False)

    def apply(self, vector: FloatArray, kind: Kind) -> FloatArray:
        """The unit vectors (..., length) that are compared, from the network's for that kind of picture."""
        centred = vector - self.means[kind]
        rest = centred - (centred @ self.directions.T) @ self.directions
        return unit(np.asarray(rest, np.float32))


def parse_projection(content: bytes, file: Path) -> Projection:
    """From the JSON file that the manifest names.

    Raises:
        ModelCorrupt: a key is missing, a length differs, a number is not finite or the directions are not orthonormal.
    """
    try:
        document = json.loads(content)
        means = {kind: vector(document["means"][kind]) for kind in Kind}
        directions = np.array([vector(row) for row in document["directions"]], np.float32).reshape(
            -1, len(means[Kind.LIVE])
        )
        require_shapes(means, directions)
    except MALFORMED as error:
        raise ModelCorrupt(file, "content", "a projection", f"{type(error).__name__} {error}") from error
    return Projection(means, directions)


def vector(item: Any) -> FloatArray:
    """A list of finite numbers; ValueError or TypeError otherwise."""
    result = np.array(item, np.float32)
    if result.ndim != 1 or not np.all(np.isfinite(result)):
        raise ValueError("a vector is a list of finite numbers")
    result.setflags(write=False)
    return result


def require_shapes(means: Mapping[Kind, FloatArray], directions: FloatArray) -> None:
    """ValueError unless all have one length and the directions are orthonormal."""
    if len({len(mean) for mean in means.values()}) != 1:
        raise ValueError("the means differ in length")
    if not np.allclose(directions @ directions.T, np.eye(len(directions)), atol=1e-4):
        raise ValueError("the directions are not orthonormal")
