"""What the data of a successful reply means, command by command. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from hw.card_reader.codec import ADDRESS_SIZE, CARD_NUMBER_SIZE, TEXT_SIZE, Command

FINGERPRINT_SIZE: Final = 512
"""One finger's record; a card carries none, one or two of them."""


class BadReply(ValueError):
    """The data does not have the shape its command demands. Says sizes only, never content."""


@dataclass(frozen=True, slots=True)
class SamId:
    """The security module's number, as printed on the reader: ``05.01-20150623-0000001234-1234567890``."""

    vendor: int
    kind: int
    made_on: int
    serial: int
    suffix: int

    @classmethod
    def from_bytes(cls, data: bytes) -> SamId:
        """Parse 16 bytes: two 16-bit and three 32-bit words, little-endian.

        Raises:
            BadReply: another number of bytes.
        """
        _expect(len(data) == 16, "SAM id", len(data))
        starts = ((0, 2), (2, 4), (4, 8), (8, 12), (12, 16))
        return cls(*(int.from_bytes(data[start:end], "little") for start, end in starts))

    def to_bytes(self) -> bytes:
        """The 16 bytes of the wire."""
        short = (self.vendor, self.kind)
        long = (self.made_on, self.serial, self.suffix)
        return b"".join([v.to_bytes(2, "little") for v in short] + [v.to_bytes(4, "little") for v in long])

    def __str__(self) -> str:
        return f"{self.vendor:02d}.{self.kind:02d}-{self.made_on:08d}-{self.serial:010d}-{self.suffix:010d}"


@dataclass(frozen=True, slots=True)
class CardData:
    """The blocks of one read: text (256 bytes), photo (normally 1024), fingerprint (0, 512, 1024; None: not asked)."""

    text: bytes = field(repr=False)
    photo: bytes = field(repr=False)
    fingerprint: bytes | None = field(default=None, repr=False)

    @classmethod
    def from_bytes(cls, data: bytes, *, with_fingerprint: bool) -> CardData:
        """Parse the length words and the blocks they announce.

        Raises:
            BadReply: the lengths and the data disagree, or the text is not 256 bytes.
        """
        count = 3 if with_fingerprint else 2
        sizes = [int.from_bytes(data[2 * i : 2 * i + 2], "big") for i in range(count)]
        _expect(len(data) == 2 * count + sum(sizes) and sizes[0] == TEXT_SIZE, "card data", len(data))
        _expect(not with_fingerprint or sizes[2] % FINGERPRINT_SIZE == 0, "fingerprint", sizes[-1])
        text_end = 2 * count + sizes[0]
        photo_end = text_end + sizes[1]
        finger = data[photo_end:] if with_fingerprint else None
        return cls(data[2 * count : text_end], data[text_end:photo_end], finger)

    def to_bytes(self) -> bytes:
        """The data of the reply; with three length words where a fingerprint was asked for."""
        blocks = [self.text, self.photo] + ([] if self.fingerprint is None else [self.fingerprint])
        return b"".join([len(block).to_bytes(2, "big") for block in blocks] + blocks)


def parse_addresses(data: bytes) -> tuple[str, ...]:
    """Appended addresses, oldest first: n fields of 70 bytes UTF-16LE; blank fields are left out.

    Raises:
        BadReply: not a multiple of 70 bytes.
    """
    _expect(bool(data) and len(data) % ADDRESS_SIZE == 0, "addresses", len(data))
    fields = [data[i : i + ADDRESS_SIZE] for i in range(0, len(data), ADDRESS_SIZE)]
    texts = [field_.decode("utf-16-le", "replace").rstrip(" \0") for field_ in fields]
    return tuple(text for text in texts if text)


def check_shape(command: Command, data: bytes) -> None:
    """Is this what a successful ``command`` answers? An answer to an earlier command is found out here.

    Raises:
        BadReply: it is not.
    """
    if command is Command.FIND_CARD:
        _expect(len(data) == 4, "find card", len(data))
    elif command is Command.SELECT_CARD:
        _expect(len(data) == 8, "select card", len(data))
    elif command is Command.SAM_ID:
        SamId.from_bytes(data)
    elif command is Command.READ_CARD_NUMBER:
        _expect(len(data) == CARD_NUMBER_SIZE, "card management number", len(data))
    elif command in (Command.READ_TEXT_PHOTO, Command.READ_TEXT_PHOTO_FINGERPRINT):
        CardData.from_bytes(data, with_fingerprint=command is Command.READ_TEXT_PHOTO_FINGERPRINT)
    elif command in (Command.READ_ALL_ADDRESSES, Command.READ_NEWEST_ADDRESS):
        parse_addresses(data)
    else:
        _expect(not data, command.name, len(data))


def _expect(condition: bool, what: str, size: int) -> None:
    if not condition:
        raise BadReply(f"{what}: unexpected shape ({size} bytes)")
