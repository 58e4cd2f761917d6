"""What is looked for: pieces of a person's data as they lie in memory or in a file, each with the name of the item."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np

from daemon.demo.people import Person, Studio, document_of
from hw.card_reader.photo import SimulatedDecoder
from models.face import FaceModels, nearest_face
from tests.daemon.support import now

Marks = dict[str, list[bytes]]
PIECE: Final = 32
"""Bytes of a picture that are looked for: by chance they are nowhere."""
_SHORTEST: Final = 6
"""Bytes; fewer are found by chance in the megabytes of a browser's profile."""
_FEW: Final = 2
_FLAT: Final = 6.0
"""Standard deviation below which a piece of a picture could be anything."""

TEXTS: Final = ("name", "number", "address", "passport name", "passport number", "telephone")
"""Items that are words or digits."""

PICTURES: Final = {
    "JPEG": rb"\xff\xd8\xff[\xdb\xe0\xe1\xee]",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WebP": rb"RIFF.{4}WEBP",
    "chip photo": rb"WLf\x00~\x00",
    "JPEG in base64": rb"/9j/[A-Za-z0-9+/]{8}",
    "PNG in base64": rb"iVBORw0KGgo",
    "WebP in base64": rb"UklGR[A-Za-z0-9+/]{6}XRUJQ",
}
"""How a picture begins, in files in which there may be none of anybody."""


def spellings(text: str) -> Iterator[bytes]:
    """``text`` in every form in which it could lie in a file."""
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "gb18030"):
        raw = text.encode(encoding)
        yield raw
        yield raw.hex().encode()
        for shift in range(3):  # base64 looks different at each place in a group of three
            whole = base64.b64encode(bytes(shift) + raw)
            middle = whole[4 if shift else 0 : -4]
            if len(middle) >= _SHORTEST:
                yield middle
                yield middle.replace(b"+", b"-").replace(b"/", b"_")
    yield json.dumps(text)[1:-1].encode()


def personal(studio: Studio, models: FaceModels, person: Person) -> Marks:
    """What must not be found of ``person``, by name."""
    document = document_of(person, now().date())
    texts = {"name": document.name, "number": document.number, "address": document.address}
    needles = typed(texts)
    block = studio.card(person, document).photo
    image = SimulatedDecoder().decode(block)
    face = nearest_face(models.detect(image))
    assert face is not None
    vector = models.template(image, face).vector.tobytes()
    needles["chip photo"] = [block[14:46], block[100:132], base64.b64encode(block[15:45])]
    needles["pixels"] = [image.tobytes()[3000:3032]]
    needles["template"] = [vector[start : start + 16] for start in range(0, len(vector) - 16, 16)]
    return needles


def typed(texts: Mapping[str, str]) -> Marks:
    """The same of what was typed or scanned of her, by name."""
    return {name: list(spellings(text)) for name, text in texts.items()}


def pieces_of(frames: Iterable[bytes]) -> list[bytes]:
    """Pieces from the middle of raw frames, where her face is; flat ones left out."""
    found = set()
    for frame in frames:
        middle = len(frame) // 2
        for at in range(middle - 4096, middle + 4096, 512):
            piece = frame[at : at + PIECE]
            if np.frombuffer(piece, np.uint8).std() > _FLAT:
                found.add(piece)
    return sorted(found)


def inside(file: bytes) -> bytes:
    """A piece from within a compressed picture."""
    return file[len(file) // 2 :][:PIECE]


def in_a_process(marks: Marks) -> Marks:
    """The few of ``marks`` that are looked for in memory: text as programs hold it, some pieces of each picture."""
    return {name: _few(name, forms) for name, forms in marks.items()}


def _few(name: str, forms: list[bytes]) -> list[bytes]:
    if name in TEXTS:
        text = forms[0].decode("utf-8")
        return [text.encode("utf-8"), text.encode("utf-16-le")]
    return forms[:: max(1, len(forms) // _FEW)][:_FEW]
