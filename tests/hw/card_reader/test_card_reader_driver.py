"""The driver against the simulated reader, on a real pseudo-terminal."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from hw.card_reader.codec import Command, Status
from hw.card_reader.document import Finding
from hw.card_reader.driver import CardReader, Condition
from hw.card_reader.errors import (
    ERRORS,
    CardError,
    CardLifted,
    CardNotFound,
    CardReadFailed,
    CardRemoved,
    CardSelectFailed,
    ReadIncomplete,
    UnexpectedStatus,
    UnknownCardType,
    UnreadableDocument,
)
from hw.card_reader.simulator import SAM_ID, SimulatedCard, demo_document
from hw.pty_device import drop
from hw.uri import DeviceUri
from tests.hw.card_reader.support import (
    FINGER,
    LONG_S,
    PHOTO,
    QUICK,
    SHORT_S,
    card,
    conditions,
    later,
    next_card,
    reads_of,
)

# The plain way


def test_self_test_gives_the_sam_id(reader):
    assert reader.self_test() == SAM_ID


def test_a_laid_card_is_read(device, reader, states):
    device.lay(card())
    before = time.monotonic()
    read = next_card(reader)
    assert read is not None
    assert (read.document, read.photo, read.fingerprint) == (demo_document(), PHOTO, None)
    assert before <= read.read_at <= time.monotonic()
    assert 0 < read.wire_s < read.read_at - before
    assert conditions(states) == [Condition.READY]


def test_a_card_laid_while_waiting_is_read(device, reader):
    timer = later(lambda: device.lay(card()))
    assert next_card(reader) is not None
    timer.join()


def test_a_read_shows_nobody_in_its_repr(device, reader):
    device.lay(card())
    assert demo_document().number not in repr(next_card(reader))


def test_a_wrong_check_digit_is_read_and_found(device, reader):
    number = demo_document().number
    wrong = number[:-1] + ("1" if number[-1] != "1" else "2")
    device.lay(card(document=replace(demo_document(), number=wrong)))
    read = next_card(reader)
    assert read is not None
    assert Finding.CHECK_DIGIT_WRONG in read.document.findings(read.document.valid_from)


@pytest.mark.parametrize("fingerprint", [None, FINGER, FINGER * 2], ids=["none", "one", "two"])
def test_read_with_fingerprint(device, reader, fingerprint):
    device.lay(card(fingerprint=fingerprint))
    read = reader.read_with_fingerprint(threading.Event(), LONG_S)
    assert read is not None
    assert read.fingerprint == (fingerprint or b"")


@pytest.mark.parametrize("reselect", [False, True])
@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize(("addresses", "newest"), [((), None), (("旧址", "新址"), "新址")], ids=["none", "two"])
def test_newest_address(device, reader, addresses, newest, busy, reselect):
    if busy and reselect:  # such a reader gives a card's address only before the card is read
        device.lay(card(addresses=addresses))
        assert reader.newest_address() == newest
        return
    device.busy_after_read, device.reselect_after_read = busy, reselect
    device.lay(card(addresses=addresses))
    next_card(reader)
    assert reader.newest_address() == newest


def test_newest_address_without_a_card(reader):
    with pytest.raises(CardNotFound):
        reader.newest_address()


def test_newest_address_of_a_failing_card(device, reader):
    device.lay(card())
    device.answers[Command.READ_NEWEST_ADDRESS] = Status.GET_RANDOM_FAILED
    with pytest.raises(CardRemoved):
        reader.newest_address()


# Once per laid card


@pytest.mark.parametrize("busy", [False, True], ids=["finds it again", "busy until lifted"])
def test_a_card_that_stays_is_read_once(device, reader, busy):
    device.busy_after_read = busy
    device.lay(card())
    assert next_card(reader) is not None
    assert next_card(reader, SHORT_S) is None
    assert reads_of(device) == 1


@pytest.mark.parametrize("busy", [False, True], ids=["finds it again", "busy until lifted"])
def test_lifted_and_laid_again_it_is_read_again(device, reader, busy):
    device.busy_after_read = busy
    device.lay(card())
    assert next_card(reader) is not None
    device.lift()
    assert next_card(reader, SHORT_S) is None
    device.lay(card())
    assert next_card(reader) is not None
    assert reads_of(device) == 2


def test_one_missed_look_at_a_lying_card_does_not_make_it_new(device, reader):
    device.busy_after_read = False
    device.lay(card())
    assert next_card(reader) is not None
    for _ in range(3):
        device.answers_once[Command.FIND_CARD] = Status.FIND_FAILED
        assert next_card(reader, 0.05) is None
    assert reads_of(device) == 1


def test_after_a_reset_a_lying_card_is_new(device, reader):
    device.lay(card())
    assert next_card(reader) is not None
    reader.reset()
    assert next_card(reader) is not None


@pytest.mark.parametrize("busy", [False, True], ids=["finds it again", "busy until lifted"])
def test_wait_for_removal(device, reader, busy):
    device.busy_after_read = busy
    device.lay(card())
    assert next_card(reader) is not None
    assert reader.wait_for_removal(threading.Event(), SHORT_S) is False
    timer = later(device.lift)
    assert reader.wait_for_removal(threading.Event(), LONG_S) is True
    timer.join()


def test_wait_for_removal_takes_a_failing_card_for_a_lying_one(device, reader):
    device.answers[Command.FIND_CARD] = Status.READ_FAILED
    assert reader.wait_for_removal(threading.Event(), SHORT_S) is False


def test_wait_for_removal_from_an_unplugged_reader(device, reader, states):
    device.lay(card())
    assert next_card(reader) is not None
    device.unplug()
    assert reader.wait_for_removal(threading.Event(), LONG_S) is True
    assert conditions(states) == [Condition.READY, Condition.MISSING]


# Stopping


def test_stop_set_before(reader):
    stop = threading.Event()
    stop.set()
    assert reader.wait_for_card(stop) is None
    assert reader.wait_for_removal(stop) is False


@pytest.mark.parametrize("hindrance", ["no card", "silent", "slow read", "unplugged"])
def test_stop_returns_promptly(device, states, hindrance):
    timing = replace(QUICK, answer_s=30.0, read_answer_s=30.0, poll_s=30.0, backoff_s=(30.0,))
    if hindrance == "silent":
        device.faults.extend([drop()] * 10)
    if hindrance == "slow read":
        device.crypto_s = 30.0
        device.lay(card())
    stop = threading.Event()
    with CardReader(DeviceUri.parse(device.uri), on_state=states.append, timing=timing) as reader:
        if hindrance == "unplugged":
            device.unplug()
        timer = later(stop.set, 0.2)
        before = time.monotonic()
        assert reader.wait_for_card(stop) is None
        assert time.monotonic() - before < 5
        timer.join()


def test_a_card_whose_read_was_stopped_is_read_by_the_next_wait(device, reader):
    device.crypto_s = 0.25
    device.busy_after_read = False
    device.lay(card())
    stop = threading.Event()
    timer = later(stop.set)
    assert reader.wait_for_card(stop) is None
    timer.join()
    assert next_card(reader) is not None


def test_time_over(reader):
    assert next_card(reader, 0.0) is None
    assert next_card(reader, 0.05) is None


# The card's own failures


def test_card_pulled_while_reading(device, reader, states):
    device.lay(card())
    device.lift_during_read = True
    with pytest.raises(CardLifted) as caught:
        next_card(reader)
    assert isinstance(caught.value, CardRemoved)
    assert isinstance(caught.value.__cause__, CardReadFailed)
    assert conditions(states) == [Condition.READY]
    device.lay(card())
    assert next_card(reader) is not None


def test_card_pulled_by_hand_during_a_slow_read(device, reader):
    device.crypto_s = 0.2
    device.lay(card())
    timer = later(device.lift)
    with pytest.raises(CardRemoved):
        next_card(reader)
    timer.join()


CARD_CODES = sorted(code for code, kind in ERRORS.items() if issubclass(kind, CardError))


@pytest.mark.parametrize("code", CARD_CODES, ids=[f"{c:02X}" for c in CARD_CODES])
def test_every_card_code_is_its_own_error_once_per_laid_card(device, reader, states, code):
    device.lay(card())
    device.answers[Command.READ_TEXT_PHOTO] = code
    with pytest.raises(ERRORS[code]) as caught:
        next_card(reader)
    assert caught.value.status == code
    assert next_card(reader, SHORT_S) is None
    assert reads_of(device) == (1 if code == Status.UNKNOWN_CARD_TYPE else QUICK.tries)
    assert conditions(states) == [Condition.READY]
    device.answers.clear()
    device.lift()
    assert next_card(reader, SHORT_S) is None
    device.lay(card())
    assert next_card(reader) is not None


@pytest.mark.parametrize("code", CARD_CODES, ids=[f"{c:02X}" for c in CARD_CODES])
def test_one_failure_is_mended_by_reading_again(device, reader, code):
    device.lay(card())
    device.answers_once[Command.READ_TEXT_PHOTO] = code
    if code == Status.UNKNOWN_CARD_TYPE:
        with pytest.raises(UnknownCardType):
            next_card(reader)
    else:
        assert next_card(reader) is not None


def test_a_card_that_cannot_be_selected(device, reader):
    device.lay(card())
    device.answers[Command.SELECT_CARD] = Status.SELECT_FAILED
    with pytest.raises(CardSelectFailed):
        next_card(reader)


def test_an_unknown_card_refused_when_it_is_found(device, reader):
    device.answers[Command.FIND_CARD] = Status.UNKNOWN_CARD_TYPE
    with pytest.raises(UnknownCardType):
        next_card(reader)
    assert next_card(reader, SHORT_S) is None


OTHER_CODES = [0x10, 0x11, 0x21, 0x23, 0x24, 0x3F, 0x91, 0x9F, 0x55]


@pytest.mark.parametrize("code", OTHER_CODES, ids=[f"{c:02X}" for c in OTHER_CODES])
def test_other_codes_to_a_read_fail_this_attempt_only(device, reader, states, code):
    device.lay(card())
    device.answers[Command.READ_TEXT_PHOTO] = code
    with pytest.raises(ReadIncomplete) as caught:
        next_card(reader)
    assert type(caught.value.__cause__) is ERRORS.get(code, UnexpectedStatus)
    assert conditions(states) == [Condition.READY]


def test_a_text_block_that_is_none(device, reader):
    class Illegible:
        def to_bytes(self) -> bytes:
            return bytes(256)

    device.lay(SimulatedCard(Illegible(), PHOTO))
    with pytest.raises(UnreadableDocument):
        next_card(reader)
