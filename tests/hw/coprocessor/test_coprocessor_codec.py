"""The host's codec against the golden vectors, which the firmware's codec meets too (tests/firmware)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.coprocessor.codec import (
    MAX_BUFFER,
    MAX_FRAME,
    MAX_PAYLOAD,
    NEED_DATA,
    Damage,
    Damaged,
    Event,
    Frame,
    Parser,
    crc16,
    stuff,
    unstuff,
)
from hw.coprocessor.messages import MESSAGES
from hw.coprocessor.numbers import MessageType
from tests.support import ROOT
from tests.vectors import build_coprocessor

VECTORS = json.loads((ROOT / "tests/vectors/coprocessor.json").read_text(encoding="utf-8"))


def test_vectors_are_what_their_builder_writes() -> None:
    """`python -m tests.vectors.build_coprocessor` after a change of the messages."""
    assert build_coprocessor.FILE.read_text(encoding="utf-8") == build_coprocessor.text()


def drain(parser: Parser) -> list[Event]:
    events: list[Event] = []
    while (event := parser.next_event()) is not NEED_DATA:
        assert isinstance(event, Frame | Damaged)
        events.append(event)
    return events


def parsed(*pieces: bytes) -> list[Event]:
    parser = Parser()
    events = []
    for piece in pieces:
        parser.receive_data(piece)
        events += drain(parser)
    return events


def expected(vector: dict[str, Any]) -> Event:
    if "damage" in vector:
        return Damaged(Damage(vector["damage"]))
    return Frame(vector["type"], vector["session"], vector["sequence"], bytes.fromhex(vector["payload"]))


@pytest.mark.parametrize("vector", VECTORS["streams"], ids=lambda vector: vector["name"])
@pytest.mark.parametrize("size", [1, 2, 7, 10000])
def test_streams(vector: dict[str, Any], size: int) -> None:
    data = bytes.fromhex(vector["hex"])
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert parsed(*pieces) == [expected(event) for event in vector["events"]]


@pytest.mark.parametrize("vector", VECTORS["frames"], ids=lambda vector: vector["name"])
def test_frames_both_ways(vector: dict[str, Any]) -> None:
    frame = expected(vector)
    assert isinstance(frame, Frame)
    assert frame.to_bytes().hex() == vector["hex"]
    assert len(frame.to_bytes()) <= MAX_FRAME
    assert parsed(bytes.fromhex(vector["hex"])) == [frame]


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda vector: vector["name"])
def test_messages_both_ways(vector: dict[str, Any]) -> None:
    kind = MESSAGES[MessageType[vector["name"]]]
    assert vector["type"] == kind.TYPE
    values = [bytes.fromhex(value) if isinstance(value, str) else value for value in vector["fields"].values()]
    assert kind.names() == tuple(vector["fields"])
    message = kind(*values)
    assert message.to_bytes().hex() == vector["payload"]
    assert kind.from_bytes(bytes.fromhex(vector["payload"])) == message


def test_every_message_has_a_vector() -> None:
    assert {vector["name"] for vector in VECTORS["messages"]} == {kind.name for kind in MESSAGES}
    assert set(MESSAGES) == set(MessageType)


@pytest.mark.parametrize("vector", VECTORS["crc16"], ids=lambda vector: vector["data"])
def test_crc(vector: dict[str, Any]) -> None:
    assert crc16(bytes.fromhex(vector["data"])) == vector["crc"]


@pytest.mark.parametrize("name", list(MESSAGES))
def test_payload_of_another_length(name: MessageType) -> None:
    for size in {MESSAGES[name].size() - 1, MESSAGES[name].size() + 1} - {-1}:
        with pytest.raises(ValueError, match=name.name):
            MESSAGES[name].from_bytes(bytes(size))


def test_oversized_payload() -> None:
    with pytest.raises(ValueError, match="56"):
        Frame(1, payload=bytes(MAX_PAYLOAD + 1)).to_bytes()


def test_flood_is_bounded_and_told() -> None:
    parser = Parser()
    parser.receive_data(b"\x55" * (MAX_BUFFER * 3))
    assert drain(parser) == [Damaged(Damage.FLOOD)]
    frame = Frame(0x10, 7, 1, b"\x01")
    parser.receive_data(frame.to_bytes())
    assert drain(parser) == [frame]


@given(st.binary(max_size=200))
def test_stuffing(data: bytes) -> None:
    assert 0 not in stuff(data)
    assert unstuff(stuff(data)) == data


@given(st.lists(st.binary(max_size=80), max_size=8), st.binary(max_size=MAX_PAYLOAD))
def test_any_bytes_then_a_frame(pieces: list[bytes], payload: bytes) -> None:
    """Whatever comes before, a frame between two delimiters is found."""
    frame = Frame(0x20, 9, 513, payload)
    assert parsed(*pieces, b"\0", frame.to_bytes())[-1] == frame


@given(st.integers(1, 62), st.integers(1, 255), st.binary(min_size=MAX_PAYLOAD, max_size=MAX_PAYLOAD))
def test_one_changed_byte_never_passes(at: int, change: int, payload: bytes) -> None:
    data = bytearray(Frame(0x20, 9, 513, payload).to_bytes())
    data[at] ^= change
    assert not [event for event in parsed(bytes(data)) if isinstance(event, Frame)]
