"""The device's end of the link, for the simulator: one message on its way at a time."""

from __future__ import annotations

from collections import deque
from typing import Final

from hw.coprocessor.codec import Frame
from hw.coprocessor.messages import Message

REPEAT_S: Final = 0.04


class DeviceEnd:
    """The device's end of the link: one message on its way, repeated until acknowledged."""

    def __init__(self) -> None:
        self.session = 0
        self.nonce = 0
        self.queue: deque[Message] = deque()
        self.send_number = self.take_number = 0
        self.flying: bytes | None = None
        self.repeat_s = 0.0
        self.heard_s = 0.0

    def begin(self, nonce: int, session: int) -> None:
        """Start a session with empty hands."""
        self.nonce, self.session = nonce, session
        self.queue.clear()
        self.send_number = self.take_number = 0
        self.flying = None

    def due(self, now_s: float) -> bytes | None:
        """The frame that has to leave now."""
        if not self.session or not self.queue or (self.flying is not None and now_s < self.repeat_s):
            return None
        if self.flying is None:
            message = self.queue[0]
            self.flying = Frame(message.TYPE, self.session, self.send_number, message.to_bytes()).to_bytes()
        self.repeat_s = now_s + REPEAT_S
        return self.flying

    def acknowledged(self, number: int) -> Message | None:
        """The message that has arrived."""
        if self.flying is None or number != self.send_number:
            return None
        self.flying = None
        self.send_number = (self.send_number + 1) & 0xFFFF
        return self.queue.popleft()
