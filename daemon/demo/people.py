"""The demo's people: portraits with credits (``people/CREDITS.md``), cards in region 990000, camera scenes."""

from __future__ import annotations

import base64
import datetime as dt
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hw.camera.simulated_scene import Act, Kind, Scene
from hw.card_reader import id_number
from hw.card_reader.codec import CARD_NUMBER_SIZE
from hw.card_reader.document import DocumentKind, IdentityDocument
from hw.card_reader.photo import HEIGHT, WIDTH
from hw.card_reader.simulated_photo import encode_simulated
from hw.card_reader.simulator import SimulatedCard
from models.detector import Face
from models.face import FaceModels, nearest_face

Picture = NDArray[np.uint8]

_FOLDER = Path(__file__).with_name("people")
_FACE_SHARE = 0.55
"""Height of the face box in an ID photo, of the picture's height."""
_SCENE_FACE_PX = 110.0
_RING_RATIO = 0.08
"""The ring's light on a face to the room's, as in a corridor that is lit but not sunny."""
_SEED = 3


@dataclass(frozen=True, slots=True)
class Person:
    """A person of the demo: the pictures' names and what stands on the card."""

    card_photo: str
    live_photo: str
    name: str
    birth: str
    sequence: str


ANNA = Person("b_card", "b_live", "示例甲", "19940712", "024")
BELLA = Person("a_card", "a_live", "示例乙", "19911203", "046")
STRANGER = Person("c", "c", "示例丙", "19890420", "068")


def _read(name: str) -> Picture:
    image = cv2.imread(str(_FOLDER / f"{name}.jpg"), cv2.IMREAD_COLOR)
    if image is None:
        raise FileNotFoundError(f"{_FOLDER / name}.jpg: the demo's portrait is missing or damaged")
    return np.asarray(image, dtype=np.uint8)


def document_of(
    person: Person, today: dt.date, *, expired: bool = False, wrong_digit: bool = False
) -> IdentityDocument:
    """The card's text for ``person``; valid, unless asked otherwise."""
    body = f"990000{person.birth}{person.sequence}"
    digit = id_number.mod_11_2(body)
    if wrong_digit:
        digit = "0" if digit != "0" else "1"
    document = IdentityDocument(
        kind=DocumentKind.CITIZEN,
        number=body + digit,
        name=person.name,
        sex_code="2",
        birth_text=person.birth,
        valid_from_text=f"{today.year - 5}0101",
        valid_to_text=f"{today.year + 15}0101",
        nation_code="01",
        address="示例省示例市示例路1号",
        issuer="示例市公安局",
    )
    if expired:
        return replace(document, valid_from_text=f"{today.year - 21}0101", valid_to_text=f"{today.year - 1}0101")
    return document


class Studio:
    """Makes ID photos and camera scenes out of portraits."""

    def __init__(self, models: FaceModels) -> None:
        self._models = models

    def card(self, person: Person, document: IdentityDocument) -> SimulatedCard:
        """A card with ``person``'s photo as a chip holds it: 102 x 126 pixels in 1 KB."""
        photo = encode_simulated(self._id_photo(_read(person.card_photo)))
        return SimulatedCard(document, photo, number=os.urandom(CARD_NUMBER_SIZE))

    def _face(self, image: Picture) -> Face:
        face = nearest_face(self._models.detect(image))
        if face is None:
            raise ValueError("the demo's portrait has no face that the detector finds")
        return face

    def _id_photo(self, image: Picture) -> Picture:
        left, top, width, height = self._face(image).box
        tall = height / _FACE_SHARE
        wide = tall * WIDTH / HEIGHT
        x, y = left + width / 2 - wide / 2, top + height * 0.45 - tall / 2
        matrix = np.array([[WIDTH / wide, 0, -x * WIDTH / wide], [0, HEIGHT / tall, -y * HEIGHT / tall]])
        photo = cv2.warpAffine(image, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(photo, dtype=np.uint8)

    def scene(self, person: Person, kind: Kind = Kind.LIVE, act: Act = Act.STILL) -> Scene:
        """``person`` before the camera, or her picture as an attack of that ``kind``."""
        face = self._face(_read(person.live_photo))
        marks = tuple((float(x), float(y)) for x, y in face.landmarks.tolist())
        picture = str(_FOLDER / f"{person.live_photo}.jpg")
        return Scene(kind, picture, marks, act, ratio=_RING_RATIO, face_px=_SCENE_FACE_PX, seed=_SEED)


def drawn_name() -> str:
    """A finger's stroke on the screen, as the page sends it: a PNG as base64."""
    picture = np.full((120, 360), 255, np.uint8)
    wave = [(x, 60 + round(35 * math.sin(x / 19))) for x in range(20, 340, 4)]
    cv2.polylines(picture, [np.array(wave, np.int32)], isClosed=False, color=0, thickness=3)
    return base64.b64encode(cv2.imencode(".png", picture)[1].tobytes()).decode("ascii")
