"""`python -m models.evaluate chips`: chip photos as files, so that two machines can be shown the same ones.

A chip photo made on another machine is another one: a box that differs by a pixel gives other WebP artefacts.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from models.detector import Face
from models.evaluate.acquire import decoded, face_in
from models.evaluate.chip import FACE_CENTRE, FACE_HEIGHT, HEIGHT_PX, WIDTH_PX, DoesNotFit, chip_photo
from models.evaluate.pairs import read_pairs
from models.evaluate.progress import progress
from models.face import FaceModels
from models.image import FloatArray, Image


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--pairs", type=Path, required=True, help="CSV with the columns a,b,same: its pictures")
    parser.add_argument("--root", type=Path, required=True, help="folder that the paths in it start from")
    parser.add_argument("--into", type=Path, required=True, help="folder to write into, under the same paths, as PNG")


def evaluate(options: argparse.Namespace) -> int:
    """Write them; how many there are.

    Raises:
        PairsError: the list cannot be used.
        ModelsError: the models cannot be loaded.
        OSError: a file cannot be read or written.
    """
    models, written = FaceModels.load(), 0
    pictures = read_pairs(options.pairs).pictures
    for name in progress(pictures, len(pictures), "chips"):
        image = decoded((options.root / name).read_bytes())
        photo = None if image is None else made(models, image)
        if photo is not None:
            target = options.into / name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Without loss, whatever the name says: what reads it looks at the content.
            target.write_bytes(cv2.imencode(".png", photo)[1].tobytes())
            written += 1
    return written


def made(models: FaceModels, picture: Image) -> Image | None:
    """The chip photo of the face in the middle; None without one, or where even the poorest WebP is too large."""
    face = face_in(models, picture)
    try:
        return None if isinstance(face, str) else chip_photo(picture, face, flatten=True)
    except DoesNotFit:
        return None


def placed(face: Face) -> FloatArray:
    """Where the landmarks of ``face`` lie in the chip photo that is made of it, float32 (5, 2)."""
    left, top, width, height = face.box
    centre, place = (left + width / 2, top + height / 2), (WIDTH_PX / 2, FACE_CENTRE * HEIGHT_PX)
    return np.asarray((face.landmarks - centre) * (FACE_HEIGHT * HEIGHT_PX / height) + place, np.float32)


def to_text(written: int) -> str:
    """How many."""
    return f"{written} chip photos"
