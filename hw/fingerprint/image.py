"""The image that a module sends: two pixels a byte, the left one in the upper half. Pure.

Sizes as the manuals give them (ZFM-20: 256 x 288; R503: 192 x 192); nothing on the wire tells them, only the length.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Self

from hw.errors import DeviceProtocolError

SIZES: Final = MappingProxyType({256 * 288 // 2: (256, 288), 192 * 192 // 2: (192, 192)})
"""Bytes of an image -> width, height."""
_LEVEL: Final = 17
"""From 0..15 to 0..255."""


@dataclass(frozen=True, slots=True)
class FingerImage:
    """``pixels``: rows of 8-bit grey values, top left first; biometric data."""

    pixels: bytes = field(repr=False)
    width: int
    height: int

    @classmethod
    def from_bytes(cls, device: str, data: bytes) -> Self:
        """Unpack what ``UpImage`` brought from ``device``.

        Raises:
            DeviceProtocolError: an image of a size that no known module has.
        """
        if len(data) not in SIZES:
            raise DeviceProtocolError(device, f"an image of {len(data)} bytes; known are {sorted(SIZES)}")
        pixels = bytes(value for pair in data for value in ((pair >> 4) * _LEVEL, (pair & 0x0F) * _LEVEL))
        return cls(pixels, *SIZES[len(data)])
