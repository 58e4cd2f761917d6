"""A printed sheet (`printer`): what paper, scissors and hands do to it.

Same conventions as `plane`.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.train.plane import Box, Mask, Picture, Random, Sheet, smooth_noise


def bordered(picture: Picture, box: Box, random: Random) -> Sheet:
    """On a sheet with a white margin, or trimmed to the picture."""
    columns = picture.shape[1]
    margin = 0.0 if random.random() < 0.45 else random.uniform(0.01, 0.25)
    top, bottom, left, right = (round(columns * margin * random.uniform(0.5, 1.5)) for _ in range(4))
    whole = cv2.copyMakeBorder(picture, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(0.97,) * 3)
    moved_box = box[0] + left, box[1] + top, box[2], box[3]
    return Sheet(np.asarray(whole, np.float32), np.ones(whole.shape[:2], np.float32), moved_box)


def textured(sheet: Sheet, random: Random) -> Sheet:
    """The paper's fibres and unevenness."""
    shape = sheet.picture.shape[0], sheet.picture.shape[1]
    fibres = random.uniform(0.0, 0.03) * smooth_noise(shape, random.uniform(1, 3), random)
    clouds = random.uniform(0.0, 0.03) * smooth_noise(shape, random.uniform(10, 60), random)
    light = 1 + fibres + clouds
    return Sheet(np.asarray(sheet.picture * light[:, :, np.newaxis], np.float32), sheet.alpha, sheet.box)


def cut_out(sheet: Sheet, random: Random) -> Sheet:
    """Cut along the head with scissors: an oval with uneven edge; eye holes at times."""
    left, top, width, height = sheet.box
    rows, columns = np.mgrid[0 : sheet.alpha.shape[0], 0 : sheet.alpha.shape[1]].astype(np.float32)
    centre = left + width / 2, top + height * random.uniform(0.4, 0.5)
    axes = width * random.uniform(0.55, 0.85), height * random.uniform(0.55, 0.8)
    angle = np.arctan2((rows - centre[1]) / axes[1], (columns - centre[0]) / axes[0])
    uneven = sum(random.normal(0, 0.02) * np.cos(order * angle + random.uniform(0, 6.3)) for order in range(2, 9))
    radius = np.hypot((columns - centre[0]) / axes[0], (rows - centre[1]) / axes[1])
    inside = np.clip((1 + uneven - radius) * axes[0] / 1.5, 0, 1)
    if random.random() < 0.3:
        inside = inside * eye_holes(sheet)
    return Sheet(sheet.picture, np.asarray(sheet.alpha * inside, np.float32), sheet.box)


def eye_holes(sheet: Sheet) -> Mask:
    """0 where the eyes of a face in the sheet's box are cut out."""
    left, top, width, height = sheet.box
    mask = np.ones(sheet.alpha.shape, np.float32)
    for share in (0.31, 0.69):
        centre = round(left + share * width), round(top + 0.4 * height)
        cv2.ellipse(mask, centre, (round(0.13 * width), round(0.06 * height)), 0, 0, 360, 0.0, -1, cv2.LINE_AA)
    return mask


def bent(sheet: Sheet, random: Random) -> Sheet:
    """Bent about a slanted axis: shortened towards the edges, and shaded where it turns from the light."""
    rows, columns = sheet.picture.shape[:2]
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    angle = random.normal(0, 0.4) + (np.pi / 2 if random.random() < 0.25 else 0)
    along = ((x / columns - 0.5) * np.cos(angle) + (y / rows - 0.5) * np.sin(angle)).astype(np.float32)
    curve = random.uniform(0.2, 1.2)
    flat = np.arcsin(np.clip(along * 2 * np.sin(curve * 0.7), -0.99, 0.99)) / (curve * 1.4) - along
    map_x = (x + flat * columns * np.cos(angle)).astype(np.float32)
    map_y = (y + flat * rows * np.sin(angle)).astype(np.float32)
    light = shading(along, curve, random)
    picture = cv2.remap(sheet.picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.remap(sheet.alpha, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return Sheet(np.asarray(picture * light, np.float32), np.asarray(alpha, np.float32), sheet.box)


def shading(along: Mask, curve: float, random: Random) -> Picture:
    """Light on a cylinder, (height, width, 1), with a faint gloss."""
    normal = np.clip(along * 2 * curve, -1.4, 1.4)
    lamp = random.uniform(-0.7, 0.7)
    diffuse = np.clip(np.cos(normal - lamp), 0.2, 1) / np.cos(lamp)
    gloss = random.uniform(0, 0.5) * np.exp(-(((normal - lamp) / 0.12) ** 2)) * float(random.random() < 0.4)
    return np.asarray((diffuse + gloss)[:, :, np.newaxis], np.float32)


def creased(sheet: Sheet, random: Random) -> Sheet:
    """One to three folds: a bright and a dark line side by side, and another light on each side."""
    rows, columns = sheet.picture.shape[:2]
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    light = np.ones((rows, columns), np.float32)
    for _ in range(int(random.integers(1, 4))):
        angle = random.uniform(0, np.pi)
        distance = (x - columns * random.uniform(0.1, 0.9)) * np.cos(angle)
        distance = distance + (y - rows * random.uniform(0.1, 0.9)) * np.sin(angle)
        width = random.uniform(0.8, 2.5)
        light += random.uniform(0.05, 0.25) * np.exp(-((distance / width) ** 2)) * np.sign(distance + 0.01)
        light += random.normal(0, 0.04) * (distance > 0)
    return Sheet(np.asarray(sheet.picture * light[:, :, np.newaxis], np.float32), sheet.alpha, sheet.box)
