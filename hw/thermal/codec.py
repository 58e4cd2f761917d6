"""Registers of the Panasonic Grid-EYE AMG88xx and what their bytes mean. Pure: bytes in, values out.

Source: Panasonic, *Infrared Array Sensor Grid-EYE (AMG88)*, reference specifications and I2C communication document
(register map, 2's complement 12-bit pixels of 0.25 degrees, 12-bit thermistor of 0.0625 degrees as sign and magnitude).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag, unique
from typing import Final

import numpy as np
import numpy.typing as npt

ROWS: Final = 8
COLUMNS: Final = 8
PIXEL_BYTES: Final = 2 * ROWS * COLUMNS
PIXEL_STEP_C: Final = 0.25
THERMISTOR_STEP_C: Final = 0.0625
PIXEL_RANGE_C: Final = (-20.0, 100.0)
"""What the sensor's data sheet lets a pixel be (high-gain type: 0 to 80); outside of it the bytes are not a picture."""
BOARD_RANGE_C: Final = (-20.0, 80.0)
"""Where a unit can stand at all; outside of it they are none either."""


@unique
class Register(IntEnum):
    """Addresses of the registers that are used, in the document's spelling."""

    PCTL = 0x00
    RST = 0x01
    FPSC = 0x02
    STAT = 0x04
    SCLR = 0x05
    AVE = 0x07
    TTHL = 0x0E
    TTHH = 0x0F
    T01L = 0x80


@unique
class Power(IntEnum):
    """Values of PCTL."""

    NORMAL = 0x00
    SLEEP = 0x10
    STAND_BY_60S = 0x20
    STAND_BY_10S = 0x21


@unique
class Reset(IntEnum):
    """Values of RST."""

    INITIAL = 0x3F


@unique
class FrameRate(IntEnum):
    """Values of FPSC."""

    FPS_10 = 0x00
    FPS_1 = 0x01


class StatusBit(IntFlag):
    """Bits of STAT (and, one place each, of SCLR) that are used."""

    OVF_IRS = 0x04
    OVF_THS = 0x08


@dataclass(frozen=True, slots=True)
class ThermalFrame:
    """One picture. ``pixels_c``: float32 (8, 8), row 0 the sensor's top; ``board_c``: the sensor's own temperature.

    ``overflow``: a value was outside what the sensor can tell, so this picture proves nothing.
    """

    pixels_c: npt.NDArray[np.float32]
    board_c: float
    overflow: bool


def decode_pixels(data: bytes) -> npt.NDArray[np.float32]:
    """The 64 temperatures of 128 bytes from T01L on: 12-bit two's complement, low byte first.

    Raises:
        ValueError: another number of bytes, or a temperature that the sensor cannot have measured.
    """
    if len(data) != PIXEL_BYTES:
        raise ValueError(f"{len(data)} bytes of pixels instead of {PIXEL_BYTES}")
    raw = np.frombuffer(data, "<u2").astype(np.int32) & 0xFFF
    pixels = ((raw ^ 0x800) - 0x800).astype(np.float32) * np.float32(PIXEL_STEP_C)
    low, high = float(pixels.min()), float(pixels.max())
    if low < PIXEL_RANGE_C[0] or high > PIXEL_RANGE_C[1]:
        raise ValueError(f"pixels of {low:.2f} to {high:.2f} degrees")
    return pixels.reshape(ROWS, COLUMNS)


def encode_pixels(pixels_c: npt.NDArray[np.float32]) -> bytes:
    """The bytes of 64 temperatures; the unused four bits are 0, as the sensor has them."""
    raw = np.rint(np.asarray(pixels_c, np.float64) / PIXEL_STEP_C).astype(np.int32) & 0xFFF
    return raw.astype("<u2").tobytes()


def decode_thermistor(data: bytes) -> float:
    """Degrees of two bytes from TTHL on: bit 11 is the sign, the rest a magnitude. ValueError: not two bytes."""
    if len(data) != 2:
        raise ValueError(f"{len(data)} bytes of thermistor instead of 2")
    raw = int.from_bytes(data, "little") & 0xFFF
    magnitude = (raw & 0x7FF) * THERMISTOR_STEP_C
    return -magnitude if raw & 0x800 else magnitude


def encode_thermistor(degrees_c: float) -> bytes:
    """The two bytes of a temperature."""
    raw = min(round(abs(degrees_c) / THERMISTOR_STEP_C), 0x7FF)
    return (raw | (0x800 if degrees_c < 0 else 0)).to_bytes(2, "little")
