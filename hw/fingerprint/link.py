"""One question and its answer over the line: draining, waiting, asking again, and transfers of many packets.

What the modules in the field do wrong ends here; the driver above sees answers or errors. See README.md, "Complaints".
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Final

from hw.errors import DeviceProtocolError, DeviceTimeout
from hw.fingerprint.codec import (
    BROADCAST,
    NEED_DATA,
    Acknowledge,
    Command,
    Confirmation,
    Damage,
    Damaged,
    Data,
    Event,
    Instruction,
    Parser,
    data_packets,
    describe_instruction,
)
from hw.fingerprint.errors import ModuleRefused
from hw.serial_port import SerialPort
from hw.uri import DeviceUri

log = logging.getLogger(__name__)

DEFAULT_BAUD: Final = 57600


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait, in seconds.

    ``answer_s``: for an acknowledge. ``stray_s``: for the real answer after one that may be a stray. ``packet_s``: for
    the next data packet. ``transfer_s``: for a whole transfer. ``quiet_s``: silence that counts as the end of a stream.
    ``poll_s``: between two looks for a finger.
    """

    answer_s: float = 2.0
    stray_s: float = 0.3
    packet_s: float = 1.0
    transfer_s: float = 20.0
    quiet_s: float = 0.05
    poll_s: float = 0.1


DEFAULT_TIMING: Final = Timing()

ATTEMPTS: Final = 3

REPEATABLE: Final = frozenset(
    {
        Instruction.GenImg,
        Instruction.Img2Tz,
        Instruction.Match,
        Instruction.UpChar,
        Instruction.DownChar,
        Instruction.UpImage,
        Instruction.Search,
        Instruction.Store,
        Instruction.LoadChar,
        Instruction.DeletChar,
        Instruction.Empty,
        Instruction.TempleteNum,
        Instruction.ReadIndexTable,
        Instruction.ReadSysPara,
        Instruction.VfyPwd,
    }
)
"""Instructions that may be sent again when the answer is lost: a second execution leaves the same state.

RegModel replaces both buffers by their combination, so it is sent once.
"""


class Link:
    """An open line to one module. Raises only :class:`hw.errors.HardwareError`."""

    def __init__(self, uri: DeviceUri, address: int = BROADCAST, timing: Timing = DEFAULT_TIMING) -> None:
        """Open ``uri``; the rate is its option ``baud``, else 57600."""
        self.device = uri.text
        self._address = address
        self._timing = timing
        self._port = SerialPort(uri, default_baud=DEFAULT_BAUD)
        self._parser = Parser()
        self._foreign: int | None = None
        # A question given up or asked twice may still be answered: that must not pass for the next question's answer.
        self._unsettled = False

    def close(self) -> None:
        """Close the line; closing twice is harmless."""
        self._port.close()

    def drain(self, quiet_s: float = 0.0) -> None:
        """Throw away what arrives until ``quiet_s`` of silence, at most for the length of a transfer."""
        end_s = time.monotonic() + self._timing.transfer_s
        while quiet_s and (now_s := time.monotonic()) < end_s:
            try:
                self._port.read(now_s + quiet_s)
            except DeviceTimeout:
                break
        self._port.discard_input()
        self._parser.reset()

    def ask(self, instruction: Instruction, *fields: int, accept: frozenset[int] = frozenset()) -> Acknowledge:
        """Send a command and return its acknowledge, which says Ok or one of the codes in ``accept``.

        Raises:
            ModuleRefused: the module said something else.
            DeviceTimeout: no answer, although asked again where that is safe.
            DeviceProtocolError: only damaged answers.
        """
        command = Command.build(instruction, *fields, address=self._address)
        acknowledge = self._exchange(command)
        if acknowledge.code == Confirmation.Ok or acknowledge.code in accept:
            return acknowledge
        raise ModuleRefused(self.device, instruction, acknowledge.code)

    def receive(self, instruction: Instruction, *fields: int, limit: int) -> bytes:
        """Ask for a template or image and return it; its size is what arrives up to the end packet.

        Raises:
            DeviceProtocolError: a packet was damaged in every attempt, or more than ``limit`` bytes came.
            DeviceTimeout: the stream broke off in every attempt.
            ModuleRefused: the module has nothing to give.
        """
        left = ATTEMPTS
        while True:
            left -= 1
            self.ask(instruction, *fields)
            try:
                return self._collect(limit)
            except (DeviceTimeout, DeviceProtocolError) as error:
                self.drain(self._timing.quiet_s)
                if not left:
                    raise
                log.warning("%s; %s asked again", error, describe_instruction(instruction))

    def send(self, instruction: Instruction, *fields: int, content: bytes, packet_size: int) -> None:
        """Send a template to the module in packets of ``packet_size`` bytes. Modules do not acknowledge the data."""
        self.ask(instruction, *fields)
        for packet in data_packets(content, packet_size, self._address):
            self._port.write(packet)
        # Some modules answer the data with a stray error; others lose a command that follows too closely.
        self.drain(self._timing.quiet_s)

    def _exchange(self, command: Command) -> Acknowledge:
        left = ATTEMPTS if command.instruction in REPEATABLE else 1
        packet = command.to_bytes()
        name = describe_instruction(command.instruction)
        repeated = False
        while True:
            left -= 1
            self.drain(self._timing.stray_s if self._unsettled else 0.0)
            self._port.write(packet)
            try:
                acknowledge = self._acknowledge(name)
            except (DeviceTimeout, DeviceProtocolError) as error:
                self._unsettled = True
                if not left:
                    raise
                log.warning("%s; asked again", error)
            else:
                # PacketReceiveError: the module got damaged bytes and did nothing.
                if acknowledge.code != Confirmation.PacketReceiveError or not left:
                    self._unsettled = repeated
                    return acknowledge
            repeated = True

    def _acknowledge(self, name: str) -> Acknowledge:
        """The answer to the command just sent. One PacketReceiveError, or damage, may precede the real one."""
        deadline_s = time.monotonic() + self._timing.answer_s
        stray: Acknowledge | Damaged | None = None
        while True:
            try:
                event = self._next(deadline_s)
            except DeviceTimeout:
                return self._only(stray, name)
            if not isinstance(event, Acknowledge | Damaged) or self._passes_by(event):
                continue
            if isinstance(event, Acknowledge) and (event.code != Confirmation.PacketReceiveError or stray is not None):
                return event
            if stray is None:
                stray = event
                deadline_s = min(deadline_s, time.monotonic() + self._timing.stray_s)

    def _only(self, stray: Acknowledge | Damaged | None, name: str) -> Acknowledge:
        """What to make of silence after ``stray``."""
        if isinstance(stray, Acknowledge):
            return stray
        if stray is not None:
            raise DeviceProtocolError(self.device, f"{name}: damaged answer ({stray.damage.value})")
        hint = f"; a module with address {self._foreign:08X} answered" if self._foreign is not None else ""
        raise DeviceTimeout(self.device, f"{name}: no answer at {self._port.baud} baud{hint}")

    def _passes_by(self, event: Acknowledge | Damaged) -> bool:
        """Whether ``event`` says nothing about the question: noise, or another module's answer."""
        if isinstance(event, Damaged):
            return event.damage is Damage.NOISE
        if event.address == self._address:
            return False
        self._foreign = event.address
        return True

    def _collect(self, limit: int) -> bytes:
        end_s = time.monotonic() + self._timing.transfer_s
        content = bytearray()
        while True:
            event = self._next(min(end_s, time.monotonic() + self._timing.packet_s))
            if isinstance(event, Damaged):
                raise DeviceProtocolError(
                    self.device, f"damaged data after {len(content)} bytes ({event.damage.value})"
                )
            if not isinstance(event, Data) or event.address != self._address:
                continue
            content += event.content
            if len(content) > limit:
                raise DeviceProtocolError(self.device, f"more than {limit} bytes of data")
            if event.last:
                return bytes(content)

    def _next(self, deadline_s: float) -> Event:
        while (event := self._parser.next_event()) is NEED_DATA:
            self._parser.receive_data(self._port.read(deadline_s))
        return event
