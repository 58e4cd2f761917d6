"""The device's end of the link: greeting, numbering, acknowledgement, repetition. See hw/coprocessor/link.py.

One message on its way at a time, repeated until acknowledged; taken only with the number that is waited for. A session
ends when this firmware restarts or another host process greets; a session that is alive is not given up for a greeting,
which may be an old frame.
"""

import struct

from micropython import const

from coprocessor.frames import new_frame, write_frame
from coprocessor.messages import (
    ACK,
    BOOTED,
    FIRST_SEQUENCED,
    HELLO,
    LAYOUTS,
    PROTOCOL_VERSION,
    WELCOME,
)
from coprocessor.ticks import ticks_add, ticks_diff

REPEAT_MS = const(40)
BOOTED_MS = const(250)
HOLD_MS = const(1500)
MAX_QUEUE = const(40)


class Identity:
    """What a WELCOME tells of this boot."""

    def __init__(self, boot_nonce: int, boot: int, reset_cause: int, features: int, firmware: int) -> None:
        self.boot_nonce = boot_nonce
        self.boot = boot
        self.reset_cause = reset_cause
        self.features = features
        self.firmware = firmware


class Link:
    """``out[:length]`` after :meth:`due` is what has to leave."""

    def __init__(self, identity: Identity, first_session: int) -> None:
        self.identity = identity
        self.session = 0
        self.begun = False
        self.out = new_frame()
        self._sessions = first_session % 255
        self._nonce = 0
        self._hello = b""
        self._ack = -1
        self._queue: list[tuple[int, bytes]] = []
        self._send_number = 0
        self._take_number = 0
        self._flying = False
        self._repeat_at = 0
        self._booted_at = 0
        self._booted_once = False
        self._heard_at = 0

    def room(self) -> int:
        """How many messages can be queued now; none without a session."""
        return MAX_QUEUE - len(self._queue) if self.session else 0

    def send(self, kind: int, *fields: int | bytes) -> bool:
        """Queue a message; False: no session or no room."""
        return self.send_packed(kind, struct.pack(LAYOUTS[kind], *fields))

    def send_packed(self, kind: int, payload: bytes) -> bool:
        """The same, with the payload's bytes."""
        if not self.room():
            return False
        self._queue.append((kind, payload))
        return True

    def received(self, now: int, kind: int, session: int, number: int, payload: bytes) -> bool:
        """An undamaged frame; True when it is a numbered message that has to be obeyed, for the first time."""
        if kind == HELLO:
            self._take_hello(now, payload)
        elif not self.session or session != self.session:
            return False
        elif kind == ACK:
            self._take_ack(now, number)
        elif kind >= FIRST_SEQUENCED:
            self._heard_at = now
            if number == self._take_number:
                self._take_number = (self._take_number + 1) & 0xFFFF
                self._ack = number
                return True
            if number == (self._take_number - 1) & 0xFFFF:
                self._ack = number
        return False

    def due(self, now: int, uptime_ms: int) -> int:
        """Put the next frame that has to leave into ``out``; its length, or 0."""
        if self._hello:
            return self._welcome(uptime_ms)
        if not self.session:
            return self._booted(now)
        if self._ack >= 0:
            number = self._ack
            self._ack = -1
            return write_frame(self.out, ACK, self.session, number, b"")
        if self._queue and (not self._flying or ticks_diff(now, self._repeat_at) >= 0):
            kind, payload = self._queue[0]
            self._flying = True
            self._repeat_at = ticks_add(now, REPEAT_MS)
            return write_frame(self.out, kind, self.session, self._send_number, payload)
        return 0

    def _take_hello(self, now: int, payload: bytes) -> None:
        if not payload or (payload[0] == PROTOCOL_VERSION and len(payload) != struct.calcsize(LAYOUTS[HELLO])):
            return
        if payload[0] == PROTOCOL_VERSION:
            _, nonce, _ = struct.unpack(LAYOUTS[HELLO], payload)
            if self.session and nonce != self._nonce and ticks_diff(now, self._heard_at) < HOLD_MS:
                return
            if not self.session or nonce != self._nonce:
                self._begin(now, nonce)
        self._hello = payload

    def _begin(self, now: int, nonce: int) -> None:
        self._sessions = self._sessions % 255 + 1
        self.session = self._sessions
        self.begun = True
        self._nonce = nonce
        self._ack = -1
        self._queue.clear()
        self._send_number = self._take_number = 0
        self._flying = False
        self._heard_at = now

    def _take_ack(self, now: int, number: int) -> None:
        self._heard_at = now
        if self._flying and number == self._send_number:
            self._flying = False
            self._send_number = (self._send_number + 1) & 0xFFFF
            self._queue.pop(0)

    def _welcome(self, uptime_ms: int) -> int:
        hello = self._hello
        self._hello = b""
        same = hello[0] == PROTOCOL_VERSION
        nonce, token = struct.unpack("<IH", hello[1:7]) if len(hello) >= 7 else (0, 0)
        me = self.identity
        payload = struct.pack(
            LAYOUTS[WELCOME],
            PROTOCOL_VERSION,
            nonce,
            token,
            self.session if same else 0,
            me.boot_nonce,
            me.boot,
            uptime_ms,
            me.reset_cause,
            me.features,
            me.firmware,
        )
        return write_frame(self.out, WELCOME, 0, 0, payload)

    def _booted(self, now: int) -> int:
        if self._booted_once and ticks_diff(now, self._booted_at) < 0:
            return 0
        self._booted_once = True
        self._booted_at = ticks_add(now, BOOTED_MS)
        payload = struct.pack(LAYOUTS[BOOTED], PROTOCOL_VERSION, self.identity.boot_nonce)
        return write_frame(self.out, BOOTED, 0, 0, payload)
