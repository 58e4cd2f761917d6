"""A simulated AMG8833 at register level, behind the methods of ``smbus2.SMBus`` that the driver uses.

Public state: ``pixels_c``, ``board_c``, ``registers``. Knobs: ``absent``, ``stuck``, ``naks`` (so many transfers fail
first), ``short`` (block reads come a byte short), ``overflow``, ``frozen`` (the same picture again and again); else
each differs from the one before by a quarter of a degree in the last pixel; a real one's noise is in all of them.
"""

from __future__ import annotations

import errno
import os
from typing import Final

import numpy as np
import numpy.typing as npt

from hw.thermal.codec import (
    PIXEL_BYTES,
    PIXEL_STEP_C,
    Power,
    Register,
    Reset,
    StatusBit,
    encode_pixels,
    encode_thermistor,
)

AMBIENT_C: Final = 24.0
FACE_C: Final = 33.5


class SimulatedBus:
    """An I2C bus with one sensor on it."""

    def __init__(self, address: int = 0x69) -> None:
        self.address = address
        self.pixels_c: npt.NDArray[np.float32] = np.full((8, 8), AMBIENT_C, np.float32)
        self.board_c = AMBIENT_C
        self.registers: dict[int, int] = {}
        self.resets: list[int] = []
        self.absent = False
        self.stuck = False
        self.naks = 0
        self.short = False
        self.overflow = False
        self.frozen = False
        self.pictures = 0
        self.closed = False

    def open(self, path: str) -> SimulatedBus:
        """What the driver calls in place of ``smbus2.SMBus(path)``; ENOENT for a path that names no bus."""
        if not path.startswith("/dev/i2c-"):
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        self.closed = False
        return self

    def show_face(self) -> None:
        """A warm face before the sensor."""
        self.pixels_c[2:7, 2:6] = FACE_C

    def show_screen(self) -> None:
        """A face on a screen: as warm as a screen, all over."""
        self.pixels_c[:] = AMBIENT_C + 3

    def read_byte_data(self, i2c_addr: int, register: int) -> int:
        """One register."""
        self._transfer(i2c_addr)
        return self._read(register)

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]:
        """Registers one after the other."""
        if not 1 <= length <= 32:
            raise OSError(errno.EINVAL, "SMBus blocks have 1 to 32 bytes")
        self._transfer(i2c_addr)
        self.pictures += register == Register.T01L and not self.frozen
        return [self._read(register + at) for at in range(length - self.short)]

    def write_byte_data(self, i2c_addr: int, register: int, value: int) -> None:
        """Set one register."""
        self._transfer(i2c_addr)
        self._write(register, value)

    def close(self) -> None:
        """Give the bus back."""
        self.closed = True

    def _transfer(self, address: int) -> None:
        if self.closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if self.stuck:
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        if self.naks:
            self.naks -= 1
            raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
        if self.absent or address != self.address:
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))

    def _read(self, register: int) -> int:
        if Register.T01L <= register < Register.T01L + PIXEL_BYTES:
            return 0 if self._asleep() else encode_pixels(self._noisy())[register - Register.T01L]
        if register in (Register.TTHL, Register.TTHH):
            return encode_thermistor(self.board_c)[register - Register.TTHL]
        if register == Register.STAT:
            return int(StatusBit.OVF_IRS) if self.overflow else 0
        return self.registers.get(register, 0)

    def _write(self, register: int, value: int) -> None:
        if register == Register.RST:
            self.resets.append(value)
            if value == Reset.INITIAL:
                power = self.registers.get(Register.PCTL, Power.NORMAL)
                self.registers = {Register.PCTL: power}
        elif register == Register.SCLR:
            self.overflow = self.overflow and not value & StatusBit.OVF_IRS
        else:
            self.registers[register] = value

    def _noisy(self) -> npt.NDArray[np.float32]:
        noisy = self.pixels_c.copy()
        noisy[-1, -1] += PIXEL_STEP_C * (self.pictures % 2)
        return noisy

    def _asleep(self) -> bool:
        return self.registers.get(Register.PCTL) != Power.NORMAL
