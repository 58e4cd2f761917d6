"""What comes over wires: card reader, fingerprint module, co-processor, camera, thermal sensor; and pictures."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

import numpy as np
from hypothesis import strategies as st

from hw.camera import codec as camera
from hw.camera.sources import Setting
from hw.card_reader import codec as card
from hw.card_reader.document import IdentityDocument, UnreadableBlock
from hw.card_reader.finger_record import parse_fingers
from hw.card_reader.id_number import has_right_check, read_date
from hw.card_reader.photo import PhotoError, SimulatedDecoder, photo_decoder
from hw.card_reader.replies import BadReply, CardData, SamId, check_shape, parse_addresses
from hw.card_reader.simulated_photo import encode_simulated
from hw.coprocessor import codec as coprocessor
from hw.coprocessor.messages import MESSAGES
from hw.errors import BadDeviceUri
from hw.fingerprint import codec as fingerprint
from hw.thermal import codec as thermal
from hw.uri import DeviceUri
from tests import vectors
from tests.fuzz.mutations import mutated
from tests.fuzz.target import Target

_CAMERA_EVENTS = (camera.Loaded(), camera.Ready(), camera.Held(tuple(Setting)), camera.Released())
_PARAMETERS = fingerprint.Parameters(0, 9, 200, 3, 0xFFFFFFFF, 2, 57600).to_bytes()


def _hex_of(value: Any) -> Iterator[bytes]:
    """Every string of a vector file that is hexadecimal."""
    if isinstance(value, str) and len(value) >= 4 and len(value) % 2 == 0:
        try:
            yield bytes.fromhex(value)
        except ValueError:
            return
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _hex_of(item)


def _vectors(name: str) -> list[bytes]:
    return list(_hex_of(json.loads(resources.files(vectors).joinpath(name).read_text("utf-8"))))


def _stream(make: Callable[[], Any], limit: int, end: object) -> Callable[[bytes], None]:
    """Feeds a sans-IO decoder in pieces; it must come to an end and hold no more than ``limit`` bytes."""

    def run(data: bytes) -> None:
        decoder = make()
        step = 1 + len(data) % 700
        for first in range(0, len(data), step):
            decoder.receive_data(data[first : first + step])
            for _ in range(len(data) + 10):
                if decoder.next_event() is end:
                    break
            else:
                raise AssertionError("events without end")
            assert len(decoder._buffer) <= limit, "the buffer grows"

    return run


def _document(block: bytes) -> None:
    document = IdentityDocument.from_bytes(block)
    document.findings(dt.date(2026, 11, 21))
    assert isinstance(document.display_name, str)
    assert len(document.to_bytes()) == card.TEXT_SIZE
    _ = document.sex, document.nation, document.birth, document.valid_from, document.valid_to, document.former_number


def _replies(data: bytes) -> None:
    for command in card.Command:
        with contextlib.suppress(BadReply):
            check_shape(command, data)


def _message(data: bytes) -> None:
    for kind in MESSAGES.values():
        with contextlib.suppress(ValueError):
            whole = (data + bytes(kind.size()))[: kind.size()]
            assert kind.from_bytes(whole).to_bytes() == whole
            kind.from_bytes(data)


def _camera_lines(data: bytes) -> None:
    reader = camera.StatusReader()
    for first in range(0, len(data), 977):
        reader.receive_data(data[first : first + 977])
        while reader.next_event() is not None:
            pass


def _thermal(data: bytes) -> None:
    assert thermal.decode_pixels(data).shape == (8, 8)


def _texts(text: str) -> None:
    has_right_check(text)
    read_date(text)


def targets() -> list[Target]:
    """All of them."""
    frames = _vectors("card_reader.json")
    blocks = [one for one in frames if len(one) == card.TEXT_SIZE] or [bytes(card.TEXT_SIZE)]
    photo = encode_simulated(np.full((126, 102, 3), 127, np.uint8))
    prints, chips = _vectors("fingerprint.json"), _vectors("coprocessor.json")
    lines = [camera.encode(one) + b"\n" for one in _CAMERA_EVENTS]
    uris = ["serial:///dev/ttyUSB0?baud=115200", "sim:card?fault=1", "none:", "v4l2:///dev/video0", "replay:///a/b"]
    specs = ["simulated", "ctypes:/usr/lib/x.so?symbol=f&convention=wlt&code=1", "ctypes:"]
    card_limit, chip_limit = card.MAX_BUFFER, coprocessor.MAX_BUFFER
    return [
        Target("hw: card reader, replies", mutated(frames), _stream(card.ReplyDecoder, card_limit, card.NEED_DATA)),
        Target("hw: card reader, requests", mutated(frames), _stream(card.RequestDecoder, card_limit, card.NEED_DATA)),
        Target("hw: card, text block", mutated(blocks), _document, (UnreadableBlock,)),
        Target("hw: card, reply contents", mutated(frames), _replies, (BadReply,)),
        Target("hw: card, SAM id", mutated([bytes(16)]), SamId.from_bytes, (BadReply,)),
        Target(
            "hw: card, data",
            mutated(frames),
            lambda data: CardData.from_bytes(data, with_fingerprint=True),
            (BadReply,),
        ),
        Target("hw: card, addresses", mutated([bytes(70), bytes(140)]), parse_addresses, (BadReply,)),
        Target("hw: card, fingers", mutated([b"C" * 1024]), parse_fingers),
        Target("hw: card, numbers and dates", st.text(max_size=30), _texts),
        Target("hw: card, photo block", mutated([photo]), SimulatedDecoder().decode, (PhotoError,)),
        Target(
            "hw: photo decoder's name",
            mutated([one.encode() for one in specs]).map(_latin),
            photo_decoder,
            (PhotoError,),
        ),
        Target("hw: fingerprint, packets", mutated(prints), _stream(fingerprint.Parser, 4096, fingerprint.NEED_DATA)),
        Target("hw: fingerprint, parameters", mutated([_PARAMETERS]), fingerprint.Parameters.from_bytes, (ValueError,)),
        Target(
            "hw: co-processor, frames", mutated(chips), _stream(coprocessor.Parser, chip_limit, coprocessor.NEED_DATA)
        ),
        Target("hw: co-processor, messages", mutated(chips), _message, (ValueError,)),
        Target("hw: camera, status lines", mutated(lines), _camera_lines, (camera.StatusError,)),
        Target("hw: thermal, pixels", mutated([bytes(128)]), _thermal, (ValueError,)),
        Target("hw: thermal, thermistor", mutated([bytes(2)]), thermal.decode_thermistor, (ValueError,)),
        Target("hw: device URI", mutated([one.encode() for one in uris]).map(_latin), DeviceUri.parse, (BadDeviceUri,)),
    ]


def _latin(data: bytes) -> str:
    return data.decode("utf-8", "replace")
