"""A simulated co-processor on its own pseudo-terminal, with public state and the faults of the field.

What the device does is written here a second time, apart from the firmware. It is no proof of the firmware's safety;
for that the same host tests run against the real firmware. Runs alone: ``python -m hw.coprocessor.simulator``.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from hw.coprocessor.codec import NEED_DATA, Frame, Parser
from hw.coprocessor.events import mac
from hw.coprocessor.messages import (
    MESSAGES,
    Booted,
    Buzzer,
    Challenge,
    ChallengeDone,
    ChallengeStep,
    ClearEmergency,
    Clock,
    ClockIs,
    Confirm,
    EventMessage,
    GetStatus,
    Heartbeat,
    Hello,
    Message,
    Refused,
    Release,
    Ring,
    StatusMessage,
    Welcome,
)
from hw.coprocessor.numbers import (
    FIRST_SEQUENCED,
    MAC_SIZE,
    PROTOCOL_VERSION,
    TICKS_PERIOD,
    ChallengeResult,
    Colour,
    EventKind,
    Feature,
    HeartbeatFlag,
    MessageType,
    Refusal,
    ResetCause,
    RingPattern,
    Sound,
    StatusFlag,
)
from hw.coprocessor.simulated_console import run_commands
from hw.coprocessor.simulated_light import COLOUR_LIGHT, Light, Show, light_of
from hw.coprocessor.simulated_link import DeviceEnd
from hw.pty_device import PtyDevice

Noise = Callable[[bytes], bytes]
HOST_SILENT_S: Final = 2.3
BOOTED_S: Final = 0.25
SESSION_HOLD_S: Final = 1.5


class SimulatedCoprocessor(PtyDevice):
    """Public state: ``locked``, ``emergency``, ``pattern``, ``shown`` (ring colours of a challenge), ``sounds``,
    ``keep_power``, ``events`` (kept until confirmed), ``obeyed`` (every numbered message, once). Knobs: ``version``,
    ``silent`` (hears and says nothing), ``wrong_macs``, ``clock_offset_us``, ``to_host`` and ``to_device``
    (damage what travels), ``light`` (is told red, green, blue of the ring whenever it changes, 0 to 1: the light that
    falls into the room), and the wire faults of the base class.
    """

    def __init__(self, key: bytes | None = None, host_silent_s: float = HOST_SILENT_S) -> None:
        self.key = key
        self.version = PROTOCOL_VERSION
        self.silent = False
        self.wrong_macs = False
        self.to_host: Noise = bytes
        self.to_device: Noise = bytes
        self.light: Light = lambda _: None
        self.clock_offset_us = 0
        self.host_silent_s = host_silent_s
        self.boot = 0
        self.counter = 0
        self.last_emergency = 0
        self.events: dict[int, EventMessage] = {}
        self.tamper_open = self.door_open = self.emergency = self.keep_power = False
        self._state = threading.RLock()
        self._ticker = threading.Event()
        super().__init__("coprocessor")  # plugs it in
        self._clock = threading.Thread(target=self._tick, name="sim-coprocessor-clock", daemon=True)
        self._clock.start()

    def close(self) -> None:
        """Stop the device."""
        self._ticker.set()
        self._clock.join(timeout=5)
        super().close()

    def press_emergency(self) -> None:
        """Someone presses the emergency button."""
        with self._state:
            if not self.emergency:
                self.emergency = True
                self.last_emergency = self._happen(EventKind.EMERGENCY)
                self._stop_show()
                self.light(light_of(self.pattern))
                self._changed()

    def tamper(self, opened: bool) -> None:
        """The housing is opened or closed."""
        with self._state:
            self.tamper_open = opened
            self._happen(EventKind.TAMPER_OPENED if opened else EventKind.TAMPER_CLOSED)
            self._changed()

    def door(self, opened: bool) -> None:
        """The door is opened or closed."""
        with self._state:
            self.door_open = opened
            self._happen(EventKind.DOOR_OPENED if opened else EventKind.DOOR_CLOSED)
            self._changed()

    def restart(self, cause: ResetCause = ResetCause.WATCHDOG) -> None:
        """The firmware starts anew; its serial line stays plugged."""
        with self._state:
            self._power_on(cause)

    def plugged(self) -> None:
        """Power returns."""
        with self._state:
            self._power_on(ResetCause.POWER_ON)

    @property
    def locked(self) -> bool:
        """Whether the lock is energised now."""
        with self._state:
            return self._want_lock and not self.emergency and not self._host_silent()

    def commands(self) -> dict[str, Callable[[], None]]:
        """What a person at the console can do, by name."""
        return {
            "emergency": self.press_emergency,
            "tamper": lambda: self.tamper(True),
            "untamper": lambda: self.tamper(False),
            "open": lambda: self.door(True),
            "shut": lambda: self.door(False),
            "restart": self.restart,
            "unplug": self.unplug,
            "plug": self.plug,
        }

    def describe(self) -> str:
        """Its state in a line."""
        door = "locked" if self.locked else "open"
        return f"{door}, ring {self.pattern.name}, {len(self.events)} events kept"

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""
        with self._state:
            self._parser.receive_data(self.to_device(data))
            while (event := self._parser.next_event()) is not NEED_DATA:
                if isinstance(event, Frame) and not self.silent:
                    self._take(event)

    def answer(self, data: bytes) -> None:
        """Send ``data`` to the host."""
        super().answer(self.to_host(data))

    def _power_on(self, cause: ResetCause) -> None:
        self.boot += 1
        self.boot_nonce = secrets.randbits(32)
        self.cause = cause
        self.keep_power = False
        self.pattern = RingPattern.IDLE
        self.sounds: list[Sound] = []
        self.shown: list[Colour] = []
        self.obeyed: list[Message] = []
        self._want_lock = False
        self._heartbeat_s: float | None = None
        self._was_silent = True
        self._started_s = time.monotonic()
        self._booted_s = 0.0
        self._parser = Parser()
        self._end = DeviceEnd()
        self._sessions = secrets.randbelow(255)
        self._show: Show | None = None
        self._happen(EventKind.STARTED, cause)

    def _host_silent(self) -> bool:
        return self._heartbeat_s is None or time.monotonic() - self._heartbeat_s >= self.host_silent_s

    def _uptime_ms(self) -> int:
        return int((time.monotonic() - self._started_s) * 1000) & 0xFFFFFFFF

    def _now_us(self) -> int:
        return (time.monotonic_ns() // 1000 + self.clock_offset_us) % TICKS_PERIOD

    def _happen(self, kind: EventKind, detail: int = 0) -> int:
        """Keep an event and tell it."""
        self.counter += 1
        fields = (self.counter, self.boot, self._uptime_ms(), int(kind), detail)
        seal = mac(self.key, *fields) if self.key else bytes(MAC_SIZE)
        self.events[self.counter] = EventMessage(*fields, seal)
        if self._end.session:
            self._tell(self.events[self.counter])
        return self.counter

    def _tell(self, message: Message) -> None:
        if isinstance(message, EventMessage) and self.wrong_macs:
            message = replace(message, mac=bytes(MAC_SIZE))
        self._end.queue.append(message)

    def _changed(self) -> None:
        if self._end.session:
            self._tell(self._status())

    def _status(self) -> StatusMessage:
        flags = StatusFlag.PI_POWERED
        for flag, on in (
            (StatusFlag.LOCKED, self.locked),
            (StatusFlag.EMERGENCY, self.emergency),
            (StatusFlag.TAMPER_OPEN, self.tamper_open),
            (StatusFlag.DOOR_OPEN, self.door_open),
            (StatusFlag.CARE_FIRST, self.emergency or self._host_silent()),
            (StatusFlag.WATCHING, self._heartbeat_s is not None and not self.keep_power),
        ):
            flags |= flag if on else StatusFlag(0)
        return StatusMessage(flags, 0, len(self.events), 0, self.pattern, self.last_emergency)

    def _take(self, frame: Frame) -> None:
        end = self._end
        if frame.type == MessageType.HELLO and len(frame.payload) == Hello.size():
            self._welcome(Hello.from_bytes(frame.payload))
        elif not end.session or frame.session != end.session:
            return
        elif frame.type == MessageType.ACK:
            end.heard_s = time.monotonic()
            end.acknowledged(frame.sequence)
        elif frame.type >= FIRST_SEQUENCED:
            end.heard_s = time.monotonic()
            if frame.sequence == (end.take_number - 1) & 0xFFFF:
                self._acknowledge(frame)
            elif frame.sequence == end.take_number:
                end.take_number = (end.take_number + 1) & 0xFFFF
                self._acknowledge(frame)
                self._understand(frame)

    def _acknowledge(self, frame: Frame) -> None:
        self.answer(Frame(MessageType.ACK, self._end.session, frame.sequence).to_bytes())

    def _welcome(self, hello: Hello) -> None:
        end, now_s = self._end, time.monotonic()
        if hello.version != self.version:
            self._greet(hello, 0)
            return
        if end.session and hello.host_nonce != end.nonce and now_s - end.heard_s < SESSION_HOLD_S:
            return
        if not end.session or hello.host_nonce != end.nonce:
            self._sessions = self._sessions % 255 + 1
            end.begin(hello.host_nonce, self._sessions)
            end.heard_s = now_s
            for event in self.events.values():
                self._tell(event)
        self._greet(hello, end.session)

    def _greet(self, hello: Hello, session: int) -> None:
        features = Feature.FLASH_RING | (Feature.EVENT_KEY if self.key else Feature(0))
        welcome = Welcome(
            *(self.version, hello.host_nonce, hello.token, session, self.boot_nonce),
            *(self.boot, self._uptime_ms(), self.cause, features, 0),
        )
        self.answer(Frame(MessageType.WELCOME, 0, 0, welcome.to_bytes()).to_bytes())

    def _understand(self, frame: Frame) -> None:
        if frame.type not in frozenset(MessageType):
            self._tell(Refused(frame.type, Refusal.UNKNOWN_TYPE))
            return
        try:
            message = MESSAGES[MessageType(frame.type)].from_bytes(frame.payload)
        except ValueError:
            self._tell(Refused(frame.type, Refusal.BAD_PAYLOAD))
            return
        try:
            self._obey(message)
        except ValueError:
            self._tell(Refused(frame.type, Refusal.BAD_VALUE))
            return
        self.obeyed.append(message)

    def _obey(self, message: Message) -> None:
        """Raises ValueError for a value that the device does not know."""
        match message:
            case Heartbeat():
                self._heartbeat(HeartbeatFlag(message.flags), message.age_ms)
            case Ring():
                self.pattern = RingPattern(message.pattern)
                self.light(light_of(self.pattern))
            case Buzzer():
                self.sounds.append(Sound(message.sound))
            case Clock():
                self._tell(ClockIs(message.token, self._now_us()))
            case Challenge():
                self._begin_show(message)
            case Release() | ClearEmergency() | Confirm() | GetStatus():
                self._obey_and_tell(message)
            case _:
                self._tell(Refused(message.TYPE, Refusal.UNKNOWN_TYPE))

    def _obey_and_tell(self, message: Release | ClearEmergency | Confirm | GetStatus) -> None:
        match message:
            case Release():
                self._want_lock = False
            case ClearEmergency() if message.counter == self.last_emergency:
                self.emergency = False
            case Confirm():
                self.events = {n: event for n, event in self.events.items() if n > message.counter}
        self._changed()

    def _heartbeat(self, flags: HeartbeatFlag, age_ms: int) -> None:
        before = self.locked
        self._heartbeat_s = max(self._heartbeat_s or 0.0, time.monotonic() - age_ms / 1000)
        self._was_silent = self._host_silent()
        self._want_lock = HeartbeatFlag.WANT_LOCK in flags
        self.keep_power = HeartbeatFlag.KEEP_POWER in flags
        if self.locked != before:
            self._changed()

    def _begin_show(self, challenge: Challenge) -> None:
        if not 1 <= challenge.count <= len(challenge.colours) or challenge.step_ms == 0:
            raise ValueError("challenge")
        [Colour(colour) for colour in challenge.colours[: challenge.count]]
        self._stop_show()
        self.shown.clear()
        self._show = Show(challenge, time.monotonic())

    def _stop_show(self) -> None:
        if self._show is not None:
            self._tell(ChallengeDone(self._show.challenge.number, ChallengeResult.STOPPED, self._now_us()))
            self._show = None

    def _play(self, now_s: float) -> None:
        show = self._show
        if show is None or now_s < show.next_s:
            return
        show.next_s += show.challenge.step_ms / 1000
        if show.step == show.challenge.count:
            self.light(light_of(self.pattern))
            self._tell(ChallengeDone(show.challenge.number, ChallengeResult.COMPLETE, self._now_us()))
            self._show = None
            return
        self.shown.append(Colour(show.challenge.colours[show.step]))
        self.light(COLOUR_LIGHT[self.shown[-1]])
        self._tell(ChallengeStep(show.challenge.number, show.step, self._now_us()))
        show.step += 1

    def _tick(self) -> None:
        while not self._ticker.wait(0.002):
            with self._state:
                if not self.silent:
                    self._turn(time.monotonic())

    def _turn(self, now_s: float) -> None:
        if not self._was_silent and self._host_silent():
            self._was_silent = True
            self._stop_show()
            self.light(light_of(self.pattern))
            self._happen(EventKind.HOST_SILENT)
            self._changed()
        self._play(now_s)
        frame = self._end.due(now_s)
        if frame is not None:
            self.answer(frame)
        elif not self._end.session and now_s - self._booted_s >= BOOTED_S:
            self._booted_s = now_s
            booted = Booted(self.version, self.boot_nonce)
            self.answer(Frame(MessageType.BOOTED, 0, 0, booted.to_bytes()).to_bytes())


def main(arguments: list[str] | None = None) -> int:
    """Run the device alone until ``quit`` or the end of standard input."""
    parser = argparse.ArgumentParser(prog="python -m hw.coprocessor.simulator", description="Simulated co-processor")
    parser.add_argument("--key", type=bytes.fromhex, help="the unit's event key, 64 hex digits")
    options = parser.parse_args(arguments)
    with SimulatedCoprocessor(options.key) as device:
        print(device.uri, flush=True)
        for reply in run_commands(device.commands(), device.describe, sys.stdin):
            print(reply, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
