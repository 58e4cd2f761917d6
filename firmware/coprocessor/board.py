"""The pins of the board, as README.md draws them. Every output is safe (door open, Pi powered) from reset on.

The lock's and the power switch's transistors have pull-downs at their gates, so that an unprogrammed or resetting
RP2040, whose pins are inputs, releases the lock and leaves the Pi on.
"""

import os

import machine
import rp2
from machine import PWM, UART, WDT, Pin
from micropython import const
from neopixel import NeoPixel

from coprocessor.flash_ring import PAGE
from coprocessor.messages import RESET_POWER_ON, RESET_UNKNOWN, RESET_WATCHDOG

PIN_TX = const(0)
PIN_RX = const(1)
PIN_LOCK = const(2)
PIN_PI_CUT = const(3)
PIN_EMERGENCY = const(4)
PIN_TAMPER = const(5)
PIN_DOOR = const(6)
PIN_RING = const(7)
PIN_BUZZER = const(8)
PIN_SERVICE = const(9)

LIGHTS = const(16)
BAUD = const(115200)
WATCHDOG_MS = const(2000)
SECTOR = const(4096)
RING_BYTES = const(65536)

KEY_FILE = "event.key"
KEY_SIZE = const(32)

# RP2040 data sheet 4.7.4 and 4.7.6: SCRATCH0 outlives a reset by the watchdog and is 0 after power-on and RUN. The boot
# ROM and the SDK use SCRATCH4 to SCRATCH7 only.
_WATCHDOG_SCRATCH0 = const(0x4005800C)
_SCRATCH_MARK = const(0x2C590000)
_SCRATCH_LOW = const(0xFF)

_BLOCK_COUNT = const(4)
_BLOCK_SIZE = const(5)
_BLOCK_ERASE = const(6)


class FlashRegion:
    """The last 64 KiB of the flash, which the file system leaves free (boot/_boot.py)."""

    def __init__(self, start: int, length: int) -> None:
        self.sectors = length // SECTOR
        self.pages = SECTOR // PAGE
        self._flash = rp2.Flash(start=start, len=length)

    def read(self, page: int, buffer: bytearray) -> None:
        """Read the beginning of a page into ``buffer``."""
        sector, within = divmod(page, self.pages)
        self._flash.readblocks(sector, buffer, within * PAGE)

    def program(self, page: int, buffer: bytearray) -> None:
        """Write a blank page. Interrupts rest for 3 ms at most."""
        sector, within = divmod(page, self.pages)
        self._flash.writeblocks(sector, buffer, within * PAGE)

    def erase(self, sector: int) -> None:
        """Make a sector blank. Interrupts rest for 45 ms, 400 at worst: never while the lock is energised."""
        self._flash.ioctl(_BLOCK_ERASE, sector)


def flash_region() -> FlashRegion | None:
    """The ring's flash, or None where the file system has taken all of it (a MicroPython of another build)."""
    whole = rp2.Flash()
    size = int(whole.ioctl(_BLOCK_COUNT, 0) or 0) * int(whole.ioctl(_BLOCK_SIZE, 0) or 0)
    system = os.statvfs("/")
    if system[1] * system[2] + RING_BYTES > size:
        return None
    return FlashRegion(size - RING_BYTES, RING_BYTES)


def event_key() -> bytes:
    """The unit's event key: 64 hex digits, perhaps a newline; empty when the file is missing or holds anything else."""
    try:
        with open(KEY_FILE, "rb") as file:
            text = file.read(2 * KEY_SIZE + 2).decode().strip()
            key = bytes.fromhex(text)
    except (OSError, ValueError):
        return b""
    return key if len(text) == 2 * KEY_SIZE and len(key) == KEY_SIZE else b""


def kept_cycles() -> int:
    """What :meth:`Board.keep` kept before a reset by the watchdog; 0 after any other start."""
    word = machine.mem32[_WATCHDOG_SCRATCH0]
    low = word & _SCRATCH_LOW
    is_whole = word == _SCRATCH_MARK | (low ^ _SCRATCH_LOW) << 8 | low
    return int(low) if is_whole and machine.reset_cause() == machine.WDT_RESET else 0


def reset_cause() -> int:
    """Why this program runs."""
    cause = machine.reset_cause()
    if cause == machine.WDT_RESET:
        return RESET_WATCHDOG
    return RESET_POWER_ON if cause == machine.PWRON_RESET else RESET_UNKNOWN


def in_service() -> bool:
    """The service pin is held low: stay at the prompt, without a watchdog, with the door open."""
    return Pin(PIN_SERVICE, Pin.IN, Pin.PULL_UP).value() == 0


class Board:
    """Pins and peripherals. Making it opens the door and starts the watchdog."""

    def __init__(self) -> None:
        self._lock = Pin(PIN_LOCK, Pin.OUT, value=0)
        self._pi_cut = Pin(PIN_PI_CUT, Pin.OUT, value=0)
        self.emergency = Pin(PIN_EMERGENCY, Pin.IN, Pin.PULL_UP)
        self.tamper = Pin(PIN_TAMPER, Pin.IN, Pin.PULL_UP)
        self.door = Pin(PIN_DOOR, Pin.IN, Pin.PULL_UP)
        self.ring = NeoPixel(Pin(PIN_RING, Pin.OUT), LIGHTS)
        self._tx = Pin(PIN_TX)
        self.uart = UART(0, baudrate=BAUD, tx=self._tx, rx=Pin(PIN_RX), timeout=0, rxbuf=1024, txbuf=256)
        self._powered = True
        self._buzzer = Pin(PIN_BUZZER, Pin.OUT, value=0)
        self._pwm: PWM | None = None
        self._watchdog = WDT(timeout=WATCHDOG_MS)

    def lock(self, energised: bool) -> None:
        """Energise the lock, or let go."""
        self._lock.value(1 if energised else 0)

    def power(self, on: bool) -> None:
        """Let the Pi have its power, or cut it. TX rests high, and is let go of first, so as not to feed a dead Pi."""
        if not on and self._powered:
            self._tx.init(Pin.IN)
        self._pi_cut.value(0 if on else 1)
        if on and not self._powered:
            self._tx.init(Pin.ALT, alt=Pin.ALT_UART)
        self._powered = on

    def keep(self, cycles: int) -> None:
        """Remember how often the Pi was power-cycled, over a reset by the watchdog."""
        machine.mem32[_WATCHDOG_SCRATCH0] = _SCRATCH_MARK | (cycles ^ _SCRATCH_LOW) << 8 | cycles

    def tone(self, hertz: int) -> None:
        """Sound a tone; 0 is silence."""
        if self._pwm is not None:
            self._pwm.deinit()
            self._pwm = None
        if hertz:
            self._pwm = PWM(self._buzzer, freq=hertz, duty_u16=32768)
        else:
            self._buzzer.init(Pin.OUT, value=0)

    def feed(self) -> None:
        """The loop has completed a turn."""
        self._watchdog.feed()
