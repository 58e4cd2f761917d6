"""The child process that calls a vendor's library for the fingerprints on ID cards. Standard library only.

Arguments: library, convention, timeout in seconds. Standard input: the card's record (512 bytes), then an image of 256
x 360 grey pixels. Standard output: one byte of :class:`Outcome`, then the similarity (8 bytes) or a reason.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable
from typing import Final

from hw.card_reader.photo_child import Arena, Outcome, limit_resources

RECORD_SIZE: Final = 512
WIDTH: Final = 256
HEIGHT: Final = 360
IMAGE_SIZE: Final = WIDTH * HEIGHT
SIMILARITY: Final = struct.Struct(">d")

Match = Callable[[ctypes.CDLL, Arena, ctypes.c_float], bool]
"""Puts a similarity into the float; whether the library took record (the arena's source) and image (its target)."""


def _image_match(library: ctypes.CDLL, arena: Arena, similarity: ctypes.c_float) -> bool:
    if library.FP_Begin() != 1:
        return False
    try:
        return bool(library.FP_ImageMatch(arena.target, arena.source, ctypes.byref(similarity)) == 1)
    finally:
        library.FP_End()


def _feature_match(library: ctypes.CDLL, arena: Arena, similarity: ctypes.c_float) -> bool:
    feature = ctypes.create_string_buffer(RECORD_SIZE * 2)
    if library.FP_Begin() != 1:
        return False
    try:
        extracted = library.FP_FeatureExtract(ctypes.c_ubyte(0), ctypes.c_ubyte(99), arena.target, feature)
        if extracted != 1:
            return False
        return bool(library.FP_FeatureMatch(feature, arena.source, ctypes.byref(similarity)) == 1)
    finally:
        library.FP_End()


CONVENTIONS: Final[dict[str, Match]] = {
    # What GA/T 1012 asks of every certified library (ID_Fpr): FP_ImageMatch(image, record, &similarity) -> 1
    "ga1012": _image_match,
    # The same with two steps, for libraries whose FP_ImageMatch is empty: extract a feature, then compare features
    "ga1012_features": _feature_match,
}


def match(library: str, convention: str, record: bytes, image: bytes) -> tuple[Outcome, bytes]:
    """Call the library once."""
    try:
        loaded = ctypes.CDLL(library)
        arena, similarity = Arena(record, RECORD_SIZE, IMAGE_SIZE), ctypes.c_float(-1.0)
        ctypes.memmove(arena.target, image, IMAGE_SIZE)
        done = CONVENTIONS[convention](loaded, arena, similarity)
    except (OSError, AttributeError) as error:
        return Outcome.NOT_LOADED, str(error).encode()
    if arena.is_overrun():
        return Outcome.OVERRUN, b""
    if not done or not 0.0 <= similarity.value <= 1.0:
        return Outcome.REFUSED, b"it returned no success, or no similarity from 0 to 1"
    return Outcome.PICTURE, SIMILARITY.pack(similarity.value)


def main(arguments: list[str]) -> int:
    """Read record and image, call the library, write the outcome."""
    library, convention, timeout = arguments
    answer = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    limit_resources(float(timeout))
    given = sys.stdin.buffer.read(RECORD_SIZE + IMAGE_SIZE)
    outcome, content = match(library, convention, given[:RECORD_SIZE], given[RECORD_SIZE:])
    with os.fdopen(answer, "wb") as pipe:
        pipe.write(bytes((outcome,)) + content)
    return 0
