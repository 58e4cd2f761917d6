"""The ID-card reader as the unit uses it: polls, reads each laid card once, recovers from everything that can be.

A reader belongs to one thread; only the ``stop`` event may come from another.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, unique
from threading import Event
from typing import Self, TypeVar

from hw.card_reader.codec import BAUD_COMMANDS, Command, Reply, Request, Status, success_of
from hw.card_reader.document import IdentityDocument, UnreadableBlock
from hw.card_reader.errors import (
    CardError,
    CardLifted,
    CardNotFound,
    CardReaderError,
    ReaderFault,
    ReadIncomplete,
    UnknownCardType,
    UnreadableDocument,
    error_for,
)
from hw.card_reader.link import Stopped, Timing, exchange
from hw.card_reader.replies import CardData, SamId, parse_addresses
from hw.errors import BadDeviceUri, DeviceGone, DeviceMissing, DeviceProtocolError, DeviceTimeout, HardwareError
from hw.serial_port import SerialPort
from hw.uri import DeviceUri

log = logging.getLogger(__name__)

DEFAULT_BAUD = 115200
FoundT = TypeVar("FoundT")


@unique
class Condition(Enum):
    """What can be said about the reader itself."""

    READY = "ready"
    MISSING = "missing"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class ReaderState:
    """Reported on every change; ``error`` says why the reader is missing or faulty and what to do."""

    condition: Condition
    error: HardwareError | None = None

    @property
    def kind(self) -> tuple[Condition, type | None]:
        """What has to differ for a state to be news: the condition, and what sort of fault."""
        return self.condition, type(self.error) if self.condition is Condition.FAULT else None


@dataclass(frozen=True, slots=True)
class CardRead:
    """One laid card. ``read_at`` is ``time.monotonic``; ``wire_s`` is the reader's own time from found to read."""

    document: IdentityDocument = field(repr=False)
    photo: bytes = field(repr=False)
    fingerprint: bytes | None = field(repr=False)
    read_at: float
    wire_s: float


class CardReader:
    """A reader behind ``serial:`` (any path that is a serial line). Use as a context manager, or call :meth:`open`."""

    def __init__(
        self, uri: DeviceUri, *, on_state: Callable[[ReaderState], None] | None = None, timing: Timing | None = None
    ) -> None:
        """Prepare; nothing is opened yet.

        Raises:
            BadDeviceUri: not a ``serial:`` URI, or a rate that no reader has.
        """
        self.device = uri.text
        self._uri = uri
        self._timing = timing or Timing()
        self._on_state = on_state
        self._port: SerialPort | None = None
        self._state: ReaderState | None = None
        self._handled = False  # the card in the field was delivered or refused, and is not to be read again
        self._number: bytes | None = None  # of the delivered card; in memory only, to see that another lies there
        self._failures = 0
        self._baud = uri.number("baud", DEFAULT_BAUD)
        if uri.scheme != "serial" or self._baud not in BAUD_COMMANDS:
            raise BadDeviceUri(uri.text, f"a card reader is serial:/path?baud=N, N one of {list(BAUD_COMMANDS)}")

    def open(self) -> None:
        """Open the line; no-op when it is open.

        Raises:
            DeviceMissing, DeviceBusy: the operating system does not give it.
        """
        self._open_port()

    def close(self) -> None:
        """Close the line; closing twice is harmless."""
        if self._port is not None:
            self._port.close()
            self._port = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def self_test(self, stop: Event | None = None) -> SamId:
        """Ask the security module for its state, then for its number.

        Raises:
            ReaderFault: it failed its own test or holds no keys.
            HardwareError: it does not answer, or not sensibly.
        """
        self._ask(Command.SAM_STATUS, stop=stop)
        return SamId.from_bytes(self._ask(Command.SAM_ID, stop=stop).data)

    def reset(self) -> None:
        """Restart the security module; a lying card counts as newly laid afterwards."""
        self._ask(Command.RESET_SAM)
        self._handled = False

    def forget_card(self) -> None:
        """Take the card in the field for a new one: it may be read again without being lifted."""
        self._handled, self._number = False, None

    def set_baud(self, rate: int) -> None:
        """Change reader and line to ``rate``; the reader keeps it over a power cycle, so the URI must name it later.

        Raises:
            ValueError: a rate the reader does not have.
            HardwareError: the reader refused, or does not answer at the new rate.
        """
        if rate not in BAUD_COMMANDS:
            raise ValueError(f"rate {rate}: one of {list(BAUD_COMMANDS)} is needed")
        self._ask(BAUD_COMMANDS[rate])  # answered at the old rate
        time.sleep(self._timing.baud_pause_s)
        self._baud = self._open_port().baud = rate
        self._ask(Command.SAM_STATUS)

    def wait_for_card(self, stop: Event, timeout_s: float | None = None) -> CardRead | None:
        """The next laid card's text and photo; None when ``stop`` is set or the time is over.

        A card is delivered once: it must be lifted before it, or another, is read. A missing or faulty reader is
        reported through ``on_state`` and tried again until it answers.

        Raises:
            CardError: this card could not be read; after lifting and laying it, call again.
        """
        return self._wait_for_card(Command.READ_TEXT_PHOTO, stop, timeout_s)

    def read_with_fingerprint(self, stop: Event, timeout_s: float | None = None) -> CardRead | None:
        """As :meth:`wait_for_card`, with the card's fingerprint block (empty where the card holds none)."""
        return self._wait_for_card(Command.READ_TEXT_PHOTO_FINGERPRINT, stop, timeout_s)

    def wait_for_removal(self, stop: Event, timeout_s: float | None = None) -> bool:
        """Wait until the card is lifted; False when ``stop`` is set or the time is over.

        Some readers say "no card" from a good read on until the card is lifted. They are asked for the newest address
        then, which only a card in the field can answer; where they refuse that too, removal is reported too early.
        An unplugged or silent reader holds no card.
        """

        def removed() -> bool | None:
            try:
                lies = self._find(stop) or self._still_selected(stop)
            except CardError:
                lies = True
            except HardwareError as error:
                self._lost(error)
                lies = False
            if lies and self._handled and self._is_another(stop):
                lies = False
            self._handled = self._handled and lies
            return None if lies else True

        return self._poll(removed, stop, timeout_s) or False

    def newest_address(self) -> str | None:
        """The address appended last to the card in the field; None where it has none.

        Raises:
            CardError: the card was lifted or cannot be read.
        """
        command = Command.READ_NEWEST_ADDRESS
        reply = self._exchange(command)
        if reply.sw3 in (Status.NOT_FOUND_OR_SELECTED_YET, Status.READ_FAILED):
            self._find_and_select()
            reply = self._exchange(command)
        if reply.sw3 == Status.NO_SUCH_ITEM:
            return None
        addresses = parse_addresses(self._checked(command, reply).data)
        return addresses[-1] if addresses else None

    # One look at the reader

    def _wait_for_card(self, read: Command, stop: Event, timeout_s: float | None) -> CardRead | None:
        def look() -> CardRead | None:
            try:
                self._make_ready(stop)
                card = self._look(read, stop)
            except CardError:
                self._is_ready()
                raise
            except HardwareError as error:
                self._lost(error)
                return None
            self._is_ready()
            return card

        return self._poll(look, stop, timeout_s)

    def _poll(self, look: Callable[[], FoundT | None], stop: Event, timeout_s: float | None) -> FoundT | None:
        deadline = time.monotonic() + timeout_s if timeout_s is not None else float("inf")
        while not stop.is_set():
            try:
                found = look()
            except Stopped:
                return None
            left = deadline - time.monotonic()
            if found is not None or left <= 0:
                return found
            stop.wait(min(self._pause_s(), left))
        return None

    def _pause_s(self) -> float:
        if not self._failures:
            return self._timing.poll_s
        steps = self._timing.backoff_s
        return steps[min(self._failures, len(steps)) - 1]

    def _look(self, read: Command, stop: Event) -> CardRead | None:
        try:
            if not self._find(stop):
                self._handled = False
                return None
            if self._handled and not self._is_another(stop):
                return None
            self._handled, self._number = False, None
            card = self._read_card(read, stop)
        except CardError as error:
            if self._handled:
                return None
            # A card that lies there and fails is the person's to lay again; one that is gone, or whose answer was
            # lost on the line, may be read at once.
            self._handled = not isinstance(error, CardLifted | ReadIncomplete)
            raise
        self._handled, self._number = True, self._card_number(stop)
        return card

    def _is_another(self, stop: Event) -> bool:
        """Has the delivered card been exchanged between two looks? False where the reader cannot tell."""
        if self._number is None or self._exchange(Command.SELECT_CARD, stop).sw3 != Status.OK:
            return False
        number = self._card_number(stop)
        return number is not None and number != self._number

    def _card_number(self, stop: Event) -> bytes | None:
        """The card body's management number; None where the reader refuses it. Never leaves this object."""
        try:
            reply = self._exchange(Command.READ_CARD_NUMBER, stop)
        except (DeviceTimeout, DeviceProtocolError):
            return None
        return reply.data if reply.sw3 == Status.OK else None

    def _read_card(self, read: Command, stop: Event) -> CardRead:
        start = time.monotonic()
        data = self._read_data(read, stop)
        read_at = time.monotonic()
        return CardRead(self._document(data, read), data.photo, data.fingerprint, read_at, read_at - start)

    def _read_data(self, read: Command, stop: Event) -> CardData:
        """Select and read the found card; a failed read begins again with finding it."""
        for remaining in reversed(range(self._timing.tries)):
            try:
                return self._select_and_read(read, stop)
            except CardError as error:
                if not remaining or isinstance(error, (UnknownCardType, ReadIncomplete)):
                    raise
                if not self._find(stop):
                    raise CardLifted(self.device, "lifted while it was read", command=read, sw=error.sw) from error
        raise ValueError("Timing: at least one try is needed")

    def _select_and_read(self, read: Command, stop: Event) -> CardData:
        try:
            self._ask(Command.SELECT_CARD, stop=stop)
            data = self._ask(read, stop=stop).data
        except (CardError, ReaderFault):
            raise
        except (DeviceTimeout, DeviceProtocolError, CardReaderError) as error:
            raise ReadIncomplete(self.device, f"no whole answer ({error})", command=read) from error
        return CardData.from_bytes(data, with_fingerprint=read is Command.READ_TEXT_PHOTO_FINGERPRINT)

    def _document(self, data: CardData, read: Command) -> IdentityDocument:
        try:
            return IdentityDocument.from_bytes(data.text)
        except UnreadableBlock as error:
            raise UnreadableDocument(self.device, str(error), command=read) from error

    def _find(self, stop: Event | None = None) -> bool:
        """Is a card in the field that the reader offers? Asked twice: one miss of a lying card is common."""
        for _ in range(2):
            reply = self._exchange(Command.FIND_CARD, stop)
            if reply.sw3 != Status.FIND_FAILED:
                self._checked(Command.FIND_CARD, reply)
                return True
        return False

    def _still_selected(self, stop: Event) -> bool:
        reply = self._exchange(Command.READ_NEWEST_ADDRESS, stop)
        return reply.sw3 in (Status.OK, Status.NO_SUCH_ITEM)

    def _find_and_select(self) -> None:
        if not self._find():
            raise CardNotFound(self.device, "no card", command=Command.FIND_CARD)
        self._ask(Command.SELECT_CARD)

    # The line

    def _open_port(self) -> SerialPort:
        if self._port is None:
            self._port = SerialPort(self._uri, default_baud=DEFAULT_BAUD)
            self._port.baud = self._baud  # a rate set at run time outlives the reader's unplugging
        return self._port

    def _exchange(self, command: Command, stop: Event | None = None) -> Reply:
        try:
            return exchange(self._open_port(), Request(command), self._timing, stop)
        except DeviceGone:
            self.close()  # this file descriptor is dead; whoever asks next opens the line anew
            raise

    def _ask(self, command: Command, *, stop: Event | None = None) -> Reply:
        return self._checked(command, self._exchange(command, stop))

    def _checked(self, command: Command, reply: Reply) -> Reply:
        if reply.sw3 != success_of(command):
            raise error_for(self.device, command, reply)
        return reply

    def _make_ready(self, stop: Event) -> None:
        if self._port is None or self._failures:
            self.self_test(stop)

    def _is_ready(self) -> None:
        self._failures = 0
        self._report(ReaderState(Condition.READY))

    def _lost(self, error: HardwareError) -> None:
        """The reader itself fails: close, so that the next attempt begins anew."""
        absent = isinstance(error, (DeviceGone, DeviceMissing))
        if absent:
            self._handled = False  # nobody can say what was laid meanwhile
        self._failures += 1
        self.close()
        self._report(ReaderState(Condition.MISSING if absent else Condition.FAULT, error))

    def _report(self, state: ReaderState) -> None:
        before, self._state = self._state, state
        if before is not None and before.kind == state.kind:
            return
        log.info("%s: %s %s", self.device, state.condition.value, state.error or "")
        if self._on_state is not None:
            self._on_state(state)


__all__ = ["DEFAULT_BAUD", "CardRead", "CardReader", "CardReaderError", "Condition", "ReaderState", "Timing"]
