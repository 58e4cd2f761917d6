"""The data of successful replies, and the fingerprint record's header."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.card_reader.codec import Command
from hw.card_reader.finger_record import FingerRecord, Registration, parse_fingers
from hw.card_reader.replies import BadReply, CardData, SamId, check_shape, parse_addresses
from tests.hw.card_reader.support import FINGER, VECTORS

GOOD = [v for v in VECTORS["replies"] if v["sw"][-2:] in ("90", "9F")]


@pytest.mark.parametrize("vector", GOOD, ids=lambda v: v["name"])
def test_golden_replies_have_their_command_s_shape(vector):
    check_shape(Command[vector["command"]], bytes.fromhex(vector["data"]))


@pytest.mark.parametrize("vector", GOOD, ids=lambda v: v["name"])
def test_one_byte_more_is_another_shape(vector):
    with pytest.raises(BadReply):
        check_shape(Command[vector["command"]], bytes.fromhex(vector["data"]) + b"\0")


@pytest.mark.parametrize("command", list(Command), ids=lambda c: c.name)
def test_an_answer_to_another_command_is_found_out(command):
    with pytest.raises(BadReply):
        check_shape(command, b"\x01")


@pytest.mark.parametrize("vector", VECTORS["sam_ids"], ids=lambda v: v["text"])
def test_sam_id(vector):
    data = bytes.fromhex(vector["data"])
    assert str(SamId.from_bytes(data)) == vector["text"]
    assert SamId.from_bytes(data).to_bytes() == data


@pytest.mark.parametrize(
    ("name", "fingerprint_size"), [("text and photo", None), ("two prints", 1024), ("one print", 512), ("no print", 0)]
)
def test_card_data(name, fingerprint_size):
    vector = next(v for v in VECTORS["replies"] if v["name"] == name)
    raw = bytes.fromhex(vector["data"])
    data = CardData.from_bytes(raw, with_fingerprint=fingerprint_size is not None)
    assert (len(data.text), len(data.photo)) == (256, 1024)
    assert (None if data.fingerprint is None else len(data.fingerprint)) == fingerprint_size
    assert data.to_bytes() == raw


@pytest.mark.parametrize("head", ["", "01", "01000401", "00FF0401", "0000", "FFFFFFFF"])
def test_card_data_with_lengths_that_lie(head):
    with pytest.raises(BadReply) as caught:
        CardData.from_bytes(bytes.fromhex(head).ljust(1284, b"A"), with_fingerprint=False)
    assert "A" * 4 not in str(caught.value)


def test_fingerprint_of_an_odd_size():
    with pytest.raises(BadReply):
        CardData.from_bytes(bytes.fromhex("010004000100") + bytes(256 + 1024 + 256), with_fingerprint=True)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("newest address", ("示例省示例市新示例路1号",)),
        ("four address fields", ("示例省示例市新示例路1号", "示例省示例市新示例路2号")),
    ],
)
def test_addresses(name, texts):
    vector = next(v for v in VECTORS["replies"] if v["name"] == name)
    assert parse_addresses(bytes.fromhex(vector["data"])) == texts


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=1400), st.sampled_from(list(Command)))
def test_any_data_is_accepted_or_refused_by_name(data, command):
    messages = []
    try:
        check_shape(command, data)
    except BadReply as error:
        messages.append(str(error))
    assert all("unexpected shape" in message for message in messages)


@pytest.mark.parametrize("vector", VECTORS["fingerprint_headers"], ids=lambda v: v["finger"])
def test_fingerprint_headers(vector):
    slot = bytes.fromhex(vector["header"]).ljust(512, b"\0")
    (record,) = parse_fingers(slot)
    assert (record.finger_name, record.quality) == (vector["finger"], vector["quality"])
    assert record.is_usable


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (11, "right thumb"),
        (15, "right little"),
        (16, "left thumb"),
        (20, "left little"),
        (97, "right unknown"),
        (98, "left unknown"),
        (99, "other"),
        (0, "other"),
    ],
)
def test_finger_names(code, name):
    assert FingerRecord(Registration.REGISTERED, code, 0).finger_name == name


@pytest.mark.parametrize("registration", [Registration.FAILED, Registration.NOT_REGISTERED, 0x55])
def test_unregistered_prints_are_not_usable(registration):
    assert not FingerRecord(registration, 11, 50).is_usable


def test_slots_without_a_print():
    assert parse_fingers(b"") == ()
    assert parse_fingers(bytes(1024)) == ()
    assert len(parse_fingers(bytes(512) + FINGER)) == 1
    assert parse_fingers(FINGER[:100]) == ()
