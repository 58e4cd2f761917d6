"""The capture process's words: whole, byte by byte, and nonsense."""

from __future__ import annotations

import pytest

from hw.camera.codec import (
    KINDS,
    MAX_LINE,
    Event,
    Failed,
    Held,
    Loaded,
    Ready,
    Released,
    StatusError,
    StatusReader,
    decode,
    encode,
)
from hw.camera.errors import CameraDark, UnreadablePicture
from hw.camera.sources import Setting
from hw.errors import DeviceBusy

EVENTS: list[Event] = [
    Loaded(),
    Ready(),
    Ready("HD 忙"),
    Held(()),
    Held(tuple(Setting)),
    Released(),
    *(Failed(error, f"about {kind}: 忙") for kind, error in KINDS.items()),
]


def collect(data: bytes, size: int) -> list[Event]:
    reader, events = StatusReader(), []
    for at in range(0, len(data), size):
        reader.receive_data(data[at : at + size])
        while (event := reader.next_event()) is not None:
            events.append(event)
    return events


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_events_survive_the_pipe_however_it_splits(size: int) -> None:
    assert collect(b"".join(map(encode, EVENTS)), size) == EVENTS


def test_half_a_line_is_no_event() -> None:
    assert collect(encode(Ready())[:-1], 5) == []


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"7",
        b'{"event": "waiting"}',
        b'{"event": "ready"}',
        b'{"event": "ready", "identity": 7}',
        b'{"event": "held"}',
        b'{"event": "held", "settings": "gain"}',
        b'{"event": "held", "settings": ["gain", "focus"]}',
        b'{"event": "held", "settings": [["gain"], 7]}',
        b'{"event": "error", "kind": "nobody knows", "message": ""}',
        b'{"event": "error", "kind": "busy"}',
        b'{"event": "error", "kind": "busy", "message": 7}',
        b"[" * 100_000,
    ],
)
def test_nonsense_is_named(line: bytes) -> None:
    with pytest.raises(StatusError):
        decode(line)


def test_a_line_without_end_is_refused_and_forgotten() -> None:
    reader = StatusReader()
    reader.receive_data(b"x" * (MAX_LINE + 1))
    with pytest.raises(StatusError, match="without end"):
        reader.next_event()
    reader.receive_data(encode(Ready()))
    assert reader.next_event() == Ready()


@pytest.mark.parametrize("message", ["x" * 100_000, "忙" * 100_000, "\U0001f4f7" * 100_000])
def test_long_messages_still_fit_one_atomic_write(message: str) -> None:
    line = encode(Failed(DeviceBusy, message))
    assert len(line) <= MAX_LINE
    assert decode(line.strip()) == Failed(DeviceBusy, message[:83] + "...")


@pytest.mark.parametrize("error", [CameraDark, UnreadablePicture, DeviceBusy])
def test_the_device_is_not_named_twice(error: type[DeviceBusy]) -> None:
    told = Failed.from_error(error("sim:camera", "why"))
    assert told == Failed(error, "why")
    assert str(told.error("sim:camera", told.message)) == "sim:camera: why"
