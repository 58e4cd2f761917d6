"""The driver against the simulated reader, on a real pseudo-terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from hw.card_reader.codec import Command, Reply, Status
from hw.card_reader.document import Finding
from hw.card_reader.driver import CardReader, Condition, ReaderState
from hw.card_reader.errors import (
    ERRORS,
    BadCommand,
    CardError,
    CardLifted,
    CardNotFound,
    CardReadFailed,
    CardRemoved,
    CardSelectFailed,
    LineFault,
    NotPermitted,
    ReaderFault,
    ReadIncomplete,
    SamSelfTestFailed,
    UnexpectedStatus,
    UnknownCardType,
    UnreadableDocument,
)
from hw.card_reader.simulator import SAM_ID, SimulatedCard, SimulatedReader, demo_document
from hw.errors import BadDeviceUri, DeviceBusy, DeviceGone, DeviceMissing, DeviceProtocolError, DeviceTimeout
from hw.pty_device import corrupt, delay, drop, garbage, split, truncate
from hw.uri import DeviceUri
from tests.hw.card_reader.support import FINGER, PHOTO, QUICK, card

LONG_S = 20.0
"""A bound for "did not hang", never waited for when all is well."""
SHORT_S = 0.3
"""Long enough for many looks at the reader."""


@pytest.fixture
def device() -> Iterator[SimulatedReader]:
    with SimulatedReader() as device:
        yield device


@pytest.fixture
def states() -> list[ReaderState]:
    return []


@pytest.fixture
def reader(device: SimulatedReader, states: list[ReaderState]) -> Iterator[CardReader]:
    with CardReader(DeviceUri.parse(device.uri), on_state=states.append, timing=QUICK) as reader:
        yield reader


def conditions(states: list[ReaderState]) -> list[Condition]:
    return [state.condition for state in states]


def next_card(reader: CardReader, timeout_s: float = LONG_S):
    return reader.wait_for_card(threading.Event(), timeout_s)


def later(action, after_s: float = 0.1) -> threading.Timer:
    timer = threading.Timer(after_s, action)
    timer.start()
    return timer


def reads_of(device: SimulatedReader) -> int:
    return sum(code in (Command.READ_TEXT_PHOTO, Command.READ_TEXT_PHOTO_FINGERPRINT) for code in device.commands)


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


# The line


@pytest.mark.parametrize(
    "fault",
    [drop(), truncate(700), truncate(3), corrupt(0), corrupt(100), corrupt(-1), corrupt(6)],
    ids=["drop", "half", "three bytes", "first byte", "in the text", "check byte", "length"],
)
def test_a_damaged_read_is_asked_for_again(device, reader, fault):
    device.lay(card())
    device.faults.extend([lambda answer: [(0.0, answer)]] * 2 + [fault])
    read = next_card(reader)
    assert read is not None
    assert read.document == demo_document()


def test_a_damaged_read_from_a_reader_that_wants_to_select_again(device, reader):
    device.busy_after_read, device.reselect_after_read = False, True
    device.lay(card())
    device.faults.extend([lambda answer: [(0.0, answer)]] * 2 + [truncate(700)])
    assert next_card(reader) is not None


@pytest.mark.parametrize("fault", [drop(), truncate(700), corrupt(100)], ids=["drop", "half", "corrupt"])
def test_reads_that_stay_damaged_fail_the_attempt(device, reader, states, fault):
    device.lay(card())
    device.faults.extend([lambda answer: [(0.0, answer)]] * 2 + [fault] * QUICK.read_tries)
    with pytest.raises(ReadIncomplete):
        next_card(reader)
    assert conditions(states) == [Condition.READY]
    device.lift()
    assert next_card(reader, SHORT_S) is None
    device.lay(card())
    assert next_card(reader) is not None


@pytest.mark.parametrize("size", [1, 7, 64])
def test_answers_in_pieces(device, reader, size):
    device.lay(card())
    device.faults.extend([split(size, 0.0001)] * 3)
    assert next_card(reader) is not None


@pytest.mark.parametrize(
    "noise",
    [b"\x00\xff" * 50, b"\xaa\xaa\xaa\x96\x69\xff\xff", b"\xaa\xaa", b"\xaa\xaa\xaa\x96\x69\x00\x04\x00\x00\x90\x00"],
)
def test_garbage_on_the_line(device, reader, noise):
    device.lay(card())
    device.faults.extend([garbage(noise)] * 3)
    read = next_card(reader)
    assert read is not None
    assert read.document == demo_document()


def test_a_late_answer_is_not_taken_for_the_next_one(device, reader):
    device.faults.append(delay(QUICK.answer_s + 0.05))
    assert reader.self_test() == SAM_ID


@pytest.mark.parametrize("code", [0x10, 0x11])
def test_the_reader_hearing_noise_is_asked_again(device, reader, code):
    device.answers_once[Command.SAM_ID] = code
    assert reader.self_test() == SAM_ID
    device.answers[Command.SAM_ID] = code
    with pytest.raises(LineFault):
        reader.self_test()


@pytest.mark.parametrize(
    ("fault", "kind"), [(drop(), DeviceTimeout), (corrupt(-1), DeviceProtocolError)], ids=["silent", "damaged"]
)
def test_self_test_on_a_bad_line(device, reader, fault, kind):
    device.faults.extend([fault] * QUICK.tries)
    with pytest.raises(kind):
        reader.self_test()


def test_a_success_of_the_wrong_shape_is_a_protocol_error(device, reader):
    wrong = Reply(Status.OK, b"x").to_bytes()
    device.faults.extend([lambda _: [(0.0, wrong)]] * QUICK.tries)
    with pytest.raises(DeviceProtocolError):
        reader.self_test()


# The reader's own failures


@pytest.mark.parametrize("code", [0x60, 0x61, 0x66], ids=["60", "61", "66"])
def test_reader_faults_are_reported_and_recovered_from(device, reader, states, code):
    device.answers[Command.SAM_STATUS] = device.answers[Command.FIND_CARD] = code
    device.lay(card())
    timer = later(device.answers.clear, 0.3)
    assert next_card(reader) is not None
    timer.join()
    assert conditions(states) == [Condition.FAULT, Condition.READY]
    assert type(states[0].error) is ERRORS[code]
    assert isinstance(states[0].error, ReaderFault)


def test_a_reader_that_fails_in_the_middle_of_a_card_reads_it_after_recovery(device, reader, states):
    device.lay(card())
    device.answers_once[Command.READ_TEXT_PHOTO] = Status.LOGIN_FAILED
    assert next_card(reader) is not None
    assert conditions(states) == [Condition.FAULT, Condition.READY]


def test_self_test_of_a_faulty_reader(device, reader):
    device.answers[Command.SAM_STATUS] = Status.SAM_SELF_TEST_FAILED
    with pytest.raises(SamSelfTestFailed):
        reader.self_test()


@pytest.mark.parametrize(("code", "kind"), [(0x21, BadCommand), (0x23, NotPermitted), (0x41, UnexpectedStatus)])
def test_refused_commands(device, reader, code, kind):
    device.answers[Command.RESET_SAM] = code
    with pytest.raises(kind):
        reader.reset()


def test_a_silent_reader_is_a_fault_until_it_speaks(device, reader, states):
    device.faults.extend([drop()] * QUICK.tries)
    device.lay(card())
    assert next_card(reader) is not None
    assert conditions(states) == [Condition.FAULT, Condition.READY]
    assert isinstance(states[0].error, DeviceTimeout)


# Unplugging


def test_unplugged_and_plugged_again(device, reader, states):
    assert next_card(reader, 0.05) is None
    device.unplug()
    assert next_card(reader, SHORT_S) is None
    assert conditions(states) == [Condition.READY, Condition.MISSING]
    assert isinstance(states[-1].error, (DeviceGone, DeviceMissing))
    device.plug()
    device.lay(card())
    assert next_card(reader) is not None
    assert conditions(states)[-1] is Condition.READY


def test_unplugged_in_the_middle_of_a_read(device, reader, states):
    device.crypto_s = 0.3
    device.lay(card())
    timer = later(device.unplug, 0.15)
    assert next_card(reader, 1.0) is None
    timer.join()
    device.crypto_s = 0.0
    device.plug()
    assert next_card(reader) is not None
    assert conditions(states)[-2:] == [Condition.MISSING, Condition.READY]


def test_a_reader_that_is_plugged_in_later(device, states):
    device.unplug()
    device.lay(card())
    reader = CardReader(DeviceUri.parse(device.uri), on_state=states.append, timing=QUICK)
    timer = later(device.plug)
    assert next_card(reader) is not None
    timer.join()
    reader.close()
    reader.close()
    assert conditions(states) == [Condition.MISSING, Condition.READY]


def test_commands_after_unplugging_open_the_line_anew(device, reader):
    device.unplug()
    with pytest.raises((DeviceGone, DeviceMissing)):
        reader.self_test()
    with pytest.raises(DeviceMissing):
        reader.self_test()
    device.plug()
    assert reader.self_test() == SAM_ID


def test_opening_a_missing_reader(device):
    device.unplug()
    with pytest.raises(DeviceMissing), CardReader(DeviceUri.parse(device.uri), timing=QUICK):
        pass


@pytest.mark.usefixtures("reader")
def test_opening_a_reader_twice(device):
    with pytest.raises(DeviceBusy), CardReader(DeviceUri.parse(device.uri), timing=QUICK):
        pass


def test_works_without_anybody_listening_for_states(device):
    with CardReader(DeviceUri.parse(device.uri), timing=QUICK) as reader:
        device.unplug()
        assert next_card(reader, 0.1) is None


# Rates and addresses


@pytest.mark.parametrize("rate", [57600, 38400, 19200, 9600])
def test_set_baud_outlives_unplugging(device, reader, rate):
    reader.set_baud(rate)
    assert device.baud == rate
    assert reader.self_test() == SAM_ID
    device.unplug()
    device.plug()
    device.lay(card())
    assert next_card(reader) is not None
    reader.set_baud(115200)
    assert reader.self_test() == SAM_ID


def test_a_wrong_rate_is_silence_and_the_uri_names_the_right_one(device):
    device.baud = 9600
    with CardReader(DeviceUri.parse(device.uri), timing=QUICK) as reader, pytest.raises(DeviceTimeout):
        reader.self_test()
    with CardReader(DeviceUri.parse(f"{device.uri}?baud=9600"), timing=QUICK) as reader:
        assert reader.self_test() == SAM_ID


def test_a_rate_that_no_reader_has(reader):
    with pytest.raises(ValueError, match="4800"):
        reader.set_baud(4800)


@pytest.mark.parametrize("text", ["none:", "serial:///dev/x?baud=4800", "serial:///dev/x?baud=fast"])
def test_uris_that_are_no_card_reader(text):
    with pytest.raises(BadDeviceUri):
        CardReader(DeviceUri.parse(text))


def test_timing_without_a_try_is_our_mistake(device):
    with (
        CardReader(DeviceUri.parse(device.uri), timing=replace(QUICK, tries=0)) as reader,
        pytest.raises(ValueError, match="at least one"),
    ):
        reader.self_test()
