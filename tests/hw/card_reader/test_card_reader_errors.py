"""Every status code is an error of its own, grouped by what the caller can do."""

from __future__ import annotations

import pytest

from hw.card_reader.codec import Command, Reply, Status
from hw.card_reader.errors import (
    ERRORS,
    CardError,
    CardNotAuthentic,
    CardReaderError,
    CardRemoved,
    CommandRejected,
    LineFault,
    NoSuchItem,
    ReaderFault,
    UnexpectedStatus,
    error_for,
)

GROUPS = {
    LineFault: [0x10, 0x11],
    CommandRejected: [0x21, 0x23, 0x24, 0x3F],
    CardNotAuthentic: [0x31, 0x32, 0x33],
    CardRemoved: [0x34, 0x41, 0x47, 0x50, 0x80, 0x81],
    ReaderFault: [0x60, 0x61, 0x66],
    CardError: [0x37, 0x40],
    NoSuchItem: [0x91],
}
FAILURES = set(Status) - {Status.OK, Status.FIND_OK}


def test_every_failure_code_has_its_own_class():
    assert set(ERRORS) == {int(status) for status in FAILURES}
    assert len(set(ERRORS.values())) == len(FAILURES)
    assert {code for codes in GROUPS.values() for code in codes} == set(ERRORS)


@pytest.mark.parametrize(("group", "code"), [(g, c) for g, codes in GROUPS.items() for c in codes])
def test_groups(group, code):
    error = error_for("serial:/dev/x", Command.READ_TEXT_PHOTO, Reply(code, sw1=0x6A, sw2=0x82))
    assert isinstance(error, group)
    assert type(error) is ERRORS[code]
    assert error.status == code
    assert error.sw == (0x6A, 0x82, code)
    assert error.device == "serial:/dev/x"
    assert error.command is Command.READ_TEXT_PHOTO


@pytest.mark.parametrize("kind", [*ERRORS.values(), UnexpectedStatus], ids=lambda k: k.__name__)
def test_every_error_says_what_where_and_what_to_do(kind):
    error = kind("serial:/dev/x", "text", command=Command.FIND_CARD, sw=(0, 0, 0x99))
    assert str(error) == "serial:/dev/x: FIND_CARD: text (SW 00 00 99)"
    assert kind.advice != CardReaderError.advice
    assert kind.__doc__ is not None


@pytest.mark.parametrize("code", [0x00, 0x42, 0x90, 0x9F, 0xFF])
def test_codes_outside_the_table(code):
    assert type(error_for("d", Command.SAM_ID, Reply(code))) is UnexpectedStatus


@pytest.mark.parametrize("code", [0x31, 0x40, 0x41, 0x80])
def test_a_card_s_code_makes_no_sense_where_no_card_was_asked(code):
    assert type(error_for("d", Command.SAM_STATUS, Reply(code))) is UnexpectedStatus


def test_no_data_in_the_message():
    error = error_for("d", Command.READ_TEXT_PHOTO, Reply(0x41, "示例".encode("utf-16-le")))
    assert "示" not in str(error) + repr(error)
