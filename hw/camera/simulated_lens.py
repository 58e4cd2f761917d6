"""From light to a picture: motion of what stands there, exposure, colour filters, noise, tone curve, 8 bits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from hw.camera.simulated_head import Array, HeadFrame, behind_lids
from hw.camera.simulated_light import Vector
from hw.camera.simulated_scene import DISTANCE, Act, Kind, Layer, Scene, build
from hw.camera.sources import Setting

EXPOSURE_S: Final = 0.02
SWAY_HZ: Final = (0.31, 0.23, 0.17, 0.27, 0.37)
"""Nobody stands still: sideways, up and down, roll, yaw, nearer and farther."""
FULL_WELL: Final = 9000.0
"""Electrons at white: a small sensor's, indoors."""
READ_NOISE: Final = 6.0
TURN_RAD: Final = math.radians(24)
LEVELS: Final = 4096
# What the sensor's red, green and blue see of the ring's red, green and blue.
FILTERS: Final = np.array([[0.88, 0.10, 0.02], [0.09, 0.83, 0.08], [0.02, 0.13, 0.85]])
# What is asked takes this long: going there, staying, coming back.
ACT_S: Final = (0.7, 0.5, 0.7)
BLINKS_S: Final = (0.5, 1.3)
BLINK_S: Final = 0.4

NOISE: Final = (LEVELS * np.sqrt(np.arange(LEVELS) / LEVELS / FULL_WELL + (READ_NOISE / FULL_WELL) ** 2)).astype(
    np.float32
)
"""Deviation of each level, in levels."""


class Lens:
    """One scene before one sensor. `picture` is a pure function of its arguments, the scene's seed and ``held_s``.

    ``held_s``: what is held, and since when on the clock of `picture`; the rest drifts.
    """

    def __init__(self, scene: Scene, width: int, height: int) -> None:
        """Build the scene.

        Raises:
            ValueError: it cannot be built.
        """
        self.scene = scene
        self.held_s: Mapping[Setting, float] = {}
        self._stage = build(scene, width, height)
        self._chance = np.random.default_rng(scene.seed + 1)
        self._sway = self._chance.uniform(0, 2 * np.pi, len(SWAY_HZ))
        self._grain = self._chance.standard_normal((height + 61, width + 67, 3), np.float32)
        self._filters = FILTERS + self._chance.normal(0, 0.02, (3, 3))
        self._curve = tone_curve(float(self._chance.uniform(-0.06, 0.06)))

    def picture(self, time_s: float, light: Vector, act_s: float = -1.0) -> npt.NDArray[np.uint8]:
        """The frame at ``time_s`` (seconds of any clock), BGR uint8.

        ``light``: the ring's red, green, blue during the exposure, as the scene gets to see it. ``act_s``: seconds
        since she was asked to act; below 0: not yet.
        """
        ring = (self._filters @ light).astype(np.float32)
        radiance = self._radiance(time_s, ring, act_s)
        if self.scene.kind is Kind.TINT:
            radiance = scaled(radiance, 1 + self.scene.ratio * ring)
        return self._developed(radiance, time_s)

    def _radiance(self, time_s: float, ring: Array, act_s: float) -> Array:
        room, front = self._stage.room, self._stage.front
        seen = shone(room, ring)
        if front is None:
            return seen
        where = self._where(time_s, act_s)
        lit = remap(shone(front, ring), where)
        cover = remap(front.cover, where)
        return np.asarray(cv2.blendLinear(lit, seen, cover, 1 - cover), np.float32)

    def _where(self, time_s: float, act_s: float) -> tuple[Array, Array]:
        """For each pixel of the frame, the pixel of the layer that is seen there."""
        stage, front, sway = self._stage, self._stage.front, self._sway
        # Plain floats: numpy's own would turn every map into float64.
        wave = [float(w) for w in np.sin(2 * np.pi * np.array(SWAY_HZ) * time_s + sway) * self.scene.motion]
        yaw = math.radians(1.2) * wave[3] + self._turned(act_s)
        roll = math.radians(0.6) * wave[2]
        scale = 1 + 0.006 * wave[4]
        move = 0.025 * wave[0], 0.018 * wave[1]
        x, y = (stage.x - move[0]) / scale, (stage.y - move[1]) / scale
        x, y = x * math.cos(roll) + y * math.sin(roll), y * math.cos(roll) - x * math.sin(roll)
        if front is not None and front.depth is not None:
            x = turned_head(x, y, front.depth, stage.head, yaw)
        else:
            x, y = turned_sheet(x, y, yaw)
        if closed := self._closed(act_s):
            y = behind_lids(x, y, closed)
        return pixels(stage.head, x, y)

    def _turned(self, act_s: float) -> float:
        sign = {Act.TURN_LEFT: 1, Act.TURN_RIGHT: -1}.get(self.scene.act, 0)
        return sign * TURN_RAD * progress(act_s)

    def _closed(self, act_s: float) -> float:
        """How far the eyes are closed; paper and screens do not do what they are asked."""
        if self.scene.act is not Act.BLINK or self.scene.kind is not Kind.LIVE:
            return 0.0
        return max(lid(act_s - begin) for begin in BLINKS_S)

    def _developed(self, radiance: Array, time_s: float) -> npt.NDArray[np.uint8]:
        drift = 1 + self.scene.exposure_drift * math.sin(2 * self.held_s.get(Setting.EXPOSURE, time_s))
        warmer = self.scene.white_drift * math.sin(self.held_s.get(Setting.WHITE_BALANCE, time_s))
        white = np.array([1 + warmer, 1.0, 1 - warmer])
        exposed = scaled(radiance, (LEVELS - 1) * drift * white)
        step = round(time_s * 1000)
        down, right = step * 37 % 61, step * 53 % 67
        height, width = exposed.shape[:2]
        grain = self._grain[down : down + height, right : right + width]
        # The noise of the light that falls, in steps of a level: looked up, because a root for each pixel is slow.
        noisy = exposed + grain * NOISE[levels_of(exposed)]
        return np.ascontiguousarray(self._curve[levels_of(noisy)][..., ::-1])


def levels_of(exposed: Array) -> npt.NDArray[np.uint16]:
    """Whole levels, clipped at black and white."""
    _, lit = cv2.threshold(exposed, 0.0, 0.0, cv2.THRESH_TOZERO)
    _, whole = cv2.threshold(lit, LEVELS - 1.0, 0.0, cv2.THRESH_TRUNC)
    return np.asarray(whole, np.float32).astype(np.uint16)


def scaled(light: Array, factors: npt.NDArray[np.floating]) -> Array:
    """Each channel times its factor. By OpenCV: numpy is slow where the last axis has three numbers."""
    return np.asarray(cv2.transform(light, np.diag(factors)), np.float32)


def shone(layer: Layer, ring: Array) -> Array:
    """Its light with the ring on."""
    lit = cv2.add(layer.own, scaled(layer.reflex, ring))
    return np.asarray(lit + layer.added * ring if layer.added else lit, np.float32)


def remap(maps: Array, where: tuple[Array, Array]) -> Array:
    """``maps`` looked up at ``where``."""
    return np.asarray(cv2.remap(maps, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def pixels(head: HeadFrame, x: Array, y: Array) -> tuple[Array, Array]:
    """From the head's coordinates back to pixels."""
    cos, sin = math.cos(head.roll) * head.scale_px, math.sin(head.roll) * head.scale_px
    return (head.x + cos * x - sin * y).astype(np.float32), (head.y + sin * x + cos * y).astype(np.float32)


def turned_head(x: Array, y: Array, z: Array, head: HeadFrame, yaw: float) -> Array:
    """Where the point was before the head turned about its upright axis: what is nearer has moved farther."""
    source = x
    for _ in range(3 if abs(yaw) > math.radians(4) else 1):
        near = remap(z, pixels(head, source, y))
        source = np.asarray((x - near * math.sin(yaw)) / math.cos(yaw), np.float32)
    return source


def turned_sheet(x: Array, y: Array, yaw: float) -> tuple[Array, Array]:
    """The same for a stiff sheet: a homography."""
    nearer = 1 - x * math.tan(yaw) / DISTANCE
    return np.asarray(x / math.cos(yaw) / nearer, np.float32), np.asarray(y / nearer, np.float32)


def progress(act_s: float) -> float:
    """How far an asked movement is, 0 to 1 and back."""
    go, stay, back = ACT_S
    if act_s < 0 or act_s > go + stay + back:
        return 0.0
    share = min(act_s / go, 1.0) if act_s < go + stay else 1 - (act_s - go - stay) / back
    return 0.5 - 0.5 * math.cos(math.pi * share)


def lid(since_s: float) -> float:
    """How far a lid is closed, ``since_s`` after it began to."""
    return math.sin(math.pi * since_s / BLINK_S) ** 0.5 if 0 < since_s < BLINK_S else 0.0


def tone_curve(bend: float) -> npt.NDArray[np.uint8]:
    """From linear levels to 8 bits: sRGB, with a little S on top as cameras' own curves have."""
    value = np.arange(LEVELS) / (LEVELS - 1)
    encoded = np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
    encoded = encoded + bend * np.sin(2 * np.pi * encoded) / (2 * np.pi)
    return np.asarray(np.clip(np.rint(encoded * 255), 0, 255), np.uint8)
