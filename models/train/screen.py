"""A live picture shown on a telephone, tablet or monitor: what the screen does to it.

Same conventions as `plane`.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.train.plane import Box, Mask, Picture, Random, Sheet, rounded, smooth_noise


def emitted(picture: Picture, random: Random) -> Picture:
    """Gamma, contrast, black level and white point of a display; brighter than the room at times, which the camera
    exposes for."""
    gamma = random.uniform(0.7, 1.6)
    contrast = random.uniform(0.8, 1.8)
    black = random.uniform(0.0, 0.12)
    white = np.array([random.uniform(0.9, 1.25), 1.0, random.uniform(0.8, 1.08)], np.float32)
    bright = random.uniform(1.0, 2.0) if random.random() < 0.5 else 1.0
    shown = (picture**gamma - 0.5) * contrast + 0.5
    return np.asarray(np.clip((black + (1 - black) * shown) * white * bright, 0, 1.6), np.float32)


def device(picture: Picture, box: Box, random: Random) -> Sheet:
    """The picture inside a frame: bezels of their own widths, round corners, a bar or a play button at times."""
    rows, columns = picture.shape[:2]
    side = random.uniform(0.01, 0.06) * columns
    ends = random.uniform(0.01, 0.16 if random.random() < 0.7 else 0.7, 2) * rows
    bezel = np.full(3, random.choice([0.02, 0.04, 0.08, 0.5, 0.85], p=[0.35, 0.3, 0.15, 0.1, 0.1]), np.float32)
    bezel = bezel * random.uniform(0.8, 1.2, 3).astype(np.float32)
    top, bottom, beside = round(ends[0]), round(ends[1]), round(side)
    shown = with_controls(picture, random) if random.random() < 0.3 else picture
    whole = cv2.copyMakeBorder(shown, top, bottom, beside, beside, cv2.BORDER_CONSTANT, value=bezel.tolist())
    alpha = rounded(whole.shape[:2], random.uniform(0.0, 0.1) * columns)
    moved_box = box[0] + beside, box[1] + top, box[2], box[3]
    return Sheet(np.asarray(whole, np.float32), alpha, moved_box)


def with_controls(picture: Picture, random: Random) -> Picture:
    """What a player draws over a picture: a bar with marks, or a round button."""
    result = picture.copy()
    rows, columns = result.shape[:2]
    light = float(random.choice([0.9, 1.0, 0.1]))
    if random.random() < 0.5:
        centre = round(columns * random.uniform(0.3, 0.7)), round(rows * random.uniform(0.55, 0.95))
        cv2.circle(result, centre, max(3, round(columns * 0.06)), (light,) * 3, -1, cv2.LINE_AA)
    else:
        height = round(rows * random.uniform(0.05, 0.12))
        start = 0 if random.random() < 0.3 else rows - height
        result[start : start + height] *= 0.2
        for share in np.linspace(0.1, 0.9, int(random.integers(3, 7))):
            cv2.circle(result, (round(columns * share), start + height // 2), max(1, height // 6), (light,) * 3, -1)
    return result


def grid(across: Mask, down: Mask, pitch: float, depth: float, random: Random) -> Picture:
    """The pixel grid's light, sampled where the camera's pixels are, so that moire comes by itself.

    ``across`` and ``down`` are places on the sheet, ``pitch`` the distance of its pixels there; the three colours of a
    pixel lie side by side.
    """
    swap = bool(random.random() < 0.5)
    x, y = (down, across) if swap else (across, down)
    turn = 2 * np.pi / pitch
    bend = 0.15 * pitch * smooth_noise(across.shape, across.shape[0] / 2, random)
    light = np.empty((*across.shape, 3), np.float32)
    for channel in range(3):
        light[:, :, channel] = np.cos(turn * (x + bend) + channel * 2 * np.pi / 3)
    rows = np.cos(turn * (y + bend))[:, :, np.newaxis] * random.uniform(0.0, 1.0)
    return (1 + depth * (light + rows) / 2).astype(np.float32)


def moire(across: Mask, down: Mask, pitch: float, depth: float, random: Random) -> Picture:
    """Coarse coloured bands, as where the camera's and the screen's grid beat."""
    angle = random.uniform(0, np.pi)
    bend = smooth_noise(across.shape, across.shape[0] / 3, random) * pitch * random.uniform(0.2, 1.0)
    phase = 2 * np.pi / pitch * (np.cos(angle) * across + np.sin(angle) * down + bend)
    shift = random.uniform(0, 2.2, 3)
    bands = np.stack([np.cos(phase + shift[channel]) for channel in range(3)], axis=2)
    return (1 + depth * bands).astype(np.float32)


def banding(frame_px: int, random: Random) -> Picture:
    """Dark rows where the screen's refresh and a rolling shutter meet."""
    rows = np.arange(frame_px, dtype=np.float32)
    period = frame_px * random.uniform(0.15, 1.2)
    light = 1 + random.uniform(0.02, 0.15) * np.cos(2 * np.pi * rows / period + random.uniform(0, 6.3))
    return np.broadcast_to(light[:, np.newaxis, np.newaxis], (frame_px, frame_px, 3)).astype(np.float32)


def glare(frame_px: int, random: Random) -> Picture:
    """Light that the glass reflects: a lamp's blurred spot or a window's streak, to be added."""
    spots = np.zeros((frame_px, frame_px), np.float32)
    for _ in range(int(random.integers(1, 3))):
        centre = [int(value) for value in random.integers(0, frame_px, 2)]
        axes = [max(2, round(frame_px * random.uniform(0.01, 0.25))) for _ in range(2)]
        angle = random.uniform(0, 180)
        cv2.ellipse(spots, centre, axes, angle, 0, 360, float(random.uniform(0.1, 0.9)), -1, cv2.LINE_AA)
    return shining(spots, frame_px * random.uniform(0.01, 0.06), random)


def lamps(frame_px: int, random: Random) -> Picture:
    """Lamps mirrored in glass or gloss: small, bright, with sharp edges, to be added."""
    spots = np.zeros((frame_px, frame_px), np.float32)
    for _ in range(int(random.integers(1, 5))):
        centre = [int(value) for value in random.integers(0, frame_px, 2)]
        axes = [max(1, round(frame_px * random.uniform(0.004, 0.05))) for _ in range(2)]
        bright = float(random.uniform(0.4, 1.5))
        if random.random() < 0.5:
            cv2.ellipse(spots, centre, axes, random.uniform(0, 180), 0, 360, bright, -1, cv2.LINE_AA)
        else:
            corners = cv2.boxPoints((centre, (2 * axes[0], 2 * axes[1]), random.normal(0, 15)))
            cv2.fillConvexPoly(spots, np.rint(corners).astype(np.int32), bright, cv2.LINE_AA)
    return shining(spots, random.uniform(0.3, 1.5), random)


def shining(spots: Mask, blur_px: float, random: Random) -> Picture:
    """Light of about white, out of focus by ``blur_px``."""
    blurred = cv2.GaussianBlur(spots, (0, 0), blur_px)
    tint = random.uniform(0.85, 1.0, 3).astype(np.float32)
    return np.asarray(blurred[:, :, np.newaxis] * tint, np.float32)


def reflection(room: Picture, random: Random) -> Picture:
    """The room mirrored in the glass, faint or, before a dark picture, as clear as in a mirror, to be added."""
    clear = random.random() < 0.4
    blurred = cv2.GaussianBlur(room[:, ::-1], (0, 0), random.uniform(0.5, 3) if clear else random.uniform(1.5, 8))
    return np.asarray(blurred * random.uniform(0.02, 0.3 if clear else 0.15), np.float32)
