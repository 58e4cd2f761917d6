"""Every number of the co-processor's link that is not a layout: types, flags, kinds, patterns.

Part of the one description of the link, see :mod:`hw.coprocessor.messages`.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag, unique
from typing import Final

PROTOCOL_VERSION: Final = 2
"""Both ends must have the same; anything else is a named error on the host and an open door on the device."""

TICKS_PERIOD: Final = 1 << 30
"""``at_us`` counts modulo this (about 17.9 minutes): what ``time.ticks_us`` of MicroPython does on an RP2040."""

MAX_STEPS: Final = 24
"""Steps of one light challenge."""

MAC_SIZE: Final = 16
"""Bytes of an event's HMAC-SHA256 that travel (HMAC-SHA-256-128, RFC 4868)."""

FIRST_SEQUENCED: Final = 0x10
"""Types from here on are numbered, acknowledged and repeated."""


@unique
class MessageType(IntEnum):
    """First byte of a frame. Below 0x10: outside the sequence, never acknowledged."""

    HELLO = 0x01
    WELCOME = 0x02
    ACK = 0x03
    BOOTED = 0x04
    HEARTBEAT = 0x10
    RELEASE = 0x11
    CLEAR_EMERGENCY = 0x12
    RING = 0x13
    BUZZER = 0x14
    CHALLENGE = 0x15
    CONFIRM = 0x16
    CLOCK = 0x17
    GET_STATUS = 0x18
    EVENT = 0x20
    STATUS = 0x21
    CHALLENGE_STEP = 0x22
    CHALLENGE_DONE = 0x23
    CLOCK_IS = 0x24
    REFUSED = 0x25


class HeartbeatFlag(IntFlag):
    """What the host wants as long as its heart beats."""

    WANT_LOCK = 1
    KEEP_POWER = 2


class Feature(IntFlag):
    """What this co-processor can do."""

    EVENT_KEY = 1
    FLASH_RING = 2


class StatusFlag(IntFlag):
    """The co-processor's inputs and outputs."""

    LOCKED = 1
    EMERGENCY = 2
    TAMPER_OPEN = 4
    DOOR_OPEN = 8
    PI_POWERED = 16
    CARE_FIRST = 32
    WATCHING = 64
    NO_ROOM = 128  # no lock: the ring has no page for the next emergency, or pages are being made blank


@unique
class EventKind(IntEnum):
    """What happened. ``detail`` of the event: see each."""

    STARTED = 1  # detail: ResetCause
    EMERGENCY = 2
    TAMPER_OPENED = 3
    TAMPER_CLOSED = 4
    DOOR_OPENED = 5
    DOOR_CLOSED = 6
    POWER_CYCLED = 7  # detail: which of the three
    HOST_SILENT = 8
    RING_FULL = 9  # this one and later ones were counted, not kept; see MISSED
    MISSED = 10  # detail: how many events found no room since the last of this kind, 255 at most, the rest follows


@unique
class ResetCause(IntEnum):
    """Why the co-processor started."""

    UNKNOWN = 0
    POWER_ON = 1
    WATCHDOG = 2


@unique
class RingPattern(IntEnum):
    """What the light ring shows, one for each state of a check. CARE_FIRST comes by itself and overrides all others."""

    OFF = 0
    IDLE = 1
    NOTICE = 2
    CARD = 3
    FACE = 4
    FINGER = 5
    WORKING = 6
    OFFICER = 7
    PASSED = 8
    NOT_PASSED = 9
    FAULT = 10
    CARE_FIRST = 11


@unique
class Sound(IntEnum):
    """What the buzzer plays, once."""

    NONE = 0
    TOUCH = 1
    DONE = 2
    ATTENTION = 3
    ALARM = 4


@unique
class Colour(IntEnum):
    """Colours of the light challenge. Full brightness is limited by the ring's current, see the wiring page."""

    OFF = 0
    RED = 1
    GREEN = 2
    BLUE = 3
    CYAN = 4
    MAGENTA = 5
    YELLOW = 6
    WHITE = 7


@unique
class ChallengeResult(IntEnum):
    """How a light challenge ended."""

    COMPLETE = 0
    STOPPED = 1  # by the emergency, by silence of the host or by the next challenge


@unique
class Refusal(IntEnum):
    """Why the co-processor did not do what a message says."""

    UNKNOWN_TYPE = 1
    BAD_PAYLOAD = 2
    BAD_VALUE = 3
