"""What training changes of a crop each time it is shown: mirror, shape, tone, sharpness, noise, place. Bytes in, bytes
out.

The tone varies by more than printers, screens and rooms make it: without that, the network takes low contrast for paper
(pale live faces before a webcam were prints to it, bright replays were live).
"""

from __future__ import annotations

import cv2
import numpy as np

from models.image import Image
from models.train.plane import Matrix, Picture, Random

MOVE_PX = 5
LEANING = 0.3
"""Share of samples that another pose or box would show narrower, flatter or turned."""
BANK_PX = 256


def bank() -> Picture:
    """Noise of spread 1, fine and coarse, from which `varied` takes pieces: drawing it anew would take most time.

    float32 (2, BANK_PX, BANK_PX, 3).
    """
    fine = np.random.default_rng(1).standard_normal((BANK_PX, BANK_PX, 3)).astype(np.float32)
    coarse = np.asarray(cv2.GaussianBlur(fine, (0, 0), 1.2), np.float32)
    return np.stack([fine, coarse / coarse.std()])


BANK = bank()


def varied(crops: Image, random: Random) -> Image:
    """One sample's stacked crops (side, side, 3 * crops), all of them alike but for the place."""
    tables = curves(random)
    saturation = float(np.exp(random.normal(0, 0.5)))
    sharpness = float(random.choice([-1.0, 0.0, 1.0], p=[0.25, 0.5, 0.25]) * random.uniform(0.3, 1.0))
    noise = float(random.exponential(4.0)) if random.random() < 0.4 else 0.0
    grain, mirrored = int(random.integers(2)), random.random() < 0.5
    leaning = leant(crops.shape[0], random) if random.random() < LEANING else None
    parts = []
    for start in range(0, crops.shape[2], 3):
        part = np.ascontiguousarray(crops[:, ::-1, start : start + 3] if mirrored else crops[:, :, start : start + 3])
        if leaning is not None:
            size = part.shape[1], part.shape[0]
            part = np.asarray(cv2.warpAffine(part, leaning, size, borderMode=cv2.BORDER_REFLECT), np.uint8)
        grey = cv2.cvtColor(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        toned = cv2.LUT(cv2.addWeighted(part, saturation, grey, 1 - saturation, 0), tables)
        toned = cv2.addWeighted(toned, 1 + sharpness, cv2.blur(toned, (3, 3)), -sharpness, 0)
        if noise:
            y, x = (int(value) for value in random.integers(0, BANK_PX - len(part), 2))
            piece = BANK[grain, y : y + len(part), x : x + len(part)]
            toned = cv2.add(toned, piece * noise, dtype=cv2.CV_8U)
        down, across = random.integers(-MOVE_PX, MOVE_PX + 1, 2)
        parts.append(np.roll(np.asarray(toned, np.uint8), (int(down), int(across)), (0, 1)))
    return np.concatenate(parts, axis=2)


def curves(random: Random) -> Image:
    """Gamma, contrast, brightness and colour as a table (1, 256, 3) for `cv2.LUT`."""
    level = (np.arange(256) / 255) ** np.exp(random.normal(0, 0.35))
    middle = random.uniform(0.3, 0.6)
    level = middle + np.exp(random.normal(0, 0.4)) * (level - middle) + random.normal(0, 0.12)
    tint = np.exp(random.normal(0, 0.1, 3))
    return np.asarray(np.clip(level[:, np.newaxis] * tint * 255, 0, 255), np.uint8)[np.newaxis]


def leant(side_px: int, random: Random) -> Matrix:
    """Another height, width and roll about the middle: a chin up or down, a head turned, a box that is a little off."""
    wide, high = np.exp(random.normal(0, 0.08, 2))
    turn = np.radians(random.normal(0, 5))
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag([wide, high])
    middle = np.full(2, side_px / 2)
    return np.column_stack([linear, middle - linear @ middle])
