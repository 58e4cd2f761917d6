"""The driver on a bad line, with a faulty reader, and with one that is unplugged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hw.card_reader.codec import Command, Reply, Status
from hw.card_reader.driver import CardReader, Condition
from hw.card_reader.errors import (
    ERRORS,
    BadCommand,
    LineFault,
    NotPermitted,
    ReaderFault,
    ReadIncomplete,
    SamSelfTestFailed,
    UnexpectedStatus,
)
from hw.card_reader.simulator import SAM_ID, demo_document
from hw.errors import BadDeviceUri, DeviceBusy, DeviceGone, DeviceMissing, DeviceProtocolError, DeviceTimeout
from hw.pty_device import corrupt, delay, drop, garbage, split, truncate
from hw.uri import DeviceUri
from tests.hw.card_reader.support import (
    QUICK,
    SHORT_S,
    card,
    conditions,
    later,
    next_card,
)

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
