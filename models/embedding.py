"""A face as 128 numbers: SFace, or whatever network the manifest names for the role `embedding`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models.errors import ImageError
from models.image import FloatArray, Image, unit
from models.interpreter import Network
from models.manifest import Entry


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A face as a unit vector, float32 (length,), and the SHA-256 of what made it: the projection, else the network.

    It is a person's biometric datum: it lives in memory for one check, and its repr does not show it.
    """

    vector: FloatArray = field(repr=False)
    model: str


class Embedder:
    """The embedding network behind numpy. Not for two threads at once."""

    def __init__(self, network: Network, entry: Entry) -> None:
        """Wrap ``network``; ``entry`` says how its input is made from a picture."""
        self._network = network
        self._preprocessing = entry.preprocessing
        self._shape = network.input_type.shape[1:]

    @property
    def side_px(self) -> int:
        """Side of the network's square input."""
        return self._shape[0]

    def raw(self, aligned: Image) -> FloatArray:
        """The network's own output, float32 (length,), of an aligned face: BGR, uint8, (112, 112, 3).

        Raises:
            ImageError: another shape or dtype.
        """
        if getattr(aligned, "dtype", None) != np.uint8 or aligned.shape != self._shape:
            found = f"{getattr(aligned, 'dtype', type(aligned).__name__)} {getattr(aligned, 'shape', '')}"
            raise ImageError(f"an aligned face is uint8 {self._shape}, not {found}")
        return self._network.run(self._preprocessing.apply(aligned)).ravel()

    def embed(self, aligned: Image) -> FloatArray:
        """The unit vector, float32 (length,), of an aligned face.

        Raises:
            ImageError: another shape or dtype.
        """
        return unit(self.raw(aligned))
