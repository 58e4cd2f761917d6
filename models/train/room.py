"""A person in a room, wider than the picture she was taken from: what live frames and replayed videos show.

A portrait ends soon after the face; a network that is to know a held-up device by its edges needs live frames that
reach as far. So she is cut out of her picture and stands before walls, windows, posters and devices. Same conventions
as `plane`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from models.image import Image
from models.train.plane import Box, Mask, Picture, Random, composed, rounded, smooth_noise

OUTLINE_PX = 90
"""Side at which the outline is sought; finer costs more and finds no more."""
ROUNDS = 3
TIGHT = 0.6
"""A face that is this much of its picture's shorter side has nothing around it that could be cut out."""
APART = 0.4
"""Share of the people in rooms on whom falls another light than on what is behind them."""
BRIGHT = 0.06
"""Share of the things in a room that shine: windows by day, lamps, other screens."""


@dataclass(frozen=True, eq=False)
class Source:
    """A live picture (BGR, uint8) and the box of the face in it."""

    picture: Image
    box: Box

    @property
    def tight(self) -> bool:
        """Whether the picture ends at her face: she cannot stand in a room."""
        return bool(max(self.box[2:]) > TIGHT * min(self.picture.shape[:2]))

    @cached_property
    def outline(self) -> Mask:
        """1 on the person."""
        return outlined(self.picture, self.box)


def light(picture: Image) -> Picture:
    """0 to 1."""
    return np.asarray(picture, np.float32) / np.float32(255)


def outlined(picture: Image, box: Box) -> Mask:
    """1 on the person, by colours (GrabCut) from where head and body are expected to be."""
    scale = OUTLINE_PX / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    marks = expected(small.shape[:2], *(value * scale for value in box))
    cv2.setRNGSeed(1)  # GrabCut starts from a random clustering: the same for the same picture.
    nowhere = (0, 0, 0, 0)  # The marks say where, no rectangle does.
    cv2.grabCut(small, marks, nowhere, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    opened = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    soft = cv2.GaussianBlur(closed.astype(np.float32), (0, 0), 1.0)
    whole = cv2.resize(soft, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(2 * whole - 0.8, 0, 1), np.float32)


def expected(shape: tuple[int, ...], left: float, top: float, width: float, height: float) -> Image:
    """GrabCut's marks: surely her, probably her, probably not, surely not."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    beside, down = np.abs(x - left - width / 2) / width, (y - top) / height
    radius = np.hypot(beside, (down - 0.45) * 0.9)
    marks = np.full(shape[:2], cv2.GC_PR_BGD, np.uint8)
    marks[(radius < 0.7) | ((beside < 1.15) & (down > 1.25))] = cv2.GC_PR_FGD
    marks[(radius > 1.15) & (down < 0.95)] = cv2.GC_BGD
    marks[(radius < 0.45) | ((beside < 0.35) & (down > 0.8))] = cv2.GC_FGD
    return marks


def room(other: Source, frame_px: int, random: Random) -> Picture:
    """A wall or what is behind ``other``, things with straight edges, more or less out of focus."""
    if random.random() < 0.5:
        slopes = [smooth_noise((frame_px, frame_px), frame_px * 0.7, random) for _ in range(2)]
        wall = random.uniform(0.05, 1.0) * np.exp(random.normal(0, 0.12, 3))
        lit = wall * (1 + 0.15 * slopes[0] + 0.05 * np.abs(slopes[1]))[:, :, np.newaxis]
        scene = np.asarray(np.clip(lit, 0, 1.1), np.float32)
    else:
        seen = cv2.resize(light(other.picture), (frame_px, frame_px))
        scene = blurred(np.asarray(seen[:, ::-1], np.float32), random.uniform(0.004, 0.06))
    for _ in range(int(random.integers(0, 9))):
        above, alpha = thing(frame_px, other, random)
        if random.random() < BRIGHT:
            above = np.asarray(above * random.uniform(1.0, 3.0), np.float32)
        scene = composed(scene, above, alpha)
    return blurred(scene, random.uniform(0.001, 0.012)) if random.random() < 0.6 else scene


def blurred(picture: Picture, share: float) -> Picture:
    """Out of focus by that share of its width."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), picture.shape[1] * share), np.float32)


def thing(frame_px: int, other: Source, random: Random) -> tuple[Picture, Mask]:
    """A poster, a door, a window, a shelf or a dark device somewhere in the frame, and how far it covers."""
    size = [max(6, round(frame_px * random.uniform(0.03, 0.6))) for _ in range(2)]
    place = [int(random.integers(-size[axis] // 2, frame_px - size[axis] // 2)) for axis in range(2)]
    kind = random.random()
    if kind < 0.3:
        inside = cv2.resize(light(other.picture), (size[1], size[0]), interpolation=cv2.INTER_AREA)
    else:
        inside = np.broadcast_to(random.uniform(0, 1.1) * np.exp(random.normal(0, 0.15, 3)), (*size, 3))
    whole = np.asarray(inside, np.float32).copy()
    if random.random() < 0.4:
        edge = max(1, round(min(size) * random.uniform(0.01, 0.12)))
        cv2.rectangle(whole, (0, 0), (size[1] - 1, size[0] - 1), random.uniform(0, 1, 3).tolist(), edge)
    cover = rounded((size[0], size[1]), random.uniform(0, 0.1) * size[1])
    turn = cv2.getRotationMatrix2D((size[1] / 2, size[0] / 2), random.normal(0, 4), 1.0)
    turn[:, 2] += place[1], place[0]
    picture = cv2.warpAffine(whole, turn, (frame_px, frame_px), flags=cv2.INTER_LINEAR)
    alpha = cv2.warpAffine(cover, turn, (frame_px, frame_px), flags=cv2.INTER_LINEAR)
    return np.asarray(picture, np.float32), np.asarray(alpha, np.float32)


def standing(source: Source, other: Source, frame_px: int, share: float, random: Random) -> tuple[Picture, Box]:
    """She in a room, her face ``share`` of the frame high; where her picture ends, shoulders and clothes go on."""
    left, top, width, height = source.box
    scale = frame_px * share / height
    x0 = frame_px * random.uniform(0.35, 0.65) - scale * (left + width / 2)
    y0 = frame_px * random.uniform(0.35, 0.6) - scale * (top + height / 2)
    y, x = np.mgrid[0:frame_px, 0:frame_px].astype(np.float32)
    person, cover = dressed(source, (x - x0) / scale, (y - y0) / scale, random)
    behind = np.asarray(room(other, frame_px, random) * random.uniform(0.4, 1.2), np.float32)
    if random.random() < APART:
        person = lit_apart(person, random)
    return composed(behind, person, cover), (left * scale + x0, top * scale + y0, width * scale, height * scale)


def lit_apart(person: Picture, random: Random) -> Picture:
    """Her light is not the room's: before a window or a bright wall she is dark, beside a lamp warm, from one side."""
    rows, columns = person.shape[:2]
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j].astype(np.float32)
    slope = np.clip(1 + random.normal(0, 0.3) * x + random.normal(0, 0.2) * y, 0.3, 1.7)[:, :, np.newaxis]
    tint = np.exp(random.normal(0, 0.12, 3))
    return np.asarray(person * slope * tint * random.uniform(0.2, 1.1), np.float32)


def dressed(source: Source, across: Mask, down: Mask, random: Random) -> tuple[Picture, Mask]:
    """She at these columns and rows of her picture, which may lie outside it, and how far she covers each."""
    left, top, width, height = source.box
    rows = source.picture.shape[0]
    mask = source.outline
    last = slice(round(0.85 * rows), round(0.93 * rows))
    weight = mask[last, :, np.newaxis] + 1e-3
    cloth = (light(source.picture)[last] * weight).sum(axis=(0, 1)) / weight.sum()
    folds = smooth_noise(across.shape, across.shape[0] * random.uniform(0.02, 0.15), random)
    clothes = np.asarray(cloth * (1 + random.uniform(0, 0.15) * folds)[:, :, np.newaxis], np.float32)
    maps = across.astype(np.float32), np.where(down < 0.93 * rows, down, -9).astype(np.float32)
    person = cv2.remap(light(source.picture), *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.remap(mask, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    beside = np.abs(across - left - width / 2) / width
    shoulders = top + height * (random.uniform(1.05, 1.15) + random.uniform(0.1, 0.3) * beside + 0.08 * beside**4)
    shoulders = np.minimum(shoulders, (0.86 + 0.05 * beside) * rows)
    reach = random.uniform(1.0, 1.5) + 0.1 * (down - shoulders) / height
    torso = np.clip((down - shoulders) * 0.4, 0, 1) * np.clip((reach - beside) * width * 0.4, 0, 1)
    return composed(clothes, np.asarray(person, np.float32), np.asarray(alpha, np.float32)), np.maximum(alpha, torso)


def staged(source: Source, other: Source, random: Random) -> Source:
    """Her picture as a video of her in a room would show her."""
    picture, box = standing(source, other, int(random.integers(260, 400)), random.uniform(0.25, 0.45), random)
    return Source((picture.clip(0, 1) * 255 + 0.5).astype(np.uint8), box)
