"""The camera that takes the frame, live or attacked: the same for both, so that it tells nothing.

Same conventions as `plane`; `taken` ends in bytes, as the unit's cameras do. ``wear`` is 0 for a good camera in good
light and 1 for a poor one: it scales dimness, blur, noise and compression.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.image import Image
from models.train.plane import Picture, Random


def exposed(frame: Picture, random: Random, wear: float = 1.0) -> Picture:
    """Light, white balance and contrast of the room and the camera; one in five is dim."""
    gain = random.uniform(0.2, 0.6) if random.random() < 0.2 * wear else random.uniform(0.65, 1.35)
    balance = np.exp(random.normal(0, 0.09, 3)).astype(np.float32)
    toned = np.clip(frame * gain * balance, 0, None) ** np.float32(random.uniform(0.75, 1.3))
    return np.asarray(np.clip(toned, 0, 1.2), np.float32)


def lit(frame: Picture, random: Random) -> Picture:
    """A slope of light over the scene, and the lens's fall-off."""
    rows, columns = frame.shape[:2]
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j].astype(np.float32)
    slope = 1 + random.normal(0, 0.15) * x + random.normal(0, 0.1) * y
    corner = 1 - random.uniform(0, 0.15) * (x**2 + y**2)
    return np.asarray(frame * np.clip(slope * corner, 0.3, 1.8)[:, :, np.newaxis], np.float32)


def veiled(frame: Picture, random: Random, wear: float = 1.0) -> Picture:
    """A window behind her or a smeared lens lays light over everything; the camera makes up for it or not."""
    if random.random() > 0.1 + 0.4 * wear:
        return frame
    veil = random.uniform(0.03, 0.3) * (0.5 * float(frame.mean()) + 0.5 * float(frame.max()))
    return np.asarray((frame + veil) * random.uniform(1 / (1 + veil), 1.0), np.float32)


def focused(frame: Picture, random: Random, wear: float = 1.0) -> Picture:
    """Out of focus or moved, more often a little than much; sharpened by the camera at times."""
    result = smoothed(frame, random) if random.random() < 0.15 else frame
    if random.random() < 0.7:
        result = np.asarray(cv2.GaussianBlur(result, (0, 0), 0.2 + random.exponential(0.15 + 0.35 * wear)), np.float32)
    if random.random() < 0.15 * wear:
        result = np.asarray(cv2.filter2D(result, -1, streak(random)), np.float32)
    if random.random() < 0.4:
        result = result + random.uniform(0.2, 1.2) * (result - cv2.GaussianBlur(result, (0, 0), 1.0))
    return np.asarray(result, np.float32)


def smoothed(frame: Picture, random: Random) -> Picture:
    """Skin without pores, edges kept: what cameras of telephones and programs for video calls do to faces."""
    reach = int(random.integers(5, 10))
    return np.asarray(
        cv2.bilateralFilter(np.ascontiguousarray(frame, np.float32), reach, random.uniform(0.03, 0.12), reach / 2),
        np.float32,
    )


def streak(random: Random) -> Picture:
    """The way of a point during a short movement."""
    length = int(random.integers(3, 8))
    line = np.zeros((length, length), np.float32)
    line[length // 2] = 1
    turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), random.uniform(0, 180), 1)
    turned = np.asarray(cv2.warpAffine(line, turn, (length, length)), np.float32)
    return np.asarray(turned / max(float(turned.sum()), 1e-3), np.float32)


def noisy(frame: Picture, random: Random, wear: float = 1.0) -> Picture:
    """Shot and read noise, smeared at times by the camera's own filter."""
    strength = random.exponential(0.003 + 0.009 * wear)
    noise = random.standard_normal(frame.shape).astype(np.float32)
    if random.random() < 0.5:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), random.uniform(0.5, 1.2)), np.float32) * 2
    return np.asarray(frame + strength * noise * np.sqrt(np.clip(frame, 0.02, 1)) * 1.5, np.float32)


def compressed(frame: Image, random: Random, wear: float = 1.0) -> Image:
    """JPEG of some quality, at some other size before: a video's frame was scaled by somebody."""
    result = frame
    if random.random() < 0.4 * wear:
        factor = random.uniform(0.55, 1.3)
        size = max(32, round(frame.shape[1] * factor)), max(32, round(frame.shape[0] * factor))
        small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
        result = np.asarray(cv2.resize(small, frame.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    if random.random() < 0.8:
        quality = int(random.integers(75 - round(40 * wear), 97))
        _, content = cv2.imencode(".jpg", result, [cv2.IMWRITE_JPEG_QUALITY, quality])
        result = np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.uint8)
    return result


def taken(scene: Picture, random: Random) -> Image:
    """The frame of a camera in front of ``scene``: BGR, uint8."""
    wear = float(random.beta(0.6, 2.4))
    seen = veiled(focused(lit(scene, random), random, wear), random, wear)
    frame = noisy(exposed(seen, random, wear), random, wear)
    return compressed((np.clip(frame, 0, 1) * 255 + 0.5).astype(np.uint8), random, wear)
