"""A second printer and camera, for measuring only: nothing is learned from it and it shares no code with `scene`.

What a network knows of one renderer it may not know of paper. These prints differ in every step: an ordered matrix or
a stochastic screen instead of `printer`'s dots, lines and diffused errors, inks of one kind that filter light one after
the other instead of densities drawn anew, a rolled sheet laid by ray casting instead of a bent plane, a point lamp
instead of shading by formula, a lens that blurs by averaging, a sensor with a Bayer pattern.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.image import Image
from models.train.plane import Box, Picture, Random

BAYER = np.array(
    [
        [0, 32, 8, 40, 2, 34, 10, 42],
        [48, 16, 56, 24, 50, 18, 58, 26],
        [12, 44, 4, 36, 14, 46, 6, 38],
        [60, 28, 52, 20, 62, 30, 54, 22],
        [3, 35, 11, 43, 1, 33, 9, 41],
        [51, 19, 59, 27, 49, 17, 57, 25],
        [15, 47, 7, 39, 13, 45, 5, 37],
        [63, 31, 55, 23, 61, 29, 53, 21],
    ],
    np.float32,
)
INKS = np.array([[0.95, 0.62, 0.05], [0.45, 0.1, 0.85], [0.1, 0.9, 0.98], [0.08, 0.08, 0.09]], np.float32)
"""Light (BGR) that cyan, magenta, yellow and black let through."""
SHEET_DPI_PX = 3
"""Printer dots for each pixel of the source."""


def separated(picture: Picture) -> Picture:
    """BGR light to amounts of cyan, magenta, yellow, black, (height, width, 4)."""
    complement = 1 - picture
    black = complement.min(axis=2, keepdims=True) ** 1.5
    colours = (complement - black) / np.maximum(1 - black, 1e-3)
    return np.concatenate([colours[..., ::-1], black], axis=2).clip(0, 1).astype(np.float32)


def ordered(inks: Picture) -> Picture:
    """Each ink against a matrix, moved for each ink."""
    rows, columns = inks.shape[:2]
    result = np.empty_like(inks)
    for ink in range(4):
        matrix = np.roll(BAYER, (2 * ink, 3 * ink), (0, 1))
        tiled = np.tile(matrix, (rows // 8 + 1, columns // 8 + 1))[:rows, :columns]
        result[..., ink] = inks[..., ink] > (tiled + 0.5) / 64
    return result


def scattered(inks: Picture, random: Random) -> Picture:
    """Each ink against noise without slow waves, as a stochastic screen has it."""
    shape = inks.shape[:2]
    result = np.empty_like(inks)
    for ink in range(4):
        noise = random.standard_normal(shape).astype(np.float32)
        fast = np.asarray(noise - cv2.GaussianBlur(noise, (0, 0), 1.5), np.float32)
        threshold = np.argsort(np.argsort(fast, axis=None)).reshape(shape) / fast.size
        result[..., ink] = inks[..., ink] > threshold
    return result


def on_paper(dots: Picture, random: Random) -> Picture:
    """Light that comes back from the inks on paper of some whiteness."""
    paper = np.array([0.9, 0.94, 0.95], np.float32) * np.float32(random.uniform(0.85, 1.03))
    through = np.ones((*dots.shape[:2], 3), np.float32)
    for ink in range(4):
        through *= 1 - dots[..., ink : ink + 1] * (1 - INKS[ink])
    return np.asarray(cv2.GaussianBlur(through * paper, (0, 0), random.uniform(0.5, 1.0)), np.float32)


def cast(sheet: Picture, box: Box, frame_px: int, random: Random) -> tuple[Picture, Box]:
    """Rays from a pinhole to a cylinder on which the sheet lies; the face about half the frame's height."""
    rows, columns = sheet.shape[:2]
    reach = frame_px / (box[3] / random.uniform(0.42, 0.56))
    y, x = (np.mgrid[0:frame_px, 0:frame_px].astype(np.float32) - frame_px / 2) / reach
    turn = np.radians(random.normal(0, 5))
    x, y = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    radius = columns * random.uniform(0.55, 2.5)
    lean = random.normal(0, 0.12)
    arc = radius * np.arcsin(np.clip(x / radius, -0.999, 0.999))
    depth = 1 + lean * y / rows
    centre = np.array([box[0] + box[2] / 2, box[1] + box[3] / 2])
    map_x, map_y = arc * depth + centre[0], y * depth + centre[1]
    face = np.float32(frame_px / 2), np.float32(frame_px / 2), box[2] * reach, box[3] * reach
    lamp = random.uniform(-0.6, 0.6) * columns, random.uniform(-0.6, 0.6) * rows, random.uniform(0.8, 2.0) * columns
    distance = np.sqrt((x - lamp[0]) ** 2 + (y - lamp[1]) ** 2 + lamp[2] ** 2)
    light = (lamp[2] / distance) ** 2
    mapped = cv2.remap(sheet, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_AREA)
    inside = (map_x >= 0) & (map_x < columns) & (map_y >= 0) & (map_y < rows)
    room = np.float32(random.uniform(0.1, 0.7)) * random.uniform(0.7, 1.0, 3).astype(np.float32)
    grain = cv2.GaussianBlur(random.standard_normal((frame_px, frame_px, 1)).astype(np.float32), (0, 0), 12)
    behind = room * (1 + 2 * grain[..., np.newaxis])
    scene = np.where(inside[..., np.newaxis], mapped * light[..., np.newaxis], behind).astype(np.float32)
    return scene, (float(face[0] - face[2] / 2), float(face[1] - face[3] / 2), float(face[2]), float(face[3]))


def sensed(scene: Picture, random: Random) -> Image:
    """One colour a pixel, interpolated, stored as JPEG."""
    lens = np.asarray(cv2.blur(scene, (2, 2)), np.float32)
    noise = random.standard_normal(scene.shape[:2]).astype(np.float32) * np.float32(random.uniform(0.002, 0.02))
    raw = np.empty(scene.shape[:2], np.float32)
    raw[0::2, 0::2], raw[1::2, 1::2] = lens[0::2, 0::2, 0], lens[1::2, 1::2, 2]
    raw[0::2, 1::2], raw[1::2, 0::2] = lens[0::2, 1::2, 1], lens[1::2, 0::2, 1]
    bytes_ = ((raw + noise).clip(0, 1) * 255).astype(np.uint8)
    colours = cv2.cvtColor(bytes_, cv2.COLOR_BayerRG2BGR)
    _, content = cv2.imencode(".jpg", colours, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(70, 96))])
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.uint8)


def printed(picture: Image, box: Box, random: Random) -> tuple[Image, Box]:
    """A frame of a print of ``picture``, and the face's box in it."""
    large = cv2.resize(picture, None, fx=SHEET_DPI_PX, fy=SHEET_DPI_PX, interpolation=cv2.INTER_LANCZOS4)
    inks = separated((np.asarray(large, np.float32) / 255).clip(0, 1))
    dots = ordered(inks) if random.random() < 0.5 else scattered(inks, random)
    margin = round(large.shape[1] * random.uniform(0, 0.12))
    sheet = cv2.copyMakeBorder(on_paper(dots, random), *(margin,) * 4, cv2.BORDER_CONSTANT, value=(0.92,) * 3)
    places = (box[0] * SHEET_DPI_PX + margin, box[1] * SHEET_DPI_PX + margin, box[2] * 3.0, box[3] * 3.0)
    scene, face = cast(np.asarray(sheet, np.float32), places, 2 * int(random.integers(130, 260)), random)
    return sensed(scene * np.float32(random.uniform(0.7, 1.1)), random), face
