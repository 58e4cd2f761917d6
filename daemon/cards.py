"""Reading cards for the check under way: the reader's driver in a thread, its findings as events."""

from __future__ import annotations

import datetime as dt
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from daemon.events import CardRead, CardTrouble, DeviceLost, Document, Event
from daemon.minors import findings_of_age
from evidence.encoding import json_bytes, sha256_hex
from hw.card_reader.document import DocumentKind, IdentityDocument
from hw.card_reader.driver import CardReader, Condition, ReaderState
from hw.card_reader.errors import CardError, CardNotAuthentic, CardRemoved, ReadIncomplete, UnknownCardType
from hw.card_reader.finger_matcher import usable_prints
from hw.card_reader.photo import PhotoDecoder, PhotoError
from hw.uri import DeviceUri

log = logging.getLogger(__name__)

DEVICE = "card_reader"
_AGAIN_S = 0.7
"""Before a card that was pulled too early, or whose answer was lost, is tried again where it lies."""
_PATIENCE_S = 3.0
"""How long a missing reader may take to come back before officers are asked."""

DOCUMENT_TYPES = {
    DocumentKind.CITIZEN: "resident_id_card",
    DocumentKind.HONG_KONG_MACAU_TAIWAN: "hk_mo_tw_residence_permit",
    DocumentKind.FOREIGNER_2017: "foreigner_permanent_residence_2017",
    DocumentKind.FOREIGNER_2023: "foreigner_permanent_residence_2023",
}
_TROUBLES: tuple[tuple[type[CardError], str], ...] = (
    (CardRemoved, "card_removed"),
    (ReadIncomplete, "card_removed"),
    (CardNotAuthentic, "card_not_authentic"),
    (UnknownCardType, "card_unknown_type"),
)

Photo = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class LaidCard:
    """What the rest of the check needs of a card: the event, and the picture, which never leaves memory."""

    event: CardRead
    photo: Photo | None = field(repr=False)


def mask_number(number: str) -> str:
    """First three and last two characters; the rest is for the record only."""
    return f"{number[:3]}{'*' * max(0, len(number) - 5)}{number[-2:]}" if len(number) > 5 else "*" * len(number)


def mask_name(name: str) -> str:
    """The first character; the rest as asterisks."""
    return name[:1] + "*" * (len(name) - 1)


def to_document(card: IdentityDocument, today: dt.date) -> Document:
    """The card as the record and the screen know it."""
    facts = {
        "type": DOCUMENT_TYPES[card.kind],
        "method": "chip",
        "number": card.number,
        "name": card.display_name,
        "sex": card.sex_code,
        "birth": card.birth_text,
        "nation": card.nation,
        "address": card.address,
        "issuer": card.issuer,
        "valid_from": card.valid_from_text,
        "valid_to": card.valid_to_text,
    }
    if card.nationality:
        facts["nationality"] = card.nationality
    display = {"name": mask_name(card.display_name), "number": mask_number(card.number), "type": facts["type"]}
    findings = (*map(str, card.findings(today)), *findings_of_age(card.birth_text, today))
    return Document(facts, findings, display, sha256_hex(json_bytes(facts)))


def trouble_of(error: CardError) -> str:
    """The short name the screen knows for what went wrong with a card."""
    return next((name for kind, name in _TROUBLES if isinstance(error, kind)), "card_unreadable")


class CardTask:
    """Waits for a card when asked. :meth:`read` and :meth:`cancel` may be called from any thread."""

    def __init__(
        self,
        uri: DeviceUri,
        decoder: PhotoDecoder,
        *,
        today: Callable[[], dt.date],
        post: Callable[[Event], None],
        laid: Callable[[LaidCard], None],
        prints: Callable[[str, tuple[bytes, ...]], bool] | None = None,
    ) -> None:
        """Prepare; ``laid`` gets the card with its picture just before its event is posted.

        ``prints`` gets the card's fingerprint records for a check, and says whether they can be compared; without it
        they are not even read.

        Raises:
            BadDeviceUri: no card reader has this URI.
        """
        self._reader = CardReader(uri, on_state=self._on_state) if uri.scheme != "none" else None
        self._decoder = decoder
        self._today, self._post, self._laid, self._prints = today, post, laid, prints
        self._wanted: queue.SimpleQueue[tuple[str, threading.Event] | None] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self._asked = threading.Event()
        self._lies = False
        self._troubled = False
        self.state: ReaderState | None = None

    def read(self, check: str) -> None:
        """Wait for a card for ``check``; the answer comes as an event."""
        self._cancelled = threading.Event()
        self._wanted.put((check, self._cancelled))
        self._asked.set()

    def cancel(self) -> None:
        """Stop waiting."""
        self._cancelled.set()

    def close(self) -> None:
        """End :meth:`run`."""
        self.cancel()
        self._wanted.put(None)
        self._asked.set()

    def run(self) -> None:
        """Serve requests until :meth:`close`; one thread's whole life."""
        while (wanted := self._next()) is not None:
            self._serve(*wanted)
        if self._reader is not None:
            self._reader.close()

    def _next(self) -> tuple[str, threading.Event] | None:
        """The next request. Until it comes, watch the last card go: else the next woman's would pass for it."""
        self._asked.clear()
        if self._reader is not None and self._lies and self._wanted.empty():
            self._lies = not self._reader.wait_for_removal(self._asked)
        return self._wanted.get()

    def _serve(self, check: str, cancelled: threading.Event) -> None:
        if self._reader is None:
            self._post(DeviceLost(check, DEVICE))
            return
        if self._troubled:
            # Asked again after a trouble: a card that was laid anew faster than anybody looks is not to be waited for.
            cancelled.wait(_AGAIN_S)
            self._reader.forget_card()
            self._troubled = False
        try:
            while not cancelled.is_set():
                read = self._reader.read_with_fingerprint if self._prints else self._reader.wait_for_card
                found = read(cancelled, timeout_s=_PATIENCE_S)
                if found is not None:
                    self._lies = True
                    prints = self._prints is not None and self._prints(check, usable_prints(found.fingerprint or b""))
                    self._deliver(check, found.document, found.photo, prints)
                    return
                if self.state is not None and self.state.condition is not Condition.READY and not cancelled.is_set():
                    self._post(DeviceLost(check, DEVICE))
                    return
        except CardError as error:
            self._lies, self._troubled = True, isinstance(error, CardRemoved | ReadIncomplete)
            log.info("card not read: %s", error)
            self._post(CardTrouble(check, trouble_of(error)))

    def _deliver(self, check: str, card: IdentityDocument, block: bytes, prints: bool) -> None:
        photo: Photo | None = None
        try:
            photo = self._decoder.decode(block)
        except PhotoError as error:
            log.warning("chip photo: %s", error)
        event = CardRead(check, to_document(card, self._today()), photo is not None, prints)
        self._laid(LaidCard(event, photo))
        self._post(event)

    def _on_state(self, state: ReaderState) -> None:
        self.state = state
        if state.error is not None:
            log.warning("card reader %s: %s; %s", state.condition.value, state.error, state.error.advice)
        else:
            log.info("card reader %s", state.condition.value)
