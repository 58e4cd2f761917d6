"""AMG8833: bytes by hand, the driver against registers, and every way the bus can fail."""

from __future__ import annotations

import errno

import numpy as np
import pytest

from hw.errors import (
    BadDeviceUri,
    DeviceBusy,
    DeviceGone,
    DeviceMissing,
    DeviceProtocolError,
    HardwareError,
)
from hw.thermal.codec import (
    FrameRate,
    Power,
    Register,
    Reset,
    decode_pixels,
    decode_thermistor,
    encode_pixels,
    encode_thermistor,
)
from hw.thermal.driver import ATTEMPTS, BusStuck, NotAcknowledged, ThermalSensor
from hw.thermal.simulator import AMBIENT_C, FACE_C, SimulatedBus
from hw.uri import DeviceUri

URI = "i2c:/dev/i2c-1"

#: The document's own examples: 12-bit two's complement of 0.25 degrees.
PIXELS = [(b"\xf4\x01", 125.0), (b"\x64\x00", 25.0), (b"\x01\x00", 0.25), (b"\x00\x00", 0.0)]
NEGATIVE = [(b"\xff\x0f", -0.25), (b"\x9c\x0f", -25.0), (b"\xb0\x0f", -20.0)]
#: Sign and magnitude of 0.0625 degrees.
THERMISTOR = [
    (b"\xff\x07", 127.9375),
    (b"\x90\x01", 25.0),
    (b"\x04\x00", 0.25),
    (b"\x00\x00", 0.0),
    (b"\x04\x08", -0.25),
    (b"\xbb\x0b", -59.6875),
]


def sensor(bus: SimulatedBus, uri: str = URI) -> ThermalSensor:
    return ThermalSensor(DeviceUri.parse(uri), bus.open, lambda _: None)


@pytest.mark.parametrize(("data", "degrees"), [*PIXELS[1:], NEGATIVE[0], NEGATIVE[2]])
def test_pixels(data: bytes, degrees: float) -> None:
    pixels = decode_pixels(data + bytes(126))
    assert pixels.shape == (8, 8)
    assert pixels.dtype == np.float32
    assert float(pixels[0, 0]) == degrees
    assert not pixels.ravel()[1:].any()
    assert encode_pixels(pixels)[:2] == data


def test_pixels_in_order() -> None:
    pixels = decode_pixels(b"".join((4 * index).to_bytes(2, "little") for index in range(64)))
    assert pixels.ravel().tolist() == [float(index) for index in range(64)]


def test_upper_bits_are_not_looked_at() -> None:
    assert float(decode_pixels(b"\x64\xf0" * 64)[3, 3]) == 25.0


@pytest.mark.parametrize("data", [b"", bytes(127), bytes(129), PIXELS[0][0] * 64, b"\x9c\x0f" * 64, b"\x00\x08" * 64])
def test_not_a_picture(data: bytes) -> None:
    with pytest.raises(ValueError, match="pixels"):
        decode_pixels(data)


@pytest.mark.parametrize(("data", "degrees"), THERMISTOR)
def test_thermistor(data: bytes, degrees: float) -> None:
    assert decode_thermistor(data) == degrees
    assert encode_thermistor(degrees) == data


@pytest.mark.parametrize("data", [b"", b"\0", bytes(3)])
def test_not_a_thermistor(data: bytes) -> None:
    with pytest.raises(ValueError, match="bytes of thermistor"):
        decode_thermistor(data)


def test_started_and_read() -> None:
    bus = SimulatedBus()
    bus.show_face()
    with sensor(bus) as thermal:
        assert bus.resets == [Reset.INITIAL]
        assert bus.registers[Register.PCTL] == Power.NORMAL
        assert bus.registers[Register.FPSC] == FrameRate.FPS_10
        frame = thermal.read()
    assert float(frame.pixels_c.max()) == FACE_C
    assert float(frame.pixels_c[0, 0]) == AMBIENT_C
    assert frame.board_c == AMBIENT_C
    assert not frame.overflow
    assert bus.closed


def test_other_address_and_rate() -> None:
    bus = SimulatedBus(address=0x68)
    thermal = sensor(bus, f"{URI}?address=0x68")
    thermal.open(FrameRate.FPS_1)
    thermal.open()
    assert bus.registers[Register.FPSC] == FrameRate.FPS_1
    assert thermal.self_test().board_c == AMBIENT_C
    thermal.close()
    thermal.close()


def test_overflow_is_told_once() -> None:
    bus = SimulatedBus()
    bus.overflow = True
    with sensor(bus) as thermal:
        assert thermal.read().overflow
        assert not thermal.read().overflow


@pytest.mark.parametrize("uri", [f"{URI}?address=0x10", f"{URI}?address=warm"])
def test_impossible_address(uri: str) -> None:
    with pytest.raises(BadDeviceUri):
        sensor(SimulatedBus(), uri)


def test_no_such_bus() -> None:
    with pytest.raises(DeviceMissing, match="group i2c"):
        sensor(SimulatedBus(), "i2c:/dev/nothing").open()


def test_no_such_bus_through_smbus2() -> None:
    with pytest.raises(DeviceMissing, match="group i2c"):
        ThermalSensor(DeviceUri.parse("i2c:/dev/i2c-977")).open()


def test_absent_chip() -> None:
    bus = SimulatedBus()
    bus.absent = True
    with pytest.raises(NotAcknowledged, match="0x69"):
        sensor(bus).open()
    assert bus.closed, "the bus is given back"


def test_chip_disappears_and_returns() -> None:
    bus = SimulatedBus()
    with sensor(bus) as thermal:
        bus.absent = True
        with pytest.raises(NotAcknowledged):
            thermal.read()
        bus.absent = False
        thermal.read()


def test_single_naks_are_survived() -> None:
    bus = SimulatedBus()
    with sensor(bus) as thermal:
        bus.naks = ATTEMPTS - 1
        thermal.read()
        bus.naks = ATTEMPTS
        with pytest.raises(NotAcknowledged):
            thermal.read()


def test_stuck_bus() -> None:
    bus = SimulatedBus()
    with sensor(bus) as thermal:
        bus.stuck = True
        with pytest.raises(BusStuck, match="does not move"):
            thermal.read()


def test_short_block() -> None:
    bus = SimulatedBus()
    with sensor(bus) as thermal:
        bus.short = True
        with pytest.raises(DeviceProtocolError, match="31 bytes"):
            thermal.read()


def test_bytes_that_are_no_picture() -> None:
    bus = SimulatedBus()
    bus.pixels_c[:] = 300.0
    with sensor(bus) as thermal, pytest.raises(DeviceProtocolError, match="no picture"):
        thermal.read()


def test_board_temperature_that_cannot_be() -> None:
    bus = SimulatedBus()
    bus.board_c = 120.0
    with sensor(bus) as thermal, pytest.raises(DeviceProtocolError, match="board"):
        thermal.self_test()


def test_a_line_that_hangs_loose_is_no_picture() -> None:
    """All ones on the bus are pixels of -0.25 degrees: nobody would be warmer than what is around her."""

    class Loose(SimulatedBus):
        def _read(self, register: int) -> int:  # noqa: ARG002
            return 0xFF

    with sensor(Loose()) as thermal, pytest.raises(DeviceProtocolError, match=r"board at -127\.9 degrees"):
        thermal.read()


def test_a_line_that_is_held_low_is_no_picture() -> None:
    class Held(SimulatedBus):
        def _read(self, register: int) -> int:  # noqa: ARG002
            return 0

    with sensor(Held()) as thermal, pytest.raises(DeviceProtocolError, match="held low"):
        thermal.read()


def test_a_bus_that_cannot_be_closed_hides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Stiff(SimulatedBus):
        def close(self) -> None:
            raise OSError(errno.EIO, "Input/output error")

    bus = Stiff()
    bus.absent = True
    thermal = sensor(bus)
    with pytest.raises(NotAcknowledged):
        thermal.open()
    assert "close" in caplog.text
    bus.absent = False
    assert thermal.self_test().board_c == AMBIENT_C, "it is opened anew"


def test_one_short_block_is_asked_for_again() -> None:
    class Once(SimulatedBus):
        shorts = 1

        def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]:
            data = super().read_i2c_block_data(i2c_addr, register, length)
            self.shorts, short = self.shorts - 1, self.shorts > 0
            return data[:-1] if short else data

    with sensor(Once()) as thermal:
        assert thermal.read().board_c == AMBIENT_C


def test_reading_a_closed_sensor() -> None:
    with pytest.raises(DeviceGone, match="not open"):
        sensor(SimulatedBus()).read()


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EBUSY, DeviceBusy),
        (errno.EACCES, DeviceMissing),
        (errno.ETIMEDOUT, BusStuck),
        (errno.EBADF, DeviceGone),
    ],
)
def test_operating_system_errors(number: int, kind: type[HardwareError]) -> None:
    def open_bus(_: str) -> SimulatedBus:
        raise OSError(number, "as the kernel says")

    with pytest.raises(kind) as caught:
        ThermalSensor(DeviceUri.parse(URI), open_bus).open()
    assert caught.value.device == URI
