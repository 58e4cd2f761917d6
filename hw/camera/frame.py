"""One picture as the rest of the unit sees it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hw.camera.ring import RawFrame


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A camera frame.

    Attributes:
        image: uint8, (height, width, 3), blue-green-red, C-contiguous and writable; the reader's own copy, which no
            later frame touches. It shows a person, so it is kept out of ``repr``.
        number: counts up from 1, also across restarts of the camera. A gap means frames that nobody fetched.
        captured_at_s: ``time.monotonic()`` at capture.
        camera: the camera's URI in the configuration.
    """

    image: npt.NDArray[np.uint8] = field(repr=False)
    number: int
    captured_at_s: float
    camera: str

    @classmethod
    def from_raw(cls, raw: RawFrame, camera: str) -> Frame:
        """The frame held by ``raw``, whose buffer it takes over."""
        rows = np.frombuffer(raw.pixels, np.uint8).reshape(raw.height, raw.stride)
        image = rows[:, : raw.width * 3].reshape(raw.height, raw.width, 3)
        return cls(image, raw.number, raw.captured_ns / 1e9, camera)
