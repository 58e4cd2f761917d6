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
from models.errors import ImageError
from models.evaluate.chip import DoesNotFit, chip_photo
from models.evaluate.key import FACES_CODE, Network, key
from models.evaluate.pairs import PairsError
from models.evaluate.progress import progress
from models.evaluate.store import Store
from models.face import FaceModels
from models.image import FloatArray, Image
from models.liveness.mesh import FaceMesh
from models.manifest import MANIFEST, Manifest
from models.projection import Kind

SAVE_EVERY = 20
ADVICE = "see that --root is the folder that the list's paths start from"


class Condition(StrEnum):
    """What the reference is made of; the other picture of a pair is always taken as it is."""

    PHOTO = "photo"
    CHIP = "chip"
    CHIP_RAW = "chip-raw"


@dataclass(frozen=True, slots=True, eq=False)
class Acquired:
    """The looks at each picture, float32 (pictures, looks, length), NaN where there is none; for which
    cause, how often."""

    looks: FloatArray
    causes: Counter[str]


class Acquisition:
    """Looks at pictures, or takes what it saw earlier from the store."""

    def __init__(self, models: FaceModels, root: Path, cache: Path, manifest: Path = MANIFEST) -> None:
        """``root`` is the folder that the pictures' paths start from; ``models`` were loaded from ``manifest``."""
        self._models = models
        self._root = root
        self._cache = cache
        loaded: list[Network] = [sha256 for role, sha256 in models.hashes.items() if role != "projection"]
        entries = Manifest.load(manifest)
        self._networks = [*loaded, *(entries.entry(role) for role in ("detector", "embedding", "mesh"))]
        self._mesh = FaceMesh.load(manifest=manifest)

    def looks(self, pictures: tuple[str, ...], condition: Condition) -> Acquired:
        """What the network sees in each of ``pictures``.

        Raises:
            PairsError: nothing in any of them.
        """
        store = Store(self._cache, key(f"faces-{condition}", self._networks, FACES_CODE))
        store.load()
        digests: list[str] = []
        for number, picture in enumerate(progress(pictures, len(pictures), condition), start=1):
            content = content_of(self._root / picture)
            digest = hashlib.sha256(content).hexdigest()
            digests.append(digest)
            if digest not in store.vectors and digest not in store.causes:
                self._acquire(store, digest, content, condition)
                if number % SAVE_EVERY == 0:
                    store.save()
        store.save()
        causes = Counter(store.causes[digest] for digest in digests if digest in store.causes)
        if causes.total() == len(digests):
            raise PairsError(f"{condition}: no picture could be acquired ({told(causes)}); {ADVICE}")
        missing = np.full_like(next(iter(store.vectors.values())), np.nan)
        return Acquired(np.stack([store.vectors.get(digest, missing) for digest in digests]), causes)

    def _acquire(self, store: Store, digest: str, content: bytes, condition: Condition) -> None:
        found = self._look(content, condition)
        if isinstance(found, str):
            store.causes[digest] = found
        else:
            store.vectors[digest] = found

    def _look(self, content: bytes, condition: Condition) -> FloatArray | str:
        """The vectors of all looks, or the cause of the failure to acquire."""
        found = seen(self._models, content)
        if isinstance(found, str):
            return found
        picture, face = found
        if condition is Condition.PHOTO:
            return self._models.looks(picture, face, Kind.LIVE)
        try:
            photo = chip_photo(picture, face, flatten=condition is Condition.CHIP)
        except DoesNotFit:
            return "does_not_fit"
        card = face_in(self._models, photo)
        if isinstance(card, str):
            return "no_face_on_chip"
        return self._models.looks(photo, self._mesh.steadied(photo, card), Kind.CHIP)


def content_of(path: Path) -> bytes:
    """The file's bytes; none where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def decoded(content: bytes) -> Image | None:
    """The picture in a file's bytes, if there is one."""
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    except cv2.error:  # A header that tells of more pixels than OpenCV takes.
        return None
    return None if image is None else np.asarray(image, np.uint8)


def seen(models: FaceModels, content: bytes) -> tuple[Image, Face] | str:
    """The picture in a file's bytes and the face in its middle, or the cause why there is none."""
    picture = decoded(content)
    if picture is None:
        return "unreadable"
    face = face_in(models, picture)
    return face if isinstance(face, str) else (picture, face)


def face_in(models: FaceModels, picture: Image) -> Face | str:
    """The face in the middle, or the cause why there is none; `no_picture` has too short or too long a side."""
    try:
        faces = models.detect(picture)
    except ImageError:
        return "no_picture"
    return central_face(faces, picture) or "no_face"


def central_face(faces: tuple[Face, ...], image: Image) -> Face | None:
    """The face nearest to the picture's centre: sets of named portraits put their person there."""
    middle = np.array([image.shape[1] / 2, image.shape[0] / 2])

    def distance(face: Face) -> float:
        left, top, width, height = face.box
        return float(np.linalg.norm(middle - (left + width / 2, top + height / 2)))

    return min(faces, key=distance, default=None)


def told(causes: Counter[str]) -> str:
    """`no_face 2, unreadable 1`."""
    return ", ".join(f"{cause} {count}" for cause, count in sorted(causes.items()))
