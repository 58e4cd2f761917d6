"""The list of presentations for `pad`: pictures or videos, live or an attack, which species, whose face."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.evaluate.acquire import content_of, decoded
from models.evaluate.pairs import PairsError, listed
from models.image import Image

HEADER = ("path", "label", "species", "subject")
LIVE_LABELS = ("live", "real", "bona_fide")
ATTACK_LABELS = ("attack", "fake", "spoof")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
"""What is read as a video; everything else is a picture."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """One line of the list. ``species`` of a live one is its group, `live` if the list names none."""

    path: str
    live: bool
    species: str
    subject: str


def read_presentations(path: Path) -> tuple[Presentation, ...]:
    """Read a CSV file with the columns path, label, species, subject.

    Raises:
        PairsError: no such file, another header, a line without path or subject or with an unknown label, an attack
            without species, a species that is live and an attack, a file listed twice.
    """
    found = tuple(parse(path, number, line) for number, line in enumerate(listed(path, HEADER), start=2))
    for live, name in ((True, "live"), (False, "attack")):
        if not any(item.live is live for item in found):
            raise PairsError(f"{path}: no {name} presentation")
    twice = len(found) - len({item.path for item in found})
    if twice:
        raise PairsError(f"{path}: {twice} of {len(found)} lines name a file once more: each is one presentation")
    mixed = {item.species for item in found if item.live} & {item.species for item in found if not item.live}
    if mixed:
        raise PairsError(f"{path}: species {', '.join(sorted(mixed))} is both live and an attack")
    return found


def parse(path: Path, number: int, line: list[str]) -> Presentation:
    """One line."""
    name, label, species, subject = line
    if not name or not subject:
        raise PairsError(f"{path}: line {number} is not {','.join(HEADER)}")
    if label not in LIVE_LABELS + ATTACK_LABELS:
        raise PairsError(f"{path}: line {number}: the label is one of {', '.join(LIVE_LABELS + ATTACK_LABELS)}")
    live = label in LIVE_LABELS
    if not live and not species:
        raise PairsError(f"{path}: line {number}: an attack has a species")
    return Presentation(name, live, species or "live", subject)


def frames(path: Path, every: int) -> Iterator[Image]:
    """The picture, or every ``every``-th frame of the video; nothing for a file that cannot be read."""
    if path.suffix.lower() in VIDEOS:
        yield from video_frames(path, every)
        return
    image = decoded(content_of(path))
    if image is not None:
        yield image


def video_frames(path: Path, every: int) -> Iterator[Image]:
    """Read in order, since the number of frames that a file states cannot be trusted."""
    video = cv2.VideoCapture(str(path))
    try:
        number = 0
        while video.grab():
            if number % every == 0:
                read, image = video.retrieve()
                if read:
                    yield np.asarray(image, np.uint8)
            number += 1
    finally:
        video.release()
