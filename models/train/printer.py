"""A live picture as a printer puts it on paper: an office laser's lines and dots, an inkjet's drops, a laboratory's
even tones.

Same conventions as `plane`. Which dots a printer makes and which inks it makes them of are drawn apart, so that there
are more printers than names here.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.train.plane import Picture, Random, smooth_noise

SCREEN_DEG = (0.0, 75.0, 15.0, 45.0)
"""Angles of the yellow, magenta, cyan and black dot screens; the first three in the order of blue, green and red."""


def inked(picture: Picture, random: Random) -> Picture:
    """The printer's gamut: less contrast, paper's white and ink's black, a cast of colour; grey at times."""
    ink = random.uniform(0.03, 0.2)
    paper = random.uniform(0.78, 1.0) * np.array([random.uniform(0.9, 1.0), random.uniform(0.95, 1.0), 1.0])
    grey = picture.mean(axis=2, keepdims=True)
    saturation = 0.0 if random.random() < 0.15 else random.uniform(0.5, 1.15)
    toned = np.clip(grey + saturation * (picture - grey), 0, 1) ** random.uniform(0.75, 1.35)
    cast = random.uniform(0.92, 1.05, 3)
    return np.asarray(np.clip((ink + (paper - ink) * toned) * cast, 0, 1), np.float32)


def halftoned(picture: Picture, pitch_px: float, hardness: float, random: Random) -> Picture:
    """Dots whose size follows the tone, a screen of its own angle for each ink; ``hardness`` is their contrast."""
    rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float32)
    result = np.empty_like(picture)
    start_deg = random.uniform(0, 90)
    for channel in range(picture.shape[2]):
        angle = np.radians(start_deg + SCREEN_DEG[channel])
        turn = 2 * np.pi / pitch_px
        across = np.cos(turn * (np.cos(angle) * columns + np.sin(angle) * rows))
        down = np.cos(turn * (-np.sin(angle) * columns + np.cos(angle) * rows))
        threshold = 0.5 + 0.25 * (across + down)
        result[:, :, channel] = 1 / (1 + np.exp(-hardness * (picture[:, :, channel] - threshold)))
    return result


def sprayed(picture: Picture, grain_px: float, strength: float, random: Random) -> Picture:
    """Random ink drops of an inkjet printer, most in the middle tones, each ink for itself."""
    shape = picture.shape[:2]
    drops = np.stack([smooth_noise((shape[0], shape[1]), grain_px, random) for _ in range(3)], axis=2)
    wet = picture + strength * drops * np.sqrt(picture * (1.02 - picture).clip(0))
    return np.asarray(np.clip(wet, 0, 1), np.float32)


def striped(picture: Picture, random: Random) -> Picture:
    """Bands that a print head leaves."""
    rows = np.arange(picture.shape[0], dtype=np.float32)
    period = random.uniform(3, 24)
    light = 1 + random.uniform(0.01, 0.06) * np.sign(np.cos(2 * np.pi * rows / period + random.uniform(0, 6.3)))
    return np.asarray(picture * light[:, np.newaxis, np.newaxis], np.float32)


def lined(picture: Picture, pitch_px: float, hardness: float, random: Random) -> Picture:
    """Lines whose width follows the tone, as laser printers draw them; one angle for all inks or one for each."""
    rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float32)
    result = np.empty_like(picture)
    start_deg, apart = random.uniform(0, 180), float(random.random() < 0.7)
    for channel in range(picture.shape[2]):
        angle = np.radians(start_deg + apart * SCREEN_DEG[channel])
        across = np.cos(2 * np.pi / pitch_px * (np.cos(angle) * columns + np.sin(angle) * rows))
        result[:, :, channel] = 1 / (1 + np.exp(-hardness * (picture[:, :, channel] - 0.5 - 0.45 * across)))
    return result


def diffused(picture: Picture, random: Random) -> Picture:
    """Drops or none, the error of each row handed on to the next (error diffusion), with some noise against worms."""
    wanted = picture.copy()
    result = np.empty_like(picture)
    doubt = random.uniform(0.05, 0.35)
    for row in range(len(wanted)):
        threshold = 0.5 + doubt * random.uniform(-1, 1, wanted.shape[1:]).astype(np.float32)
        result[row] = wanted[row] > threshold
        if row + 1 < len(wanted):
            wanted[row + 1] += cv2.blur(wanted[row] - result[row], (3, 1))
    return result


def separated(picture: Picture, random: Random) -> Picture:
    """Black in place of equal parts of the other inks, as far as a driver does so: (height, width, 4), 1 is no ink."""
    most = picture.max(axis=2, keepdims=True)
    share = np.float32(random.uniform(0.3, 1.0))
    black = 1 - share * (1 - most) ** np.float32(random.uniform(1.0, 2.5))
    return np.concatenate([np.clip(picture / np.maximum(black, 0.02), 0, 1), black], axis=2).astype(np.float32)


def laid(inks: Picture, random: Random) -> Picture:
    """Light that four inks leave, by their densities: none is pure, so a print's colours are never a screen's."""
    impurity = random.uniform(0.0, 0.3, (4, 3))
    densities = np.maximum(impurity, np.eye(4, 3)) * random.uniform(0.8, 1.6)
    densities[3] = random.uniform(0.9, 1.7)
    return np.asarray(10.0 ** -((1 - inks) @ densities.astype(np.float32)), np.float32)


def toned(picture: Picture, random: Random) -> Picture:
    """Toner does not hold the finest dots and runs the densest together: lights and shadows without detail."""
    low, high = random.uniform(0.0, 0.15), random.uniform(0.82, 1.0)
    return np.asarray(np.clip((picture - low) / (high - low), 0, 1), np.float32)


def glossed(picture: Picture, random: Random) -> Picture:
    """Of a laboratory: even tones, deep black, full colours; the picture's own grain smoothed or sharpened."""
    grey = picture.mean(axis=2, keepdims=True)
    vivid = grey + random.uniform(1.0, 1.35) * (picture - grey)
    soft = cv2.GaussianBlur(vivid, (0, 0), random.uniform(0.5, 1.5))
    edged = soft + random.uniform(0.0, 1.2) * (vivid - soft)
    return np.asarray(np.clip(edged * (1 + 0.1 * random.normal()), 0, 1), np.float32)


def dotted(picture: Picture, random: Random) -> Picture:
    """A printer whose dots can be seen from near: its own way to lay them, in three ideal inks or in four real ones."""
    real = random.random() < 0.5
    inks = separated(picture, random) if real else picture
    kind, pitch_px, hardness = random.random(), random.uniform(2.2, 6.5), random.uniform(3, 14)
    if kind < 0.5:
        dots = halftoned(inks, pitch_px, hardness, random)
    elif kind < 0.7:
        dots = lined(inks, pitch_px, hardness, random)
    else:
        dots = diffused(inks, random)
    return laid(dots, random) if real else dots
