"""`python -m models.evaluate answers`: what every network answers for some pictures, kept to be held against another
machine's (`agreement`).

Twice for each picture: on the same pixels, cut from the middle without resampling, where only the runtime's kernels can
differ; and by the product's own way, where the other machine's picture library and the crops laid by the detector count
too.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.alignment import align
from models.detector import Face
from models.embedding import Embedder
from models.evaluate.acquire import decoded, face_in
from models.evaluate.key import ANSWERS_CODE, key
from models.evaluate.pairs import read_pairs
from models.evaluate.progress import progress
from models.evaluate.store import UNREADABLE, default_folder, folder
from models.face import FaceModels
from models.image import FloatArray, Image
from models.interpreter import Network
from models.liveness.mesh import FaceMesh
from models.manifest import Manifest, opened_file
from models.passive import PassiveLiveness
from models.projection import Kind
from models.selfcheck import sampled

SAVE_EVERY = 5
MIDDLE_PX = {"detector": 250, "embedding": 112, "mesh": 192, "passive": 112}
"""Side of the square that a network sees; the detector's is the upper left corner of its black canvas."""


@dataclass(slots=True)
class Answers:
    """One row of numbers for each name and picture (by the picture's SHA-256), NaN where nothing was found.

    The file's name says what the answers depend on (`models.evaluate.key`).
    """

    path: Path
    rows: dict[str, dict[str, npt.NDArray[np.float32]]] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, path: Path) -> Answers:
        """What earlier runs left; a file that cannot be read counts as none."""
        try:
            with np.load(path) as file:
                names = [name for name in file.files if name != "pictures"]
                columns = {name: file[name] for name in names}
                pictures = file["pictures"].tolist()
        except UNREADABLE:
            return cls(path)
        return cls(
            path, {picture: {name: columns[name][row] for name in names} for row, picture in enumerate(pictures)}
        )

    def save(self) -> None:
        """Write the file, whole or not at all."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self.path.with_suffix(".part.npz")
        columns: dict[str, Any] = {"pictures": np.array(list(self.rows), dtype="U64")}
        for name, found in {name: found for row in self.rows.values() for name, found in row.items()}.items():
            missing = np.full_like(found, np.nan)
            columns[name] = np.stack([row.get(name, missing) for row in self.rows.values()])
        np.savez(part, **columns)
        part.replace(self.path)


class Asked:
    """The networks."""

    def __init__(self, float_embedding: Path | None) -> None:
        """``float_embedding`` is the embedder before quantisation, if it is to be asked too."""
        self._models, self._mesh, self._passive = FaceModels.load(), FaceMesh.load(), PassiveLiveness.load()
        self._float = None
        manifest = Manifest.load()
        embedding = manifest.entry("embedding")
        floats: list[str] = []
        if float_embedding is not None:
            with opened_file(float_embedding) as file:
                floats.append(hashlib.file_digest(file, "sha256").hexdigest())
                network = Network(file, 1)
            self._float = Embedder({"embedding": lambda: network}, None, embedding.preprocessing)
        networks = manifest.entry("detector"), embedding, manifest.entry("mesh"), manifest.liveness_entry()
        self.key = key("answers", (*networks, *floats), ANSWERS_CODE)

    def answers(self, picture: Image) -> dict[str, npt.NDArray[np.float32]]:
        """One row for each name; by the product's own way only where a face was found."""
        face = face_in(self._models, picture)
        found = {**self._same_pixels(picture), **({} if isinstance(face, str) else self._own_way(picture, face))}
        return {name: np.asarray(row, np.float32).ravel() for name, row in found.items()}

    def _same_pixels(self, picture: Image) -> dict[str, FloatArray]:
        parts = {name: middle(picture, side) for name, side in MIDDLE_PX.items()}
        canvas = np.zeros((*[self._models.side_px("detector")] * 2, 3), np.uint8)
        canvas[: MIDDLE_PX["detector"], : MIDDLE_PX["detector"]] = parts["detector"]
        crops = self._passive.crops(parts["passive"], (0.0, 0.0, 112.0, 112.0))
        float_answer = None if self._float is None else self._float.embed([parts["embedding"]], Kind.LIVE)[0]
        plain = {} if float_answer is None else {"pixels_embedding_float": float_answer}
        return {
            "pixels_detector": sampled(self._models.raw("detector", canvas)),
            **{
                f"pixels_{role}": self._models.raw(role, parts["embedding"])
                for role in self._models.asked
                if role != "detector"
            },
            "pixels_mesh": self._mesh.raw(parts["mesh"]),
            "pixels_passive": self._passive.raw(crops),
            **plain,
        }

    def _own_way(self, picture: Image, face: Face) -> dict[str, FloatArray]:
        points = self._mesh.find(picture, face)
        score = self._passive.assess(picture, face.box).score
        aligned = align(picture, face.landmarks)
        plain = {} if self._float is None else {"embedding_float": self._float.embed([aligned], Kind.LIVE)[0]}
        return {
            "landmarks": face.landmarks,
            "embedding": self._models.looks(picture, face, Kind.LIVE)[0],
            "mesh": np.full((468, 2), np.nan, np.float32) if points is None else points[:, :2],
            "passive": np.array([np.nan if score is None else score], np.float32),
            **plain,
        }


def middle(picture: Image, side: int) -> Image:
    """The square of ``side`` pixels about the picture's centre, black where the picture ends."""
    result = np.zeros((side, side, 3), np.uint8)
    rows, columns = (min(side, size) for size in picture.shape[:2])
    top, left = (picture.shape[0] - rows) // 2, (picture.shape[1] - columns) // 2
    y, x = (side - rows) // 2, (side - columns) // 2
    result[y : y + rows, x : x + columns] = picture[top : top + rows, left : left + columns]
    return result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--pairs", type=Path, required=True, help="CSV with the columns a,b,same: its pictures")
    parser.add_argument("--root", type=Path, required=True, help="folder that the paths in it start from")
    parser.add_argument("--float", type=Path, metavar="FILE.tflite", help="the embedder before quantisation, too")
    parser.add_argument("--cache", type=folder, default=default_folder(), help="folder to keep the answers in")


def evaluate(options: argparse.Namespace) -> Answers:
    """Ask about every picture that was not asked about before.

    Raises:
        PairsError: the list cannot be used.
        ModelsError: the models cannot be loaded.
        OSError: a picture cannot be read.
    """
    pictures = read_pairs(options.pairs).pictures
    asked = Asked(options.float)
    answers = Answers.load(options.cache / f"{asked.key}.npz")
    for number, name in enumerate(progress(pictures, len(pictures), "answers"), start=1):
        content = (options.root / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        image = decoded(content)
        if image is not None and digest not in answers.rows:
            answers.rows[digest] = asked.answers(image)
            if number % SAVE_EVERY == 0:
                answers.save()
    answers.save()
    return answers


def to_text(answers: Answers) -> str:
    """How many."""
    return f"{answers.path}: answers for {len(answers.rows)} pictures"
