"""The frames: every golden vector whole, byte by byte, after noise and before more."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.card_reader.codec import (
    MAX_BUFFER,
    MAX_LENGTH,
    NEED_DATA,
    PREAMBLE,
    BadFrame,
    Command,
    Damage,
    NeedData,
    Reply,
    ReplyDecoder,
    Request,
    RequestDecoder,
    Status,
    frame,
    success_of,
)
from tests.hw.card_reader.support import VECTORS

REQUESTS = [
    (bytes.fromhex(v["frame"]), Request(Command[v["command"]], bytes.fromhex(v["data"]))) for v in VECTORS["requests"]
]
REPLIES = [
    (bytes.fromhex(v["frame"]), Reply(v2[2], bytes.fromhex(v["data"]), v2[0], v2[1]))
    for v in VECTORS["replies"]
    for v2 in [bytes.fromhex(v["sw"])]
]
CASES = [(RequestDecoder, *case) for case in REQUESTS] + [(ReplyDecoder, *case) for case in REPLIES]
IDS = [f"request {v['command']} {v['data']}" for v in VECTORS["requests"]]
IDS += [f"reply {v['name']}" for v in VECTORS["replies"]]
table = pytest.mark.parametrize(("decoder_type", "raw", "event"), CASES, ids=IDS)

NOISE = [
    b"\x00" * 40,
    b"\xff\x00\xaa\xaa",
    PREAMBLE[:3],
    b"\xaa",
    b"\xaa" * 9,
    PREAMBLE + b"\xff\xff",
    PREAMBLE + b"\x00\x00",
    PREAMBLE + b"\x00\x04\x00\x00\x90\x00",
    random.Random(7).randbytes(3000),
    random.Random(8).randbytes(3 * MAX_BUFFER),
]


def events_of(decoder, data):
    decoder.receive_data(data)
    found = []
    while not isinstance(event := decoder.next_event(), NeedData):
        found.append(event)
    return found


@pytest.mark.parametrize(("raw", "event"), REQUESTS + REPLIES, ids=IDS)
def test_writing_gives_the_golden_frame(raw, event):
    assert event.to_bytes() == raw


@table
def test_whole_frame(decoder_type, raw, event):
    decoder = decoder_type()
    assert events_of(decoder, raw) == [event]
    assert decoder.next_event() is NEED_DATA


@table
def test_byte_by_byte(decoder_type, raw, event):
    decoder = decoder_type()
    for byte in raw[:-1]:
        assert events_of(decoder, bytes((byte,))) == []
    assert events_of(decoder, raw[-1:]) == [event]


@table
@pytest.mark.parametrize("noise", NOISE, ids=range(len(NOISE)))
def test_garbage_before(decoder_type, raw, event, noise):
    found = events_of(decoder_type(), noise + raw)
    assert found[-1] == event
    assert all(isinstance(other, BadFrame) for other in found[:-1])


@table
@pytest.mark.parametrize("noise", NOISE[:6], ids=range(6))
def test_trailing_bytes_do_not_disturb_this_frame(decoder_type, raw, event, noise):
    assert events_of(decoder_type(), raw + noise)[0] == event


@table
def test_two_frames_in_one_piece(decoder_type, raw, event):
    assert events_of(decoder_type(), raw + raw) == [event, event]


@table
def test_first_byte_lost(decoder_type, raw, event):
    assert events_of(decoder_type(), raw[1:]) == [event]


@pytest.mark.parametrize("vector", VECTORS["damaged_replies"], ids=lambda v: v["name"])
def test_damage_is_named_and_the_next_frame_is_read(vector):
    raw, good = REPLIES[0]
    found = events_of(ReplyDecoder(), bytes.fromhex(vector["frame"]) + raw)
    assert found == [BadFrame(Damage[vector["damage"]]), good]


def test_frame_hidden_in_a_damaged_one_is_found():
    raw, good = REPLIES[0]
    outer = bytearray(frame(b"\x00\x00\x90" + raw))
    outer[-1] ^= 0xFF
    assert events_of(ReplyDecoder(), bytes(outer)) == [BadFrame(Damage.CHECKSUM), good]


CUT_OFF = [
    PREAMBLE,
    PREAMBLE + b"\x00",
    PREAMBLE + b"\x00\x04",
    PREAMBLE + b"\x00\x04\x00\x00",
    PREAMBLE[1:],
    PREAMBLE * 3,
]


@table
@pytest.mark.parametrize("beginning", CUT_OFF, ids=lambda beginning: beginning.hex())
def test_frame_right_behind_one_that_was_cut_off_is_found(decoder_type, raw, event, beginning):
    found = events_of(decoder_type(), beginning + raw + bytes(MAX_LENGTH))
    assert [one for one in found if not isinstance(one, BadFrame)] == [event]


def test_preamble_inside_the_data_is_data():
    event = Reply(Status.OK, PREAMBLE + b"\x00\x04" + PREAMBLE)
    assert events_of(ReplyDecoder(), event.to_bytes()) == [event]


def test_buffer_is_bounded_and_keeps_the_newest():
    decoder = ReplyDecoder()
    for _ in range(50):
        decoder.receive_data(b"\xaa" * 4096)
    assert len(decoder._buffer) <= MAX_BUFFER
    raw, event = REPLIES[0]
    assert events_of(decoder, raw) == [event]


def test_longest_frame_passes():
    event = Reply(Status.OK, bytes(MAX_LENGTH - 4))
    assert events_of(ReplyDecoder(), event.to_bytes()) == [event]


def test_repr_shows_no_data():
    assert "41" not in repr(Reply(0x90, b"\x41" * 8))


def test_success_is_9f_for_find_and_90_for_all_others():
    assert {c for c in Command if success_of(c) == Status.FIND_OK} == {Command.FIND_CARD}
    assert {success_of(c) for c in Command if c is not Command.FIND_CARD} == {Status.OK}


def test_status_codes_are_those_of_the_table():
    table_of_the_sheet = "90 91 9F 10 11 21 23 24 31 32 33 34 37 3F 40 41 47 50 60 61 66 80 81"
    assert {f"{int(s):02X}" for s in Status} == set(table_of_the_sheet.split())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=300) | st.sampled_from([raw for raw, _ in REPLIES]), max_size=8))
def test_any_bytes_give_events_and_no_error(pieces):
    decoder = ReplyDecoder()
    for piece in pieces:
        for event in events_of(decoder, piece):
            assert isinstance(event, (Reply, BadFrame))
        assert len(decoder._buffer) <= MAX_BUFFER


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 255), st.binary(max_size=600), st.integers(0, 255), st.integers(0, 255), st.data())
def test_what_is_written_is_read_however_it_is_cut(sw3, data, sw1, sw2, draw):
    event = Reply(sw3, data, sw1, sw2)
    raw = event.to_bytes()
    cut = draw.draw(st.integers(0, len(raw)))
    decoder = ReplyDecoder()
    assert events_of(decoder, raw[:cut]) + events_of(decoder, raw[cut:]) == [event]


@settings(max_examples=100, deadline=None)
@given(st.integers(5, 1294), st.integers(1, 255))
def test_no_single_damaged_byte_passes_unnoticed(index, mask):
    raw, event = next((raw, event) for raw, event in REPLIES if len(raw) == 1295)
    damaged = bytearray(raw)
    damaged[index] ^= mask
    assert event not in events_of(ReplyDecoder(), bytes(damaged))
