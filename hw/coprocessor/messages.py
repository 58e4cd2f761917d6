"""The one description of what host and co-processor say to each other.

A message is a dataclass: its fields in wire order, ``TYPE`` and ``LAYOUT`` (a :mod:`struct` format, little-endian);
the numbers its fields take are in :mod:`hw.coprocessor.numbers`. The firmware's table of constants,
``firmware/coprocessor/messages.py``, is written from these two modules by :mod:`hw.coprocessor.firmware_table`, and a
test keeps them equal. The framing below a message is in :mod:`hw.coprocessor.codec`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from typing import ClassVar, Final, Self

from hw.coprocessor.numbers import MAC_SIZE, MAX_STEPS, MessageType


@dataclass(frozen=True, slots=True)
class Message:
    """A message's fields to bytes and back."""

    TYPE: ClassVar[MessageType]
    LAYOUT: ClassVar[str]

    def to_bytes(self) -> bytes:
        """The payload.

        Raises:
            struct.error: a value does not fit its field.
        """
        return struct.pack(self.LAYOUT, *(getattr(self, name) for name in self.names()))

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """The message of a payload.

        Raises:
            ValueError: the payload has another length.
        """
        if len(payload) != cls.size():
            raise ValueError(f"{cls.TYPE.name} of {len(payload)} bytes instead of {cls.size()}")
        return cls(*struct.unpack(cls.LAYOUT, payload))

    @classmethod
    def size(cls) -> int:
        """Bytes of the payload."""
        return struct.calcsize(cls.LAYOUT)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The fields in wire order."""
        return tuple(field.name for field in fields(cls))


@dataclass(frozen=True, slots=True)
class Hello(Message):
    """Host to device: who I am (``host_nonce``: this process) and which answer I wait for (``token``)."""

    TYPE: ClassVar = MessageType.HELLO
    LAYOUT: ClassVar = "<BIH"
    version: int
    host_nonce: int
    token: int


@dataclass(frozen=True, slots=True)
class Welcome(Message):
    """Device to host. ``session`` 0: versions differ, there is none. ``firmware``: major, minor, patch, a byte each."""

    TYPE: ClassVar = MessageType.WELCOME
    LAYOUT: ClassVar = "<BIHBIIIBBI"
    version: int
    host_nonce: int
    token: int
    session: int
    boot_nonce: int
    boot: int
    uptime_ms: int
    reset_cause: int
    features: int
    firmware: int


@dataclass(frozen=True, slots=True)
class Ack(Message):
    """Both ways: the frame with this frame's sequence number has arrived."""

    TYPE: ClassVar = MessageType.ACK
    LAYOUT: ClassVar = "<"


@dataclass(frozen=True, slots=True)
class Booted(Message):
    """Device to host, while it has no session: start one."""

    TYPE: ClassVar = MessageType.BOOTED
    LAYOUT: ClassVar = "<BI"
    version: int
    boot_nonce: int


@dataclass(frozen=True, slots=True)
class Heartbeat(Message):
    """Host to device, at least once a second: the host worked ``age_ms`` before these bytes left, and wants ``flags``
    (:class:`HeartbeatFlag`). A repetition tells the age and the wish of its own moment.
    """

    TYPE: ClassVar = MessageType.HEARTBEAT
    LAYOUT: ClassVar = "<BH"
    flags: int
    age_ms: int


@dataclass(frozen=True, slots=True)
class Release(Message):
    """Host to device: open the door now; it stays open until a heartbeat wants it locked."""

    TYPE: ClassVar = MessageType.RELEASE
    LAYOUT: ClassVar = "<"


@dataclass(frozen=True, slots=True)
class ClearEmergency(Message):
    """Host to device: an officer has dealt with the emergency whose event has this counter, the newest one."""

    TYPE: ClassVar = MessageType.CLEAR_EMERGENCY
    LAYOUT: ClassVar = "<I"
    counter: int


@dataclass(frozen=True, slots=True)
class Ring(Message):
    """Host to device: show this :class:`RingPattern`."""

    TYPE: ClassVar = MessageType.RING
    LAYOUT: ClassVar = "<B"
    pattern: int


@dataclass(frozen=True, slots=True)
class Buzzer(Message):
    """Host to device: play this :class:`Sound`."""

    TYPE: ClassVar = MessageType.BUZZER
    LAYOUT: ClassVar = "<B"
    sound: int


@dataclass(frozen=True, slots=True)
class Challenge(Message):
    """Host to device: show the first ``count`` of ``colours``, each for ``step_ms``, and report when."""

    TYPE: ClassVar = MessageType.CHALLENGE
    LAYOUT: ClassVar = f"<HHB{MAX_STEPS}s"
    number: int
    step_ms: int
    count: int
    colours: bytes


@dataclass(frozen=True, slots=True)
class Confirm(Message):
    """Host to device: every event up to this counter is in a committed record; forget them."""

    TYPE: ClassVar = MessageType.CONFIRM
    LAYOUT: ClassVar = "<I"
    counter: int


@dataclass(frozen=True, slots=True)
class Clock(Message):
    """Host to device: what time is it with you?"""

    TYPE: ClassVar = MessageType.CLOCK
    LAYOUT: ClassVar = "<H"
    token: int


@dataclass(frozen=True, slots=True)
class GetStatus(Message):
    """Host to device: answer with :class:`StatusMessage`."""

    TYPE: ClassVar = MessageType.GET_STATUS
    LAYOUT: ClassVar = "<"


@dataclass(frozen=True, slots=True)
class EventMessage(Message):
    """Device to host: something happened. ``mac`` covers all other fields, see :mod:`hw.coprocessor.events`."""

    TYPE: ClassVar = MessageType.EVENT
    LAYOUT: ClassVar = f"<IIIBB{MAC_SIZE}s"
    counter: int
    boot: int
    uptime_ms: int
    kind: int
    detail: int
    mac: bytes


@dataclass(frozen=True, slots=True)
class StatusMessage(Message):
    """Device to host, when something changes and when asked. ``flags``: :class:`StatusFlag`."""

    TYPE: ClassVar = MessageType.STATUS
    LAYOUT: ClassVar = "<BBHHBI"
    flags: int
    power_cycles: int
    pending: int
    missed: int
    pattern: int
    last_emergency: int


@dataclass(frozen=True, slots=True)
class ChallengeStep(Message):
    """Device to host: the ring shows this step since ``at_us`` (modulo ``TICKS_PERIOD``)."""

    TYPE: ClassVar = MessageType.CHALLENGE_STEP
    LAYOUT: ClassVar = "<HBI"
    number: int
    step: int
    at_us: int


@dataclass(frozen=True, slots=True)
class ChallengeDone(Message):
    """Device to host: how the challenge ended (:class:`ChallengeResult`) and when its last step did."""

    TYPE: ClassVar = MessageType.CHALLENGE_DONE
    LAYOUT: ClassVar = "<HBI"
    number: int
    result: int
    at_us: int


@dataclass(frozen=True, slots=True)
class ClockIs(Message):
    """Device to host: the answer to :class:`Clock`."""

    TYPE: ClassVar = MessageType.CLOCK_IS
    LAYOUT: ClassVar = "<HI"
    token: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Refused(Message):
    """Device to host: a message of type ``refused`` was not obeyed (:class:`Refusal`)."""

    TYPE: ClassVar = MessageType.REFUSED
    LAYOUT: ClassVar = "<BB"
    refused: int
    reason: int


MESSAGES: Final[dict[MessageType, type[Message]]] = {
    kind.TYPE: kind
    for kind in (
        *(Hello, Welcome, Ack, Booted),
        *(Heartbeat, Release, ClearEmergency, Ring, Buzzer, Challenge, Confirm, Clock, GetStatus),
        *(EventMessage, StatusMessage, ChallengeStep, ChallengeDone, ClockIs, Refused),
    )
}
"""Every message by its type."""
