"""An AMG8833 on an I2C bus: start it, read pictures.

The bus is anything with the methods of :class:`Bus`, which ``smbus2.SMBus`` has. Every failure is one of
:mod:`hw.errors`; the unit runs on without the sensor, and the self-test says so.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable
from typing import Final, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt
import smbus2

from hw.errors import (
    BadDeviceUri,
    DeviceBusy,
    DeviceGone,
    DeviceMissing,
    DeviceProtocolError,
    DeviceTimeout,
    HardwareError,
)
from hw.thermal.codec import (
    BOARD_RANGE_C,
    PIXEL_BYTES,
    FrameRate,
    Power,
    Register,
    Reset,
    StatusBit,
    ThermalFrame,
    decode_pixels,
    decode_thermistor,
)
from hw.uri import DeviceUri

log = logging.getLogger(__name__)

ADDRESSES: Final = (0x69, 0x68)
"""AD_SELECT high (most boards) and low."""

BLOCK: Final = 32
"""Bytes of one SMBus block read."""

ATTEMPTS: Final = 3
RESET_S: Final = 0.002
FIRST_FRAME_S: Final = 0.1

STILL_S: Final = 5.0
"""No sensor that works gives the same picture for so long: of 64 pixels in steps of 0.25 degrees some always stand
between two steps, and the board's thermistor has steps of 0.0625."""

T = TypeVar("T")

_ABSENT: Final = frozenset({errno.ENXIO, errno.EREMOTEIO, errno.EIO})
_STUCK: Final = frozenset({errno.ETIMEDOUT, errno.EAGAIN, errno.ECOMM})
_NO_BUS: Final = frozenset({errno.ENOENT, errno.ENODEV, errno.EACCES})


class Bus(Protocol):
    """What is used of ``smbus2.SMBus``."""

    def read_byte_data(self, i2c_addr: int, register: int) -> int:
        """One register."""

    def write_byte_data(self, i2c_addr: int, register: int, value: int) -> None:
        """Set one register."""

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]:
        """``length`` registers, at most 32."""

    def close(self) -> None:
        """Give the bus back."""


class NotAcknowledged(DeviceMissing):
    """The bus works and nobody answers at this address: the sensor is absent, unpowered or at the other address."""

    advice = "check the sensor's wiring and its address (0x69, or 0x68)"


class BusStuck(DeviceTimeout):
    """The bus does not move (a line is held low): power-cycle the sensors on it."""

    advice = "power-cycle the sensors of this bus; if it stays so, look for a short between SDA, SCL and ground"


class Frozen(DeviceTimeout):
    """It answers, but with the same picture again and again: what it measured once is no sign of who is here now."""

    advice = "power-cycle the sensor; if it stays so, replace it"


def _open_smbus(path: str) -> Bus:
    bus: Bus = smbus2.SMBus(path)
    return bus


class ThermalSensor:
    """One sensor, ``i2c:/dev/i2c-1?address=0x69``. Not for two threads at once."""

    def __init__(
        self,
        uri: DeviceUri,
        open_bus: Callable[[str], Bus] = _open_smbus,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.device = uri.text
        self._path = uri.path
        self._address = _address(uri)
        self._open_bus = open_bus
        self._sleep = sleep
        self._clock = clock
        self._bus: Bus | None = None
        self._newest, self._changed_s = b"", 0.0

    def open(self, rate: FrameRate = FrameRate.FPS_10) -> None:
        """Open the bus, reset the sensor and start it at ``rate``. Nothing happens when already open.

        Raises:
            DeviceMissing: there is no such bus, or it may not be opened.
            NotAcknowledged: nobody answers there.
            BusStuck: the bus does not move.
        """
        if self._bus is not None:
            return
        try:
            self._bus = self._open_bus(self._path)
        except OSError as error:
            raise self._mapped(error, "open") from error
        try:
            self._write(Register.PCTL, Power.NORMAL)
            self._write(Register.RST, Reset.INITIAL)
            self._sleep(RESET_S)
            self._write(Register.FPSC, rate)
            self._sleep(FIRST_FRAME_S)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the bus back; closing twice is harmless."""
        bus, self._bus = self._bus, None
        if bus is not None:
            try:
                bus.close()
            except OSError as error:
                # It is given back by then; what failed before is what whoever closes it has to hear of.
                log.warning("%s: close: %s", self.device, error)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def read(self) -> ThermalFrame:
        """The current picture; a new one is there every 0.1 s (or 1 s).

        Raises:
            DeviceProtocolError: what came is not a picture, or the board's temperature cannot be, three times. A line
                that hangs loose reads as all ones, which are pixels of -0.25 degrees and a board of -127.9.
            Frozen: nothing in it has changed for :data:`STILL_S`, nor has opening the sensor anew changed it.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                pixels, board_c = self._temperatures()
                break
            except ValueError as error:
                log.warning("%s: %s", self.device, error)
                if attempt == ATTEMPTS:
                    raise DeviceProtocolError(self.device, f"no picture: {error}") from error
        self._watch(pixels.tobytes() + np.float64(board_c).tobytes())
        status = StatusBit(self._byte(Register.STAT) & int(StatusBit.OVF_IRS | StatusBit.OVF_THS))
        if status:
            self._write(Register.SCLR, int(status))
        return ThermalFrame(pixels, board_c, bool(status))

    def self_test(self) -> ThermalFrame:
        """A picture of the sensor, opened for it; raises as :meth:`open` and :meth:`read`."""
        self.open()
        return self.read()

    def _temperatures(self) -> tuple[npt.NDArray[np.float32], float]:
        """Of the pixels and the board. ValueError: they cannot be."""
        data = b"".join(self._block(Register.T01L + at, BLOCK) for at in range(0, PIXEL_BYTES, BLOCK))
        pixels, board_c = decode_pixels(data), decode_thermistor(self._block(Register.TTHL, 2))
        if not board_c and not pixels.any():
            raise ValueError("everything at 0 degrees: a line that is held low reads so")
        if not BOARD_RANGE_C[0] <= board_c <= BOARD_RANGE_C[1]:
            raise ValueError(f"board at {board_c:.1f} degrees")
        return pixels, board_c

    def _watch(self, picture: bytes) -> None:
        now_s = self._clock()
        if picture != self._newest:
            self._newest, self._changed_s = picture, now_s
        elif (still_s := now_s - self._changed_s) >= STILL_S:
            raise Frozen(self.device, f"not one of 64 pixels has changed for {still_s:.0f} s")

    def _bus_or_gone(self) -> Bus:
        if self._bus is None:
            raise DeviceGone(self.device, "sensor is not open")
        return self._bus

    def _byte(self, register: int) -> int:
        return self._trying("read", lambda bus: bus.read_byte_data(self._address, register))

    def _block(self, register: int, length: int) -> bytes:
        data = bytes(self._trying("read", lambda bus: bus.read_i2c_block_data(self._address, register, length)))
        if len(data) != length:
            raise ValueError(f"{len(data)} bytes instead of {length} from register {register:#x}")
        return data

    def _write(self, register: int, value: int) -> None:
        self._trying("write", lambda bus: bus.write_byte_data(self._address, register, value))

    def _trying(self, doing: str, operation: Callable[[Bus], T]) -> T:
        """One disturbed transfer is tried again; a bus that is stuck is not."""
        bus = self._bus_or_gone()
        left = ATTEMPTS
        while True:
            left -= 1
            try:
                return operation(bus)
            except OSError as error:
                failure = self._mapped(error, doing)
                if not left or not isinstance(failure, NotAcknowledged):
                    raise failure from error

    def _mapped(self, error: OSError, doing: str) -> HardwareError:
        if error.errno in _NO_BUS:
            return DeviceMissing(self.device, f"{doing}: {error.strerror} (is I2C enabled, the user in group i2c?)")
        if error.errno == errno.EBUSY:
            return DeviceBusy(self.device, f"{doing}: a kernel driver holds this address")
        if error.errno in _STUCK:
            return BusStuck(self.device, f"{doing}: the bus does not move")
        if error.errno in _ABSENT:
            return NotAcknowledged(self.device, f"{doing}: nobody answers at {self._address:#x}")
        return DeviceGone(self.device, f"{doing}: {error.strerror or error}")


def _address(uri: DeviceUri) -> int:
    text = uri.options.get("address", hex(ADDRESSES[0]))
    try:
        address = int(text, 0)
    except ValueError:
        raise BadDeviceUri(uri.text, f"option 'address' must be an integer, not {text!r}") from None
    if address not in ADDRESSES:
        raise BadDeviceUri(uri.text, f"address {address:#x}; an AMG8833 has {ADDRESSES[0]:#x} or {ADDRESSES[1]:#x}")
    return address
