"""Drawn names: what passes can be set on a form, and what cannot is refused before anything is unpacked."""

from __future__ import annotations

import base64
import random
import struct
import zlib

import cv2
import numpy as np
import pytest

from daemon.demo.people import drawn_name
from daemon.kiosk import fields
from evidence.forms.drawing import LARGEST, NotADrawing, picture_of
from tests.evidence.forms.samples import signature

START = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width: int, height: int, *rest: int) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, *(rest or (8, 0, 0, 0, 0))))


def pixels(count: int, *, filtered: int = 0) -> bytes:
    return chunk(b"IDAT", zlib.compress(bytes([filtered]) + bytes(count - 1), 9))


END = chunk(b"IEND")
BOMB = zlib.compress(bytes(18_500 * 2_314), 9)
"""18 500 by 18 500 pixels of a bit each."""
REFUSED = {
    "nothing": b"",
    "garbage between start and end": START + b"garbage" + END[4:],
    "no pixels": START + header(4, 4) + END,
    "no end": START + header(4, 4) + pixels(20),
    "cut off": signature()[:-3],
    "wrong check sum": START + header(4, 4)[:-1] + b"\0" + pixels(20) + END,
    "something behind the end": START + header(4, 4) + pixels(20) + END + b"\0",
    "two headers": START + header(4, 4) * 2 + pixels(20) + END,
    "unknown critical chunk": START + header(4, 4) + chunk(b"ABCD") + pixels(20) + END,
    "short header": START + chunk(b"IHDR", b"\0\0\0\4") + pixels(20) + END,
    "no width": START + header(0, 4) + pixels(20) + END,
    "too wide": START + header(2001, 1) + pixels(2002) + END,
    "too high": START + header(1, 1001) + pixels(2002) + END,
    "bits": START + header(18_500, 18_500, 1, 0, 0, 0, 0) + chunk(b"IDAT", BOMB) + END,
    "palette": START + header(4, 4, 8, 3, 0, 0, 0) + pixels(20) + END,
    "interlaced": START + header(4, 4, 8, 0, 0, 0, 1) + pixels(20) + END,
    "too few pixels": START + header(4, 4) + pixels(19) + END,
    "more pixels than it says": START + header(4, 4) + chunk(b"IDAT", BOMB) + END,
    "unpackable": START + header(4, 4) + chunk(b"IDAT", b"no zlib") + END,
    "no such filter": START + header(4, 4) + pixels(20, filtered=5) + END,
    "too large": START + header(4, 4) + chunk(b"teXt", bytes(LARGEST)) + pixels(20) + END,
}


@pytest.mark.parametrize("png", [pytest.param(png, id=name) for name, png in REFUSED.items()])
def test_what_is_no_picture_of_a_name_is_refused(png: bytes) -> None:
    with pytest.raises(NotADrawing):
        picture_of(png)
    with pytest.raises(fields.TouchRefused):
        fields.drawing({"png": base64.b64encode(png).decode()})


def test_what_the_pad_draws_is_taken_as_it_is() -> None:
    for png in (signature(), base64.b64decode(drawn_name()), START + header(4, 4) + pixels(20) + END):
        assert fields.drawing({"png": base64.b64encode(png).decode()}) == png
        assert picture_of(png) == png


def test_only_the_picture_itself_is_set() -> None:
    plain = signature()
    beside = START + plain[8:33] + chunk(b"iCCP", b"x\0\0" + BOMB[:2000]) + plain[33:-12] + chunk(b"tEXt", b"a") + END
    assert picture_of(beside) == plain


def test_damaged_pictures_are_refused_or_still_whole() -> None:
    chance, png = random.Random(7), signature()
    for _ in range(150):
        damaged = bytearray(png)
        for _ in range(chance.randint(1, 3)):
            damaged[chance.randrange(len(png))] = chance.randrange(256)
        try:
            left = picture_of(bytes(damaged[: chance.choice((len(png), chance.randrange(len(png))))]))
        except NotADrawing:
            continue
        decoded = cv2.imdecode(np.frombuffer(left, np.uint8), cv2.IMREAD_UNCHANGED)
        assert decoded is not None
        assert decoded.shape == (240, 720, 4)
