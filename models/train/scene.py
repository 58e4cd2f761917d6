"""From a live picture with a face to a frame of a camera: the person herself, or one of the attacks with her picture.

The same function makes training, calibration and evaluation frames; the seed decides everything. Same conventions as
`plane`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from models.image import Image
from models.train import camera, paper, printer, screen
from models.train.plane import (
    Box,
    Matrix,
    Picture,
    Random,
    Sheet,
    composed,
    coordinates,
    corners,
    moved,
    placement,
    warped,
    with_fingers,
)
from models.train.pose import posed
from models.train.room import Source, light, room, staged, standing, thing


class Species(StrEnum):
    """Presentation attack instrument species, and `LIVE` for a bona fide presentation."""

    LIVE = "live"
    PHONE = "screen_phone"
    MONITOR = "screen_monitor"
    PRINT = "print_photo"
    HALFTONE = "print_halftone"
    CUT_OUT = "print_cut_out"
    BENT = "print_bent"


ATTACKS = tuple(species for species in Species if species is not Species.LIVE)

WIDE = 0.65
"""Share of frames in which the face is small enough for all that the network sees of its surroundings."""
FAR = (0.17, 0.4)
"""Share of the frame's height that the face then has."""
NEAR = (0.38, 0.66)
"""Share of the frame's height that a face has before a webcam."""
FRAME_PX = (200, 340)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What the camera delivered: BGR, uint8, square; the face's box in it; what was in front of the camera."""

    picture: Image
    box: Box
    species: Species


def shot(source: Source, other: Source, species: Species, random: Random) -> Frame:
    """One frame of ``source``; ``other`` is somebody else's picture, whose surroundings stand behind an attack."""
    return next(shots(source, other, species, random))


def shots(source: Source, other: Source, species: Species, random: Random) -> Iterator[Frame]:
    """Any number of frames of one scene, each by a camera of its own, every other one mirrored."""
    scene, box = SCENES[species](posed(source, random), other, random)
    while True:
        yield Frame(camera.taken(np.ascontiguousarray(scene), random), box, species)
        scene, box = scene[:, ::-1], (scene.shape[1] - box[0] - box[2], *box[1:])


def skin(source: Source) -> Picture:
    """The mean colour of a face, (3,)."""
    left, top, width, height = source.box
    rows = slice(max(0, round(top + 0.4 * height)), max(1, round(top + 0.7 * height)))
    columns = slice(max(0, round(left + 0.3 * width)), max(1, round(left + 0.7 * width)))
    part = light(source.picture)[rows, columns]
    return np.asarray(part.reshape(-1, 3).mean(axis=0) if part.size else np.full(3, 0.5), np.float32)


def live(source: Source, other: Source, random: Random) -> tuple[Picture, Box]:
    """She stands before the camera; at times a rectangle or a hand of somebody is in view, but not before her face."""
    wide = random.random() < WIDE
    if not source.tight and (wide or random.random() < 0.5):
        frame_px = int(random.integers(*FRAME_PX))
        scene, box = standing(source, other, frame_px, random.uniform(*(FAR if wide else NEAR)), random)
    else:
        scene, box = filling(source, random)
    frame_px = scene.shape[0]
    if random.random() < 0.35:
        scene = with_clutter(scene, box, other, random)
    if random.random() < 0.15:
        edge = [(frame_px * 0.03, frame_px * 0.8), (frame_px * 0.97, frame_px * 0.8), (frame_px * 0.5, frame_px * 0.98)]
        scene = with_fingers(scene, edge, skin(source), random)
    return scene, box


def filling(source: Source, random: Random) -> tuple[Picture, Box]:
    """Her picture fills the frame."""
    frame_px = int(random.integers(180, 400))
    scale = frame_px / min(source.picture.shape[:2]) * random.uniform(1.0, 1.25)
    matrix = np.array([[scale, 0, 0], [0, scale, 0], [0, 0, 1.0]])
    left, top, width, height = moved(source.box, matrix)
    slack = np.array([source.picture.shape[1], source.picture.shape[0]]) * scale - frame_px
    shift = np.clip(np.array([left + width / 2, top + height / 2]) - frame_px * random.uniform(0.4, 0.6, 2), 0, slack)
    matrix[:2, 2] = -shift
    flags = cv2.INTER_LINEAR if scale < 1.6 else cv2.INTER_CUBIC
    scene = np.asarray(
        cv2.warpPerspective(light(source.picture), matrix, (frame_px, frame_px), flags=flags), np.float32
    ).clip(0, 1)
    return scene, moved(source.box, matrix)


def with_clutter(scene: Picture, box: Box, other: Source, random: Random) -> Picture:
    """A poster, a door or a dark device beside or behind her: straight edges are no attack."""
    above, alpha = thing(scene.shape[0], other, random)
    return composed(scene, above, np.asarray(alpha * (1 - head(scene.shape[0], box)), np.float32))


def head(frame_px: int, box: Box) -> Picture:
    """1 on the head and below it."""
    left, top, width, height = box
    y, x = np.mgrid[0:frame_px, 0:frame_px].astype(np.float32)
    middle = left + width / 2
    oval = np.hypot((x - middle) / (0.75 * width), (y - top - 0.45 * height) / (0.75 * height))
    body = np.maximum(np.abs(x - middle) / (1.1 * width), 1 - (y - top - 0.9 * height) / (0.2 * height))
    return np.asarray(np.clip((1.05 - np.minimum(oval, body)) * 8, 0, 1), np.float32)


def content(source: Source, random: Random, full: float = 0.35) -> tuple[Picture, Box]:
    """What the attacker shows of her picture: with ``full`` chance all of it, else a cut around the face."""
    rows, columns = source.picture.shape[:2]
    if random.random() < full:
        return light(source.picture), source.box
    left, top, width, height = source.box
    reach = [random.uniform(0.12, 1.4) for _ in range(4)]
    x0, y0 = max(0, round(left - reach[0] * width)), max(0, round(top - reach[1] * height))
    x1 = min(columns, round(left + width + reach[2] * width))
    y1 = min(rows, round(top + height + reach[3] * height))
    return light(source.picture)[y0:y1, x0:x1], (left - x0, top - y0, width, height)


def surroundings(other: Source, frame_px: int, random: Random) -> Picture:
    """Behind an attack: somebody's picture, a room, or somebody in it; mostly at another brightness than the attack."""
    kind = random.random()
    if kind < 0.35:
        picture = np.asarray(cv2.resize(light(other.picture), (frame_px, frame_px)), np.float32)
        if random.random() < 0.75:
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), frame_px * random.uniform(0.005, 0.08)), np.float32)
    elif kind < 0.75:
        picture = room(other, frame_px, random)
    else:
        picture, _ = standing(other, other, frame_px, random.uniform(*FAR), random)
    return np.asarray(
        picture * (random.uniform(0.15, 1.1) if random.random() < 0.75 else random.uniform(1.1, 2.0)), np.float32
    )


def put(sheet: Sheet, frame_px: int, random: Random) -> tuple[Picture, Picture, Matrix]:
    """The sheet placed in the frame: its picture there, how far it covers, and the homography."""
    share = random.uniform(*(FAR if random.random() < WIDE else NEAR))
    matrix = placement(sheet, frame_px, frame_px * share, random)
    picture, alpha = warped(sheet, matrix, frame_px)
    return picture, alpha, matrix


def portrayed(source: Source, other: Source, random: Random) -> Source:
    """What the attacker has of her: her portrait, or a video of her in a room."""
    return staged(source, other, random) if random.random() < 0.35 and not source.tight else source


def phone(source: Source, other: Source, random: Random) -> tuple[Picture, Box]:
    """On a telephone or tablet held in a hand."""
    picture, box = content(portrayed(source, other, random), random)
    return shown(screen.device(recorded(picture, random), box, random), other, random, held=True)


def monitor(source: Source, other: Source, random: Random) -> tuple[Picture, Box]:
    """On a screen without a frame, so large or near at times that no edge of it is in view."""
    picture, box = content(portrayed(source, other, random), random, full=0.85)
    picture = recorded(picture, random)
    whole = Sheet(picture, np.ones(picture.shape[:2], np.float32), box)
    return shown(whole, other, random, held=False)


def recorded(picture: Picture, random: Random) -> Picture:
    """A replay was taken by a camera and stored once before; mostly that left traces."""
    if random.random() < 0.15:
        return picture
    if random.random() < 0.3:
        picture = camera.smoothed(picture, random)
    factor = random.uniform(0.35, 0.9)
    size = max(24, round(picture.shape[1] * factor)), max(24, round(picture.shape[0] * factor))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    stored = camera.compressed((small.clip(0, 1) * 255).astype(np.uint8), random)
    return np.asarray(light(np.asarray(cv2.resize(stored, picture.shape[1::-1]), np.uint8)), np.float32)


def shown(sheet: Sheet, other: Source, random: Random, *, held: bool) -> tuple[Picture, Box]:
    """A lit screen in the scene: tone, grid, beats, bands, what the glass mirrors, fingers."""
    frame_px = int(random.integers(*FRAME_PX))
    lit = Sheet(screen.emitted(sheet.picture, random), sheet.alpha, sheet.box)
    picture, alpha, matrix = put(lit, frame_px, random)
    across, down = coordinates(matrix, frame_px)
    if random.random() < 0.6:
        pitch = random.uniform(0.25, 1.6) / np.sqrt(abs(np.linalg.det(matrix[:2, :2])))
        picture = picture * screen.grid(across, down, pitch, random.uniform(0.02, 0.3), random)
    if random.random() < 0.4:
        scale = sheet.box[3] * random.uniform(0.02, 0.3)
        picture = picture * screen.moire(across, down, scale, random.uniform(0.01, 0.1), random)
    if random.random() < 0.2:
        picture = picture * screen.banding(frame_px, random)
    room = surroundings(other, frame_px, random)
    if random.random() < 0.5:
        picture = picture + screen.reflection(room, random)
    if random.random() < 0.35:
        picture = picture + screen.glare(frame_px, random)
    if random.random() < 0.35:
        picture = picture + screen.lamps(frame_px, random)
    scene = composed(room, np.asarray(picture, np.float32), alpha)
    if held and random.random() < 0.7:
        scene = with_fingers(scene, corners(sheet, matrix), skin(other), random)
    return scene, moved(sheet.box, matrix)


def printed(source: Source, random: Random, *, dots: bool) -> tuple[Picture, Box]:
    """Ink on paper, at up to twice the picture's resolution so that dots are finer than pixels of the source."""
    picture, box = content(source, random)
    factor = random.uniform(1.4, 2.2) if dots else random.uniform(1.0, 1.4)
    size = round(picture.shape[1] * factor), round(picture.shape[0] * factor)
    large = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.float32).clip(0, 1)
    inked = printer.inked(large, random)
    if random.random() < 0.25:
        inked = printer.toned(inked, random)
    if dots:
        inked = np.asarray(inked + random.uniform(0.15, 1.0) * (printer.dotted(inked, random) - inked), np.float32)
    elif random.random() < 0.5:
        inked = printer.sprayed(inked, random.uniform(1.0, 3.0), random.uniform(0.02, 0.18), random)
    elif random.random() < 0.6:
        inked = printer.glossed(large, random)
    if random.random() < 0.3:
        inked = printer.striped(inked, random)
    return inked, (box[0] * factor, box[1] * factor, box[2] * factor, box[3] * factor)


def print_flat(source: Source, other: Source, random: Random, *, dots: bool = False) -> tuple[Picture, Box]:
    """A sheet held up."""
    sheet = paper.bordered(*printed(source, random, dots=dots), random)
    return held_up(creased(sheet, random), other, random, behind_face=False)


def creased(sheet: Sheet, random: Random) -> Sheet:
    """Paper's texture; folded at times."""
    sheet = paper.textured(sheet, random)
    return paper.creased(sheet, random) if random.random() < 0.2 else sheet


def print_halftone(source: Source, other: Source, random: Random) -> tuple[Picture, Box]:
    """A sheet from a printer whose dots can be seen."""
    return print_flat(source, other, random, dots=True)


def print_cut_out(source: Source, other: Source, random: Random) -> tuple[Picture, Box]:
    """The head cut out and held before somebody's own."""
    sheet = paper.bordered(*printed(source, random, dots=random.random() < 0.3), random)
    sheet = paper.cut_out(creased(sheet, random), random)
    return held_up(paper.bent(sheet, random) if random.random() < 0.5 else sheet, other, random, behind_face=True)


def print_bent(source: Source, other: Source, random: Random) -> tuple[Picture, Box]:
    """A sheet bent by the hands that hold it."""
    sheet = paper.bordered(*printed(source, random, dots=random.random() < 0.3), random)
    return held_up(paper.bent(creased(sheet, random), random), other, random, behind_face=False)


def held_up(sheet: Sheet, other: Source, random: Random, *, behind_face: bool) -> tuple[Picture, Box]:
    """Paper in the room's light, held by fingers, or before the face of ``other``."""
    frame_px = int(random.integers(*FRAME_PX))
    picture, alpha, matrix = put(sheet, frame_px, random)
    if random.random() < 0.25:
        picture = np.asarray(picture + random.uniform(0.2, 1.0) * screen.glare(frame_px, random), np.float32)
    if random.random() < 0.1:
        picture = np.asarray(picture + screen.lamps(frame_px, random), np.float32)
    if behind_face:
        room = np.asarray(cv2.resize(light(other.picture), (frame_px, frame_px)), np.float32)
        room = np.asarray(room * random.uniform(0.5, 1.2), np.float32)
    else:
        room = surroundings(other, frame_px, random)
    shadow = cv2.GaussianBlur(alpha, (0, 0), frame_px * 0.02)[:, :, np.newaxis] * random.uniform(0, 0.4)
    scene = composed(np.asarray(room * (1 - shadow), np.float32), picture, alpha)
    if random.random() < 0.6:
        scene = with_fingers(scene, corners(sheet, matrix), skin(other), random)
    return scene, moved(sheet.box, matrix)


SCENES: dict[Species, Callable[[Source, Source, Random], tuple[Picture, Box]]] = {
    Species.LIVE: live,
    Species.PHONE: phone,
    Species.MONITOR: monitor,
    Species.PRINT: print_flat,
    Species.HALFTONE: print_halftone,
    Species.CUT_OUT: print_cut_out,
    Species.BENT: print_bent,
}
