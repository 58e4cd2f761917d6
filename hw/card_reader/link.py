"""One request and its reply over an open line: flush, write, wait, retry. The driver decides what the reply means."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Event
from typing import Final

from hw.card_reader.codec import (
    READ_COMMANDS,
    BadFrame,
    Command,
    Damage,
    NeedData,
    Reply,
    ReplyDecoder,
    Request,
    Status,
    success_of,
)
from hw.card_reader.replies import BadReply, check_shape
from hw.errors import DeviceProtocolError, DeviceTimeout
from hw.serial_port import SerialPort

_SLICE_S: Final = 0.1
"""How long a wait may overlook that it is to stop."""

_LINE_FAULTS: Final = (Status.SAM_GOT_BAD_CHECKSUM, Status.SAM_GOT_BAD_LENGTH)


class Stopped(Exception):
    """The caller asked to stop; never leaves the driver."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Waits in seconds; the defaults are what readers in the field need (README, "Timings")."""

    answer_s: float = 1.0
    """Until the first byte of a reply."""
    read_answer_s: float = 3.0
    """The same for commands that make the card work."""
    gap_s: float = 0.5
    """Longest silence within a reply."""
    frame_s: float = 5.0
    """Whole exchange."""
    tries: int = 3
    """Sends of one request, and reads of one card."""
    read_tries: int = 2
    """Sends of one read: a person is waiting, and the next look at the reader tells more."""
    settle_s: float = 0.05
    """Silence before a request is sent again, so that a late reply is not taken for the new one."""
    poll_s: float = 0.3
    """Between two looks for a card."""
    backoff_s: tuple[float, ...] = (0.3, 0.5, 1.0, 2.0)
    """Between attempts to reach a missing or faulty reader; the last repeats."""
    baud_pause_s: float = 0.02
    """After a change of rate, before the first byte at the new one."""


def exchange(port: SerialPort, request: Request, timing: Timing, stop: Event | None = None) -> Reply:
    """Send ``request`` and return the reader's reply, whatever its status; damaged replies are asked for again.

    Raises:
        DeviceTimeout: no whole reply came, after all tries.
        DeviceProtocolError: replies came damaged or in a wrong shape, after all tries.
        DeviceGone: the line was unplugged.
        Stopped: ``stop`` was set.
    """
    tries = timing.read_tries if request.code in READ_COMMANDS else timing.tries
    for remaining in reversed(range(tries)):
        try:
            reply = _once(port, request, timing, stop)
        except (DeviceTimeout, DeviceProtocolError):
            if not remaining:
                raise
        else:
            if not remaining or reply.sw3 not in _LINE_FAULTS:
                return reply
        time.sleep(timing.settle_s)
    raise ValueError("Timing: at least one try is needed")


def _once(port: SerialPort, request: Request, timing: Timing, stop: Event | None) -> Reply:
    port.discard_input()
    port.write(request.to_bytes())
    reply = _receive(port, request, timing, stop)
    _check(port.device, request, reply)
    return reply


def _receive(port: SerialPort, request: Request, timing: Timing, stop: Event | None) -> Reply:
    decoder, damage = ReplyDecoder(), None
    start = time.monotonic()
    deadline = start + (timing.read_answer_s if request.code in READ_COMMANDS else timing.answer_s)
    while True:
        try:
            decoder.receive_data(_read_slice(port, deadline, stop))
        except DeviceTimeout:
            if damage is not None:
                raise DeviceProtocolError(port.device, f"damaged reply: {damage.value}") from None
            raise
        deadline = min(time.monotonic() + timing.gap_s, start + timing.frame_s)
        while not isinstance(event := decoder.next_event(), NeedData):
            if isinstance(event, Reply):
                return event
            damage = _worse(damage, event)


def _worse(damage: Damage | None, event: BadFrame) -> Damage:
    # Behind a frame with a wrong check byte, pieces of it may look like frames of impossible length: name the first.
    return damage or event.damage


def _read_slice(port: SerialPort, deadline: float, stop: Event | None) -> bytes:
    while True:
        if stop is not None and stop.is_set():
            raise Stopped
        until = min(deadline, time.monotonic() + _SLICE_S)
        try:
            return port.read(until)
        except DeviceTimeout:
            if until >= deadline:
                raise


def _check(device: str, request: Request, reply: Reply) -> None:
    command = Command(request.code)
    if reply.sw3 != success_of(command):
        return
    try:
        check_shape(command, reply.data)
    except BadReply as error:
        raise DeviceProtocolError(device, str(error)) from error
