"""What can go wrong with a card or its reader, sorted by what the caller can do.

* :class:`CardError` - this attempt failed: ask for the card again, or for another document.
* :class:`LineFault` - bytes were damaged on the way: the driver has already retried; check cable and rate.
* :class:`CommandRejected` - the reader does not do this, or says what we cannot act on: another model, or our mistake.
* :class:`ReaderFault` - the reader itself: power-cycle it, then have it replaced.

Each status code of the reader (SW3) has a class of its own below; :func:`error_for` picks it.
"""

from __future__ import annotations

from typing import ClassVar, Final

from hw.card_reader.codec import CARD_COMMANDS, Command, Reply, Status
from hw.errors import HardwareError


class CardReaderError(HardwareError):
    """Root of everything the reader answers that is no success.

    Attributes:
        status: the code this class stands for; None where no reply says it.
        command: what was asked.
        sw: SW1, SW2, SW3 as answered; None where no reply says it.
    """

    status: ClassVar[Status | None] = None

    def __init__(self, device: str, message: str, *, command: Command, sw: tuple[int, int, int] | None = None) -> None:
        code = f" (SW {sw[0]:02X} {sw[1]:02X} {sw[2]:02X})" if sw else ""
        super().__init__(device, f"{command.name}: {message}{code}")
        self.command = command
        self.sw = sw


class CardError(CardReaderError):
    """This attempt with this card failed."""

    advice = "lay the card on the reader again and leave it there"


class CardRemoved(CardError):
    """The card was lifted, or is not lying well: lay it again."""


class CardLifted(CardRemoved):
    """Reading failed, and then there was no card any more."""


class CardNotAuthentic(CardError):
    """Card and reader do not trust each other: a second attempt, then another document and two officers."""

    advice = "lay the card again; if it stays so, use another document: this card cannot be trusted"


class LineFault(CardReaderError):
    """The reader received our request damaged, several times."""

    advice = "check the cable, its length and the baud rate"


class CommandRejected(CardReaderError):
    """The reader does not carry out this command."""

    advice = "check the reader's model; it may not support this command"


class ReaderFault(CardReaderError):
    """The reader is at fault."""

    advice = "power-cycle the reader; if it stays so, replace it"


class SamGotBadChecksum(LineFault):
    """10: the security module received a wrong check byte."""

    status = Status.SAM_GOT_BAD_CHECKSUM


class SamGotBadLength(LineFault):
    """11: the security module received a wrong length, or waited too long for the rest."""

    status = Status.SAM_GOT_BAD_LENGTH


class BadCommand(CommandRejected):
    """21: unknown command or parameter."""

    status = Status.BAD_COMMAND


class NotPermitted(CommandRejected):
    """23: this reader may not do that."""

    status = Status.NOT_PERMITTED


class UnrecognisedError(CommandRejected):
    """24: an error the reader has no name for."""

    status = Status.UNRECOGNISED_ERROR


class CardFailedToAuthenticateSam(CardNotAuthentic):
    """31: the card did not accept the reader."""

    status = Status.CARD_FAILED_TO_AUTHENTICATE_SAM


class SamFailedToAuthenticateCard(CardNotAuthentic):
    """32: the reader did not accept the card."""

    status = Status.SAM_FAILED_TO_AUTHENTICATE_CARD


class InformationVerificationFailed(CardNotAuthentic):
    """33: the signature over the card's data is wrong."""

    status = Status.INFORMATION_VERIFICATION_FAILED


class NotFoundOrSelectedYet(CardRemoved):
    """34: no card is selected, so it left the field since."""

    status = Status.NOT_FOUND_OR_SELECTED_YET


class FingerprintVerificationError(CardError):
    """37: the card's fingerprint block does not verify."""

    status = Status.FINGERPRINT_VERIFICATION_ERROR
    advice = "lay the card again; if it stays so, go on without the card's fingerprint"


class LengthError(CommandRejected):
    """3F: the reader says the length does not fit the command."""

    status = Status.LENGTH_ERROR


class UnknownCardType(CardError):
    """40: not an identity card."""

    status = Status.UNKNOWN_CARD_TYPE
    advice = "this is no identity card; lay the identity card alone on the reader"


class CardReadFailed(CardRemoved):
    """41: the card stopped answering while it was read."""

    status = Status.READ_FAILED


class GetRandomFailed(CardRemoved):
    """47: the card gave no random number, the first step of reading."""

    status = Status.GET_RANDOM_FAILED


class WriteFailed(CardRemoved):
    """50: writing to the card failed."""

    status = Status.WRITE_FAILED


class SamSelfTestFailed(ReaderFault):
    """60: the security module failed its own test."""

    status = Status.SAM_SELF_TEST_FAILED


class LoginFailed(ReaderFault):
    """61: the security module refused the log-in."""

    status = Status.LOGIN_FAILED


class SamUnauthorised(ReaderFault):
    """66: the security module holds no keys."""

    status = Status.SAM_UNAUTHORISED
    advice = "the reader is not authorised; have it serviced or replaced"


class CardNotFound(CardRemoved):
    """80: no card in the field."""

    status = Status.FIND_FAILED


class CardSelectFailed(CardRemoved):
    """81: a card was found and could not be selected: two cards at once, or badly laid."""

    status = Status.SELECT_FAILED
    advice = "lay one card alone, flat on the reader"


class NoSuchItem(CardReaderError):
    """91: the card holds no such item, as no appended address; nothing is wrong."""

    status = Status.NO_SUCH_ITEM
    advice = "nothing to do: the card does not hold this"


class UnexpectedStatus(CommandRejected):
    """A status outside the table, or one that makes no sense for this command."""

    advice = "check the reader's model; if it is right, power-cycle the reader"


class ReadIncomplete(CardError):
    """The card's data did not arrive whole, several times."""


class UnreadableDocument(CardError):
    """The card was read and its text is no document that we know."""

    advice = "lay the card again; if it stays so, use another document"


_CLASSES: Final[tuple[type[CardReaderError], ...]] = (
    SamGotBadChecksum,
    SamGotBadLength,
    BadCommand,
    NotPermitted,
    UnrecognisedError,
    CardFailedToAuthenticateSam,
    SamFailedToAuthenticateCard,
    InformationVerificationFailed,
    NotFoundOrSelectedYet,
    FingerprintVerificationError,
    LengthError,
    UnknownCardType,
    CardReadFailed,
    GetRandomFailed,
    WriteFailed,
    SamSelfTestFailed,
    LoginFailed,
    SamUnauthorised,
    CardNotFound,
    CardSelectFailed,
    NoSuchItem,
)
ERRORS: Final[dict[int, type[CardReaderError]]] = {int(c.status): c for c in _CLASSES if c.status is not None}


def error_for(device: str, command: Command, reply: Reply) -> CardReaderError:
    """The error that ``reply`` to ``command`` means; only for replies that are no success."""
    kind = ERRORS.get(reply.sw3, UnexpectedStatus)
    if issubclass(kind, CardError) and command not in CARD_COMMANDS:
        kind = UnexpectedStatus  # nothing about a card was asked
    meaning = kind.status.name.replace("_", " ").lower() if kind.status is not None else "unexpected status"
    return kind(device, meaning, command=command, sw=(reply.sw1, reply.sw2, reply.sw3))
