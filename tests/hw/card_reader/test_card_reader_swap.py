"""Cards that follow one another faster than the driver looks."""

from __future__ import annotations

import threading

import pytest

from hw.card_reader.codec import Command, Status
from hw.card_reader.errors import ReadIncomplete
from tests.hw.card_reader.support import LONG_S, SHORT_S, card, next_card, reads_of

FIRST, SECOND = bytes(28), bytes(27) + b"\x01"


@pytest.mark.parametrize("keeps_finding", [True, False])
def test_another_card_laid_between_two_looks_is_read(device, reader, keeps_finding):
    device.busy_after_read = not keeps_finding
    device.lay(card(number=FIRST))
    assert next_card(reader) is not None
    device.lay(card(number=SECOND))
    assert next_card(reader) is not None


@pytest.mark.parametrize("keeps_finding", [True, False])
def test_the_exchange_counts_as_removal(device, reader, keeps_finding):
    device.busy_after_read = not keeps_finding
    device.lay(card(number=FIRST))
    assert next_card(reader) is not None
    device.lay(card(number=SECOND))
    assert reader.wait_for_removal(threading.Event(), LONG_S)
    assert next_card(reader) is not None


def test_the_same_card_is_still_read_once(device, reader):
    device.busy_after_read = False
    device.lay(card(number=FIRST))
    assert next_card(reader) is not None
    assert next_card(reader, SHORT_S) is None
    assert reads_of(device) == 1


def test_a_reader_without_card_numbers_still_reads_once(device, reader):
    device.busy_after_read = False
    device.answers[Command.READ_CARD_NUMBER] = Status.BAD_COMMAND
    device.lay(card(number=FIRST))
    assert next_card(reader) is not None
    device.lay(card(number=SECOND))
    assert next_card(reader, SHORT_S) is None


def test_an_answer_lost_on_the_line_needs_no_lifting(device, reader):
    device.lay(card())
    device.answers_once[Command.READ_TEXT_PHOTO] = Status.LENGTH_ERROR
    with pytest.raises(ReadIncomplete):
        next_card(reader)
    assert next_card(reader) is not None
