"""A card reader with cards to lay on it, behind a pseudo-terminal. Alone: ``python -m hw.card_reader.simulator``."""

from __future__ import annotations

import argparse
import signal
import sys
import termios
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from hw.card_reader import id_number
from hw.card_reader.codec import (
    ADDRESS_SIZE,
    BAUD_COMMANDS,
    CARD_NUMBER_SIZE,
    READ_COMMANDS,
    Command,
    Damage,
    NeedData,
    Reply,
    Request,
    RequestDecoder,
    Status,
    success_of,
)
from hw.card_reader.document import DocumentKind, IdentityDocument
from hw.card_reader.replies import CardData, SamId
from hw.card_reader.simulated_photo import demo_portrait, encode_simulated
from hw.pty_device import PtyDevice

_BAUD_CODES: Final = {
    termios.B115200: 115200,
    termios.B57600: 57600,
    termios.B38400: 38400,
    termios.B19200: 19200,
    termios.B9600: 9600,
}
_RATES: Final = {int(command): rate for rate, command in BAUD_COMMANDS.items()}
_COMMANDS: Final = frozenset(int(command) for command in Command)
SAM_ID: Final = SamId(5, 1, 20150623, 1234, 1234567890)


@dataclass(frozen=True, slots=True)
class SimulatedCard:
    """What a laid card answers. ``fingerprint`` is None, 512 or 1024 bytes; ``addresses`` are oldest first."""

    document: IdentityDocument
    photo: bytes = field(repr=False)
    fingerprint: bytes | None = field(default=None, repr=False)
    addresses: tuple[str, ...] = field(default=(), repr=False)
    number: bytes = field(default=bytes(range(CARD_NUMBER_SIZE)), repr=False)


class SimulatedReader(PtyDevice):
    """The reader. Change the public attributes at any time, from any thread.

    Attributes:
        card: what lies on it; use :meth:`lay` and :meth:`lift`.
        busy_after_read: after a good read, finding answers 80 until the card is lifted, as many readers do.
        reselect_after_read: a good read ends the card's selection; a second read without selecting answers 34.
        lift_during_read: the card is lifted in the middle of the next read.
        answers: SW3 to give for a command instead of carrying it out; ``answers_once`` is used up by it.
        crypto_s: how long the card takes to be read; real ones about 1 s.
        sam_id: the security module's number.
        baud: the rate it listens at; survives unplugging. At another rate it hears nothing.
        commands: what was asked, newest last.
    """

    def __init__(self) -> None:
        self.card: SimulatedCard | None = None
        self.busy_after_read = True
        self.reselect_after_read = False
        self.lift_during_read = False
        self.answers: dict[Command, int] = {}
        self.answers_once: dict[Command, int] = {}
        self.crypto_s = 0.0
        self.sam_id = SAM_ID
        self.baud = 115200
        self.commands: deque[int] = deque(maxlen=10_000)
        self._selected = False
        self._was_read = False
        self._next_baud: int | None = None  # in force once the answer at the old rate has left
        self._halt = threading.Event()
        self._decoder = RequestDecoder()
        self._handlers: dict[int, Callable[[], Reply]] = {
            Command.RESET_SAM: self._reset,
            Command.SAM_STATUS: lambda: Reply(Status.OK),
            Command.SAM_ID: lambda: Reply(Status.OK, self.sam_id.to_bytes()),
            Command.FIND_CARD: self._find,
            Command.SELECT_CARD: self._select,
            Command.SET_MAX_RF_FRAME: lambda: Reply(Status.OK),
        }
        super().__init__("card-reader")

    def lay(self, card: SimulatedCard) -> None:
        """Lay ``card`` on the reader."""
        self._forget()
        self.card = card

    def lift(self) -> None:
        """Take the card away."""
        self.card = None
        self._forget()

    def plugged(self) -> None:
        """Power returns: the selection and half a request are lost, the rate is kept."""
        self._forget()
        self._decoder = RequestDecoder()

    def close(self) -> None:
        """Stop, also in the middle of a slow read."""
        self._halt.set()
        super().close()

    def receive(self, data: bytes) -> None:
        """Carry out the requests in ``data``; a damaged one is answered 10 or 11."""
        if self._host_baud() != self.baud:
            return
        self._decoder.receive_data(data)
        while not isinstance(event := self._decoder.next_event(), NeedData):
            if isinstance(event, Request):
                self.answer(self._carry_out(event).to_bytes())
            else:
                bad_checksum = event.damage is Damage.CHECKSUM
                status = Status.SAM_GOT_BAD_CHECKSUM if bad_checksum else Status.SAM_GOT_BAD_LENGTH
                self.answer(Reply(status).to_bytes())

    def answer(self, data: bytes) -> None:
        """Send ``data`` through the next waiting fault, if there is one."""
        super().answer(data)
        if self._next_baud is not None:
            self.baud, self._next_baud = self._next_baud, None

    def _host_baud(self) -> int | None:
        with self._lock:
            if self._slave is None:
                return None
            return _BAUD_CODES.get(termios.tcgetattr(self._slave)[4])

    def _carry_out(self, request: Request) -> Reply:
        self.commands.append(request.code)
        if request.code not in _COMMANDS:
            return Reply(Status.BAD_COMMAND)
        command = Command(request.code)
        forced = self.answers_once.pop(command, None) or self.answers.get(command)
        if forced is not None and forced != success_of(command):
            return Reply(forced)
        if request.code in _RATES:
            self._next_baud = _RATES[request.code]
            return Reply(Status.OK)
        if command in READ_COMMANDS:
            return self._read_card(command)
        return self._handlers[command]()

    def _forget(self) -> None:
        self._selected = self._was_read = False

    def _reset(self) -> Reply:
        self._forget()
        return Reply(Status.OK)

    def _find(self) -> Reply:
        if self.card is None or (self._was_read and self.busy_after_read):
            return Reply(Status.FIND_FAILED)
        self._selected = False
        return Reply(Status.FIND_OK, bytes(4))

    def _select(self) -> Reply:
        self._selected = self.card is not None
        return Reply(Status.OK, bytes(8)) if self._selected else Reply(Status.SELECT_FAILED)

    def _read_card(self, command: Command) -> Reply:
        card = self.card
        if not self._selected:
            return Reply(Status.NOT_FOUND_OR_SELECTED_YET)
        self._halt.wait(self.crypto_s)
        if self.lift_during_read:
            self.lift_during_read = False
            self.lift()
        if card is None or self.card is not card:
            return Reply(Status.READ_FAILED)
        return self._content(card, command)

    def _content(self, card: SimulatedCard, command: Command) -> Reply:
        if command is Command.READ_CARD_NUMBER:
            return Reply(Status.OK, card.number)
        if command in (Command.READ_ALL_ADDRESSES, Command.READ_NEWEST_ADDRESS):
            wanted = card.addresses[-1:] if command is Command.READ_NEWEST_ADDRESS else card.addresses
            return Reply(Status.OK, _address_fields(wanted)) if wanted else Reply(Status.NO_SUCH_ITEM)
        self._was_read = True
        self._selected = not self.reselect_after_read
        finger = (card.fingerprint or b"") if command is Command.READ_TEXT_PHOTO_FINGERPRINT else None
        return Reply(Status.OK, CardData(card.document.to_bytes(), card.photo, finger).to_bytes())


def _address_fields(addresses: Iterable[str]) -> bytes:
    blank = " ".encode("utf-16-le")
    encoded = (address.encode("utf-16-le")[:ADDRESS_SIZE] for address in addresses)
    return b"".join(text + blank * ((ADDRESS_SIZE - len(text)) // 2) for text in encoded)


def demo_document() -> IdentityDocument:
    """A citizen who cannot exist: region 990000 was never issued."""
    birth, sequence = "19960214", "026"
    body = "990000" + birth + sequence
    return IdentityDocument(
        kind=DocumentKind.CITIZEN,
        number=body + id_number.mod_11_2(body),
        name="示例一",
        sex_code="2",
        birth_text=birth,
        valid_from_text="20220301",
        valid_to_text="20420301",
        nation_code="01",
        address="示例省示例市示例路1号",
        issuer="示例市公安局",
    )


def demo_card(photo: Path | None = None) -> SimulatedCard:
    """A card of :func:`demo_document` with the picture in ``photo``, or a drawn one.

    Raises:
        ValueError: ``photo`` is no picture that OpenCV reads.
    """
    image = demo_portrait()
    if photo is not None:
        read = cv2.imread(str(photo), cv2.IMREAD_COLOR)
        if read is None:
            raise ValueError("this file is no picture")
        image = np.asarray(read, dtype=np.uint8)
    return SimulatedCard(demo_document(), encode_simulated(image), addresses=("示例省示例市新示例路2号",))


def _console(reader: SimulatedReader, card: SimulatedCard, lines: Iterable[str]) -> bool:
    """Carry out typed commands until ``quit``; False when the input ends without it."""
    actions: dict[str, Callable[[], None]] = {
        "lay": lambda: reader.lay(card),
        "lift": reader.lift,
        "unplug": reader.unplug,
        "plug": reader.plug,
    }
    for line in lines:
        word = line.strip().lower()
        if word == "quit":
            return True
        if word in actions:
            actions[word]()
            print(f"ok {word}", flush=True)
        elif word:
            print(f"unknown command; known: {', '.join(actions)}, quit", flush=True)
    return False


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Run the simulator until ``quit`` or Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m hw.card_reader.simulator",
        description="A simulated ID-card reader. Commands on standard input: lay, lift, unplug, plug, quit.",
    )
    parser.add_argument("--photo", type=Path, help="portrait for the card (any picture file)")
    parser.add_argument("--crypto", type=float, default=1.0, metavar="SECONDS", help="how long a read takes (1.0)")
    parser.add_argument("--lay", action="store_true", help="begin with the card on the reader")
    options = parser.parse_args(arguments)
    try:
        card = demo_card(options.photo)
    except ValueError as error:
        parser.error(f"--photo {options.photo}: {error}")
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts background jobs with SIGINT ignored
        signal.signal(number, _stop)
    with SimulatedReader() as reader:
        reader.crypto_s = options.crypto
        if options.lay:
            reader.lay(card)
        print(reader.uri, flush=True)
        try:
            if not _console(reader, card, sys.stdin):
                threading.Event().wait()
        except KeyboardInterrupt:
            print("stopped", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
