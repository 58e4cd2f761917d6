"""The card task at a simulated reader on a real pseudo-terminal."""

from __future__ import annotations

import datetime as dt
import queue
import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from daemon import cards
from daemon.cards import CardTask, LaidCard, mask_name, mask_number, to_document, trouble_of
from daemon.events import CardRead, CardTrouble, DeviceLost, Event
from evidence.encoding import json_bytes, sha256_hex
from hw.card_reader import id_number
from hw.card_reader.codec import Command, Status
from hw.card_reader.document import DocumentKind, IdentityDocument
from hw.card_reader.driver import Condition, ReaderState
from hw.card_reader.errors import ERRORS, CardError
from hw.card_reader.photo import SimulatedDecoder, photo_decoder
from hw.card_reader.simulator import SimulatedCard, SimulatedReader, demo_card
from hw.uri import DeviceUri
from tests.support.brokers import wait_for

TODAY = dt.date(2026, 11, 21)
PATIENCE_S = 20.0
QUIET_S = 1.0
"""Longer than the reader is looked at three times."""


class Desk:
    """A reader, the task that serves it, and the events it posts."""

    def __init__(self, uri: str) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.laid: list[LaidCard] = []
        self.task = CardTask(
            DeviceUri.parse(uri),
            photo_decoder("simulated"),
            today=lambda: TODAY,
            post=self.events.put,
            laid=self.laid.append,
        )
        self._thread = threading.Thread(target=self.task.run)
        self._thread.start()

    def next(self) -> Event:
        return self.events.get(timeout=PATIENCE_S)

    def quiet(self) -> bool:
        """Nothing is told for a while."""
        try:
            self.events.get(timeout=QUIET_S)
        except queue.Empty:
            return True
        return False

    def close(self) -> None:
        self.task.close()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the card task did not end"


@pytest.fixture
def reader() -> Iterator[SimulatedReader]:
    with SimulatedReader() as simulated:
        yield simulated


@pytest.fixture
def desk(reader: SimulatedReader) -> Iterator[Desk]:
    made = Desk(reader.uri)
    yield made
    made.close()


def another_card() -> SimulatedCard:
    card = demo_card()
    body = "990000" + card.document.birth_text + "048"
    return replace(card, document=replace(card.document, number=body + id_number.mod_11_2(body), name="示例二"))


def number_of(event: Event) -> object:
    assert isinstance(event, CardRead)
    return event.document.facts["number"]


def test_laid_card_is_read_with_its_picture(reader: SimulatedReader, desk: Desk) -> None:
    desk.task.read("check-1")
    card = demo_card()
    reader.lay(card)
    event = desk.next()
    assert isinstance(event, CardRead)
    assert (event.check, event.photo, event.document.findings) == ("check-1", True, ())
    assert number_of(event) == card.document.number
    (laid,) = desk.laid
    assert laid.event is event
    assert laid.photo is not None
    assert np.array_equal(laid.photo, SimulatedDecoder().decode(card.photo))
    assert card.document.number not in repr((laid, event))
    assert card.document.name not in repr((laid, event))


def test_nobody_asked_nothing_is_read(reader: SimulatedReader, desk: Desk) -> None:
    reader.lay(demo_card())
    assert desk.quiet()
    assert list(reader.commands) == []


def test_card_without_a_usable_picture(reader: SimulatedReader, desk: Desk) -> None:
    desk.task.read("check-1")
    reader.lay(replace(demo_card(), photo=bytes(1024)))
    event = desk.next()
    assert isinstance(event, CardRead)
    assert not event.photo
    assert desk.laid[0].photo is None


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (Status.CARD_FAILED_TO_AUTHENTICATE_SAM, "card_not_authentic"),
        (Status.SAM_FAILED_TO_AUTHENTICATE_CARD, "card_not_authentic"),
        (Status.INFORMATION_VERIFICATION_FAILED, "card_not_authentic"),
        (Status.UNKNOWN_CARD_TYPE, "card_unknown_type"),
        (Status.FINGERPRINT_VERIFICATION_ERROR, "card_unreadable"),
    ],
)
def test_trouble_with_a_card_has_a_name(status: Status, cause: str, reader: SimulatedReader, desk: Desk) -> None:
    reader.answers[Command.READ_TEXT_PHOTO] = status
    desk.task.read("check-1")
    reader.lay(demo_card())
    assert desk.next() == CardTrouble("check-1", cause)
    reader.answers.clear()
    desk.task.read("check-1")
    assert desk.quiet(), "the refused card must be lifted first"
    reader.lift()
    wait_for(lambda: bool(reader.commands) and reader.commands[-1] == Command.FIND_CARD, "the reader to be asked")
    threading.Event().wait(QUIET_S)
    reader.lay(demo_card())
    assert isinstance(desk.next(), CardRead)


def test_every_card_error_has_a_name_that_the_screen_knows() -> None:
    kinds = [kind for kind in ERRORS.values() if issubclass(kind, CardError)]
    assert kinds
    for kind in kinds:
        error = kind("serial:/x", "why", command=Command.READ_TEXT_PHOTO)
        assert trouble_of(error) in {"card_removed", "card_not_authentic", "card_unknown_type", "card_unreadable"}


def test_card_pulled_while_read(reader: SimulatedReader, desk: Desk) -> None:
    reader.lift_during_read = True
    desk.task.read("check-1")
    reader.lay(demo_card())
    assert desk.next() == CardTrouble("check-1", "card_removed")
    desk.task.read("check-1")
    reader.lay(demo_card())
    assert isinstance(desk.next(), CardRead)


def test_badly_read_card_is_tried_again_where_it_lies(reader: SimulatedReader, desk: Desk) -> None:
    """She lays it anew faster than the reader is looked at: nobody can see that it was lifted."""
    reader.answers[Command.READ_TEXT_PHOTO] = Status.READ_FAILED
    desk.task.read("check-1")
    reader.lay(demo_card())
    assert desk.next() == CardTrouble("check-1", "card_removed")
    reader.answers.clear()
    desk.task.read("check-1")
    assert isinstance(desk.next(), CardRead)


def test_text_that_is_no_document(reader: SimulatedReader, desk: Desk) -> None:
    class Nonsense(IdentityDocument):
        def to_bytes(self) -> bytes:
            return b"\xff" * 256

    card = demo_card()
    values = {name: getattr(card.document, name) for name in IdentityDocument.__dataclass_fields__}
    desk.task.read("check-1")
    reader.lay(replace(card, document=Nonsense(**values)))
    assert desk.next() == CardTrouble("check-1", "card_unreadable")


@pytest.mark.parametrize("busy_after_read", [True, False])
def test_forgotten_card_is_not_the_next_womans(busy_after_read: bool, reader: SimulatedReader, desk: Desk) -> None:
    reader.busy_after_read = busy_after_read
    first = demo_card()
    desk.task.read("check-1")
    reader.lay(first)
    assert number_of(desk.next()) == first.document.number
    desk.task.cancel()
    threading.Event().wait(QUIET_S)
    desk.task.read("check-2")
    assert desk.quiet(), "the card of the woman before was read for the next"
    reader.lift()
    threading.Event().wait(QUIET_S)
    second = another_card()
    reader.lay(second)
    event = desk.next()
    assert (isinstance(event, CardRead) and event.check, number_of(event)) == ("check-2", second.document.number)


def test_card_laid_between_two_checks_is_read_at_once(reader: SimulatedReader, desk: Desk) -> None:
    desk.task.read("check-1")
    reader.lay(demo_card())
    desk.next()
    reader.lift()
    threading.Event().wait(QUIET_S)  # nobody asks meanwhile; the task itself watches the card go
    second = another_card()
    reader.lay(second)
    threading.Event().wait(QUIET_S)
    assert desk.events.empty()
    desk.task.read("check-2")
    assert number_of(desk.next()) == second.document.number


def test_cancelled_check_hears_nothing(reader: SimulatedReader, desk: Desk) -> None:
    desk.task.read("check-1")
    wait_for(lambda: len(reader.commands) > 3, "the reader to be polled")
    desk.task.cancel()
    threading.Event().wait(QUIET_S)
    count = len(reader.commands)
    reader.lay(demo_card())
    assert desk.quiet()
    assert len(reader.commands) == count, "the reader is left alone"
    assert desk.laid == []


def test_card_read_too_late_is_not_kept(reader: SimulatedReader, desk: Desk) -> None:
    """The check ends while the card is being read: neither its event nor its picture arrive anywhere."""
    reader.crypto_s = 1.0
    desk.task.read("check-1")
    reader.lay(demo_card())
    wait_for(lambda: Command.READ_TEXT_PHOTO in reader.commands, "the reading to begin")
    desk.task.cancel()
    assert desk.quiet()
    assert desk.quiet()
    assert desk.laid == []


def test_reader_that_is_unplugged_and_comes_back(
    reader: SimulatedReader, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "_PATIENCE_S", 1.0)
    desk.task.read("check-1")
    wait_for(lambda: len(reader.commands) > 3, "the reader to be polled")
    reader.unplug()
    assert desk.next() == DeviceLost("check-1", "card_reader")
    assert desk.task.state is not None
    assert desk.task.state.condition is Condition.MISSING
    reader.plug()
    reader.lay(demo_card())
    desk.task.read("check-2")
    assert isinstance(desk.next(), CardRead)
    wait_for(lambda: desk.task.state == ReaderState(Condition.READY), "the reader to be reported ready")


def test_short_absence_is_no_loss(reader: SimulatedReader, desk: Desk) -> None:
    desk.task.read("check-1")
    wait_for(lambda: len(reader.commands) > 3, "the reader to be polled")
    reader.unplug()
    threading.Event().wait(0.5)
    reader.plug()
    reader.lay(demo_card())
    assert isinstance(desk.next(), CardRead)


@pytest.mark.parametrize("uri", ["none:", "serial:///dev/no-such-reader"])
def test_reader_that_was_never_there(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "_PATIENCE_S", 0.5)
    desk = Desk(uri)
    try:
        desk.task.read("check-1")
        assert desk.next() == DeviceLost("check-1", "card_reader")
    finally:
        desk.close()


def test_document_as_the_record_holds_it() -> None:
    card = demo_card().document
    document = to_document(card, TODAY)
    assert document.facts["type"] == "resident_id_card"
    assert document.sha256 == sha256_hex(json_bytes(dict(document.facts)))
    assert document.display == {"name": "示**", "number": mask_number(card.number), "type": "resident_id_card"}
    assert "nationality" not in document.facts
    foreigner = replace(card, kind=DocumentKind.FOREIGNER_2023, nationality="CAN")
    assert to_document(foreigner, TODAY).facts["nationality"] == "CAN"
    expired = replace(card, valid_to_text="20200101")
    assert "expired" in to_document(expired, TODAY).findings


@pytest.mark.parametrize(
    ("number", "masked"), [("", ""), ("12345", "*****"), ("123456", "123*56"), ("9" * 18, "999" + "*" * 13 + "99")]
)
def test_masks(number: str, masked: str) -> None:
    assert mask_number(number) == masked
    assert mask_name("") == ""
    assert mask_name("一二三") == "一**"
