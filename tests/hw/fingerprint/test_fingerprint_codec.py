"""The EF01 codec against golden frames, cut every way, damaged, and fuzzed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.fingerprint import codec
from hw.fingerprint.codec import (
    BROADCAST,
    NEED_DATA,
    Acknowledge,
    Command,
    Confirmation,
    Damage,
    Damaged,
    Data,
    Event,
    Instruction,
    PacketId,
    Parameters,
    Parser,
    data_packets,
    describe_confirmation,
    describe_instruction,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "fingerprint.json").read_text())
FRAMES = [pytest.param(frame, id=frame["name"]) for frame in VECTORS["frames"]]
DAMAGED = [pytest.param(frame, id=frame["name"]) for frame in VECTORS["damaged"]]
PLAIN_ACK = Acknowledge(Confirmation.Ok)


def expected(frame: dict[str, Any]) -> Event:
    event, address = frame["event"], frame.get("address", BROADCAST)
    if event["type"] == "command":
        return Command.build(Instruction(event["instruction"]), *event["fields"], address=address)
    if event["type"] == "ack":
        return Acknowledge(event["code"], bytes.fromhex(event["extra"]), address)
    return Data(bytes.fromhex(event["content"]), event["last"], address)


def drawn(parser: Parser) -> list[Event]:
    events: list[Event] = []
    while (event := parser.next_event()) is not NEED_DATA:
        events.append(event)
    return events


def parse(data: bytes, step: int | None = None) -> list[Event]:
    parser, events = Parser(), []
    for at in range(0, len(data), step or len(data) or 1):
        parser.receive_data(data[at : at + (step or len(data))])
        events += drawn(parser)
    return events


@pytest.mark.parametrize("frame", FRAMES)
def test_written_frame_is_the_golden_one(frame: dict[str, Any]) -> None:
    event = expected(frame)
    assert not isinstance(event, Damaged)
    assert event.to_bytes() == bytes.fromhex(frame["hex"])


@pytest.mark.parametrize("step", [None, 1, 2, 3, 7])
@pytest.mark.parametrize("frame", FRAMES)
def test_frame_whole_and_in_pieces(frame: dict[str, Any], step: int | None) -> None:
    assert parse(bytes.fromhex(frame["hex"]), step) == [expected(frame)]


@pytest.mark.parametrize("noise", [b"\x55", b"\xef", b"\x01", b"\xef\xef", b"\x00\xef\x02\xff", bytes(500)])
@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize("frame", FRAMES)
def test_garbage_before_is_named_and_passed(frame: dict[str, Any], step: int | None, noise: bytes) -> None:
    events = parse(noise + bytes.fromhex(frame["hex"]), step)
    assert events == [Damaged(Damage.NOISE, len(noise)), expected(frame)]


@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize("trailing", [b"\xef", b"\xef\x01\xff", b"\x00\x00"])
@pytest.mark.parametrize("frame", FRAMES)
def test_trailing_bytes_wait(frame: dict[str, Any], step: int | None, trailing: bytes) -> None:
    parser = Parser()
    data = bytes.fromhex(frame["hex"]) + trailing
    events = []
    for at in range(0, len(data), step or len(data)):
        parser.receive_data(data[at : at + (step or len(data))])
        events += drawn(parser)
    assert events == [expected(frame)]
    assert parser.pending == len(trailing)


def test_frames_back_to_back() -> None:
    frames: list[dict[str, Any]] = VECTORS["frames"]
    stream = b"".join(bytes.fromhex(frame["hex"]) for frame in frames)
    for step in (None, 1, 5):
        assert parse(stream, step) == [expected(frame) for frame in frames]


@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize("frame", DAMAGED)
def test_damage_is_named_and_the_next_frame_found(frame: dict[str, Any], step: int | None) -> None:
    damaged = bytes.fromhex(frame["hex"])
    events = parse(damaged + PLAIN_ACK.to_bytes(), step)
    assert events == [Damaged(Damage[frame["damage"]], 2), Damaged(Damage.NOISE, len(damaged) - 2), PLAIN_ACK]


def test_frame_inside_a_damaged_length_is_found() -> None:
    cut = Data(bytes(100)).to_bytes()[:40]  # the rest was lost; a whole answer follows within the promised length
    stream = cut + PLAIN_ACK.to_bytes() + bytes(80)
    assert PLAIN_ACK in parse(stream)
    assert PLAIN_ACK in parse(stream, 1)


def test_start_bytes_inside_content_are_content() -> None:
    data = Data(b"\xef\x01\xff\xff\xff\xff\x07\x00\x03\x00\x00\x0a" * 3, last=True)
    assert parse(data.to_bytes(), 1) == [data]


def test_longest_content() -> None:
    data = Data(bytes(range(256)))
    assert parse(data.to_bytes()) == [data]
    with pytest.raises(ValueError, match="at most 256"):
        Data(bytes(257)).to_bytes()


def test_buffer_is_bounded_and_says_what_it_lost() -> None:
    parser = Parser()
    for _ in range(40):
        parser.receive_data(bytes(4096))
    assert parser.pending <= codec.MAX_BUFFER
    parser.receive_data(PLAIN_ACK.to_bytes())
    lost = 40 * 4096 + 12 - codec.MAX_BUFFER
    assert drawn(parser) == [Damaged(Damage.OVERFLOW, lost), Damaged(Damage.NOISE, codec.MAX_BUFFER - 12), PLAIN_ACK]


def test_a_drawn_parser_holds_less_than_one_packet() -> None:
    parser = Parser()
    parser.receive_data(b"\xef\x01\xff\xff\xff\xff\x02\x01\x02" + bytes(257))
    assert drawn(parser) == []
    assert parser.pending == 266


def test_reset_forgets() -> None:
    parser = Parser()
    parser.receive_data(b"noise" + PLAIN_ACK.to_bytes()[:7])
    assert drawn(parser) == [Damaged(Damage.NOISE, 5)]
    parser.reset()
    assert parser.pending == 0
    parser.receive_data(PLAIN_ACK.to_bytes())
    assert drawn(parser) == [PLAIN_ACK]


def test_parameters_of_a_real_module() -> None:
    vector = VECTORS["parameters"]
    raw = bytes.fromhex(vector["hex"])
    parameters = Parameters.from_bytes(raw)
    assert parameters.to_bytes() == raw
    assert not parameters.assumed
    for name in ("capacity", "security", "address", "packet_size", "baud"):
        assert getattr(parameters, name) == vector[name]


@pytest.mark.parametrize(("code", "size"), [(0, 32), (1, 64), (2, 128), (3, 256)])
def test_packet_sizes(code: int, size: int) -> None:
    assert Parameters(0, 0, 1, 3, BROADCAST, code, 57600).packet_size == size


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "00",
        "00" * 15,
        "00" * 17,
        "0000 0000 0050 0003 ffffffff 0004 000c",
        "0000 0000 0050 0003 ffffffff 0002 0000",
    ],
)
def test_impossible_parameters(raw: str) -> None:
    with pytest.raises(ValueError, match=r"parameters|packet code"):
        Parameters.from_bytes(bytes.fromhex(raw))


@pytest.mark.parametrize("instruction", Instruction)
def test_every_instruction_packs_and_unpacks(instruction: Instruction) -> None:
    layout = codec.ARGUMENTS.get(instruction)
    fields = tuple(range(1, 1 + len(layout.unpack(bytes(layout.size))))) if layout else ()
    command = Command.build(instruction, *fields)
    (event,) = parse(command.to_bytes())
    assert event == command
    assert command.fields() == fields
    with pytest.raises(ValueError, match=instruction.name):
        Command.build(instruction, *fields, 1)
    with pytest.raises(ValueError, match=instruction.name):
        Command(instruction, command.arguments + b"\x00").fields()


def test_fields_out_of_range() -> None:
    with pytest.raises(ValueError, match="Img2Tz"):
        Command.build(Instruction.Img2Tz, 256)


@pytest.mark.parametrize("confirmation", Confirmation)
def test_every_confirmation_round_trips(confirmation: Confirmation) -> None:
    assert parse(Acknowledge(confirmation).to_bytes()) == [Acknowledge(confirmation)]
    assert describe_confirmation(confirmation) == f"{confirmation.name} (0x{confirmation:02X})"


def test_undocumented_codes_survive() -> None:
    assert parse(Acknowledge(0x77).to_bytes()) == [Acknowledge(0x77)]
    assert parse(Command(0x77).to_bytes()) == [Command(0x77)]
    assert describe_confirmation(0x77) == "unknown code 0x77"
    assert describe_instruction(0x77) == "0x77"
    assert describe_instruction(Instruction.GenImg) == "GenImg (0x01)"


@pytest.mark.parametrize("length", [1, 31, 32, 33, 64, 512, 513, 768, 1536])
@pytest.mark.parametrize("size", [32, 64, 128, 256])
def test_data_packets_carry_the_content(length: int, size: int) -> None:
    content = bytes(index * 7 & 0xFF for index in range(length))
    events = parse(b"".join(data_packets(content, size)))
    pieces = [event for event in events if isinstance(event, Data)]
    assert b"".join(piece.content for piece in pieces) == content
    assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert all(len(piece.content) == size for piece in pieces[:-1])
    assert len(pieces) == len(events) == -(-length // size)


@pytest.mark.parametrize(("content", "size"), [(b"", 32), (b"x", 0), (b"x", 257)])
def test_data_packets_refuse(content: bytes, size: int) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        list(data_packets(content, size))


def test_secrets_stay_out_of_reprs() -> None:
    assert "arguments" not in repr(Command.build(Instruction.VfyPwd, 0x12345678))
    assert "content" not in repr(Data(b"minutiae"))


def test_identifiers_are_the_data_sheets() -> None:
    assert {item.name: item.value for item in PacketId} == {"Command": 1, "Data": 2, "Ack": 7, "EndOfData": 8}


EVENTS = st.one_of(
    st.builds(Command, st.integers(0, 255), st.binary(max_size=20), st.integers(0, BROADCAST)),
    st.builds(Acknowledge, st.integers(0, 255), st.binary(max_size=40), st.integers(0, BROADCAST)),
    st.builds(Data, st.binary(max_size=256), st.booleans(), st.integers(0, BROADCAST)),
)
PIECES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        EVENTS.map(lambda event: event.to_bytes()),
        EVENTS.flatmap(lambda event: st.integers(0, 30).map(lambda cut: event.to_bytes()[:-cut])),
        st.just(b"\xef"),
        st.just(b"\xef\x01"),
    ),
    max_size=8,
)


@given(st.lists(EVENTS, max_size=6), st.integers(1, 60))
def test_any_sequence_round_trips(events: list[Command | Acknowledge | Data], step: int) -> None:
    assert parse(b"".join(event.to_bytes() for event in events), step) == events


@given(PIECES, st.integers(1, 300))
def test_events_do_not_depend_on_the_cuts(pieces: list[bytes], step: int) -> None:
    stream = b"".join(pieces)
    assert parse(stream, step) == parse(stream) == parse(stream, 1)


@given(PIECES)
def test_no_byte_is_lost_or_invented(pieces: list[bytes]) -> None:
    parser = Parser()
    parser.receive_data(stream := b"".join(pieces))
    told = 0
    for event in drawn(parser):
        told += event.skipped if isinstance(event, Damaged) else len(event.to_bytes())
    assert told + parser.pending == len(stream)


@given(st.binary(max_size=300))
def test_a_frame_is_found_after_any_garbage_and_silence(noise: bytes) -> None:
    parser = Parser()
    parser.receive_data(noise)
    drawn(parser)
    # The garbage may promise up to 258 more bytes; once these have passed, the next frame stands out again.
    parser.receive_data(bytes(258) + PLAIN_ACK.to_bytes())
    assert drawn(parser)[-1] == PLAIN_ACK
