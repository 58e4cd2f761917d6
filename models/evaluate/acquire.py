"""From a picture's file to the network's answer by the product's own way, under one of three conditions."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np

from models.detector import Face
from models.evaluate.chip import DoesNotFit, chip_photo
from models.evaluate.progress import progress
from models.evaluate.store import SHAPE, Store
from models.face import FaceModels
from models.image import FloatArray, Image
from models.manifest import FOLDER, ROLES

SAVE_EVERY = 20
CODE = ("alignment.py", "detector.py", "embedding.py", "evaluate/chip.py")
"""Besides the weights, what the network's answer depends on."""


class Condition(StrEnum):
    """What the reference is made of; the other picture of a pair is always taken as it is."""

    PHOTO = "photo"
    CHIP = "chip"
    CHIP_RAW = "chip-raw"


@dataclass(frozen=True, slots=True, eq=False)
class Acquired:
    """Both looks at each picture, float32 (pictures, 2, 128), NaN where there is none; how often for which cause."""

    looks: FloatArray
    causes: Counter[str]


class Acquisition:
    """Looks at pictures, or takes what it saw earlier from the store."""

    def __init__(self, models: FaceModels, root: Path, cache: Path) -> None:
        """``root`` is the folder that the pictures' paths start from."""
        self._models = models
        self._root = root
        self._cache = cache
        self._code = fingerprint(models)

    def looks(self, pictures: tuple[str, ...], condition: Condition) -> Acquired:
        """What the network sees in each of ``pictures``."""
        store = Store(self._cache, f"faces-{condition}-{self._code[:16]}")
        store.load()
        digests: list[str] = []
        for number, picture in enumerate(progress(pictures, len(pictures), condition), start=1):
            content = self._read(picture)
            digest = hashlib.sha256(content).hexdigest()
            digests.append(digest)
            if digest not in store.vectors and digest not in store.causes:
                self._acquire(store, digest, content, condition)
                if number % SAVE_EVERY == 0:
                    store.save()
        store.save()
        missing = np.full(SHAPE, np.nan, np.float32)
        looks = np.stack([store.vectors.get(digest, missing) for digest in digests])
        return Acquired(looks, Counter(store.causes[digest] for digest in digests if digest in store.causes))

    def _read(self, picture: str) -> bytes:
        try:
            return (self._root / picture).read_bytes()
        except OSError:
            return b""

    def _acquire(self, store: Store, digest: str, content: bytes, condition: Condition) -> None:
        found = self._look(content, condition)
        if isinstance(found, str):
            store.causes[digest] = found
        else:
            store.vectors[digest] = found

    def _look(self, content: bytes, condition: Condition) -> FloatArray | str:
        """Both vectors, or the cause of the failure to acquire."""
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
        if image is None:
            return "unreadable"
        picture = np.asarray(image, np.uint8)
        face = central_face(self._models.detect(picture), picture)
        if face is None:
            return "no_face"
        if condition is Condition.PHOTO:
            return self._models.looks(picture, face)
        try:
            photo = chip_photo(picture, face, flatten=condition is Condition.CHIP)
        except DoesNotFit:
            return "does_not_fit"
        card = central_face(self._models.detect(photo), photo)
        return "no_face_on_chip" if card is None else self._models.looks(photo, card)


def central_face(faces: tuple[Face, ...], image: Image) -> Face | None:
    """The face nearest to the picture's centre: sets of named portraits put their person there."""
    middle = np.array([image.shape[1] / 2, image.shape[0] / 2])

    def distance(face: Face) -> float:
        left, top, width, height = face.box
        return float(np.linalg.norm(middle - (left + width / 2, top + height / 2)))

    return min(faces, key=distance, default=None)


def fingerprint(models: FaceModels) -> str:
    """SHA-256 over the hashes of the weights and the code that makes templates."""
    digest = hashlib.sha256("".join(models.hashes[role] for role in ROLES).encode())
    for name in CODE:
        digest.update((FOLDER / name).read_bytes())
    return digest.hexdigest()
