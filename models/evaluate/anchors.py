"""Public small networks to measure beside: the two MiniFASNet of minivision-ai Silent-Face-Anti-Spoofing (Apache-2.0).

They are not part of the product; the folder that holds their TFLite files is named on the command line. Input
[1,80,80,3], BGR 0..255, a square of 2.7 and 4.0 sides of the face moved inside the frame; three softmax scores, class 1
is live; the mean of both is the answer.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.errors import ModelCorrupt
from models.image import FloatArray, Image
from models.interpreter import Network
from models.manifest import opened_file
from models.passive import Box, cropped

FILES = (("minifasnet_v2_crop2.7.tflite", 2.7), ("minifasnet_v1se_crop4.0.tflite", 4.0))
SIDE_PX = 80
INPUT, OUTPUT = (1, SIDE_PX, SIDE_PX, 3), (1, 3)
LIVE_CLASS = 1
THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Anchors:
    """Both networks. Not for two threads at once."""

    networks: tuple[tuple[Network, float], ...]

    @classmethod
    def load(cls, folder: Path) -> Anchors:
        """From the folder with both files.

        Raises:
            ModelMissing, ModelCorrupt: a file is missing, no network, or one of another input or output.
        """
        with ExitStack() as stack:
            files = [(stack.enter_context(opened_file(folder / name)), reach) for name, reach in FILES]
            networks = tuple((Network(file, 1), reach) for file, reach in files)
        for (network, _), (name, _) in zip(networks, FILES, strict=True):
            seen, told = network.input_type.shape, network.output_type.shape
            if (seen, told) != (INPUT, OUTPUT):
                raise ModelCorrupt(folder / name, "input and output", f"{INPUT} and {OUTPUT}", f"{seen} and {told}")
        return cls(networks)

    def outputs(self, image: Image, box: Box) -> FloatArray:
        """Three scores of each network, float32 (2, 3)."""
        answers = [network.run(cropped(image, box, reach, SIDE_PX)[np.newaxis]) for network, reach in self.networks]
        return np.stack([answer.ravel() for answer in answers])

    def score(self, image: Image, box: Box) -> float:
        """The mean probability of a live face."""
        return float(self.outputs(image, box)[:, LIVE_CLASS].mean())
