"""Warmth: told, never decisive."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest

from hw.thermal.simulator import SimulatedBus
from models.liveness import thermal
from models.liveness.result import Decision

FACE = (240.0, 120.0, 160.0, 220.0)
PICTURE = (640, 480)


def scene(face_c: float = 33.0, room_c: float = 23.0) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    pixels = np.full((8, 8), room_c)
    pixels[2:6, 3:5] = face_c
    return pixels


def test_a_warm_face_stands_out() -> None:
    result = thermal.judge(scene(), FACE, PICTURE)
    assert (result.decision, result.reasons) == (Decision.LIVE, ("warmer_than_surroundings",))
    assert result.evidence["face_c"] == 33.0
    assert result.evidence["around_c"] == 23.0
    json.dumps(result.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("face_c", "room_c", "decision", "reason"),
    [
        (23.0, 23.0, Decision.UNSURE, "not_warmer"),
        (25.0, 23.0, Decision.UNSURE, "not_warmer"),
        (27.0, 20.0, Decision.UNSURE, "too_cold"),
        (55.0, 23.0, Decision.UNSURE, "too_hot"),
        (34.0, 31.0, Decision.NOT_PERFORMED, "room_too_warm"),
    ],
)
def test_reasons(face_c: float, room_c: float, decision: Decision, reason: str) -> None:
    result = thermal.judge(scene(face_c, room_c), FACE, PICTURE)
    assert (result.decision, result.reasons) == (decision, (reason,))


def test_the_simulated_sensor_tells_a_face_from_a_screen() -> None:
    bus = SimulatedBus()
    bus.show_face()
    assert thermal.judge(bus.pixels_c, FACE, PICTURE).decision is Decision.LIVE
    bus.show_screen()
    assert thermal.judge(bus.pixels_c, FACE, PICTURE).reasons == ("not_warmer",)


@pytest.mark.parametrize("pixels", [np.zeros((7, 8)), np.full((8, 8), np.nan), np.full((8, 8), 900.0), np.zeros(0)])
def test_what_is_no_reading(pixels: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    result = thermal.judge(pixels, FACE, PICTURE)
    assert (result.decision, result.reasons) == (Decision.NOT_PERFORMED, ("no_reading",))


@pytest.mark.parametrize(
    "face",
    [(900.0, 0.0, 50.0, 50.0), (0.0, 0.0, 0.0, 10.0), (math.nan, 0.0, 9.0, 9.0), (-2000.0, -2000.0, 9000.0, 9000.0)],
)
def test_a_box_outside_or_none(face: tuple[float, float, float, float]) -> None:
    assert thermal.judge(scene(), face, PICTURE).reasons == ("face_outside",)


BESIDE = (30.0, 70.0, 120.0, 150.0)
"""A face that lies elsewhere in a picture that is turned or mirrored in any way."""


def seen(mounting: thermal.Mounting, picture: tuple[int, int] = PICTURE) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What a sensor that is mounted so has of a warm face at :data:`BESIDE`: ray by ray, 64 to a pixel."""
    at = (np.arange(64) + 0.5) / 32 - 1
    x, y = np.meshgrid(at, at)
    roll, right, down = np.radians([mounting.turned_deg, mounting.right_deg, mounting.down_deg])
    # The sensor is turned clockwise as seen from behind: its right hand looks down, then left.
    x, y = x * np.cos(roll) - y * np.sin(roll), x * np.sin(roll) + y * np.cos(roll)
    ray = np.stack([(-x if mounting.mirrored else x) * math.tan(math.pi / 6), y * math.tan(math.pi / 6), x * 0 + 1])
    ray = np.stack([ray[0], *_leaned(ray[1], ray[2], down)])
    turned, ahead = _leaned(ray[0], ray[2], right)
    focal = picture[0] / 2 / math.tan(math.radians(mounting.picture_deg / 2))
    column, row = picture[0] / 2 + focal * turned / ahead, picture[1] / 2 + focal * ray[1] / ahead
    left, top, width, height = BESIDE
    on_face = (left <= column) & (column <= left + width) & (top <= row) & (row <= top + height)
    return np.where(on_face, 33.0, 23.0).reshape(8, 8, 8, 8).mean(axis=(1, 3))


def _leaned(side: Any, ahead: Any, angle: float) -> tuple[Any, Any]:
    return side * math.cos(angle) + ahead * math.sin(angle), ahead * math.cos(angle) - side * math.sin(angle)


MOUNTINGS = [
    *itertools.starmap(thermal.Mounting, list(itertools.product(thermal.TURNS_DEG, (False, True)))[1:]),
    thermal.Mounting(right_deg=-14),
    thermal.Mounting(down_deg=14),
    thermal.Mounting(picture_deg=40),
    thermal.Mounting(90, True, 70, -6, 5),
    thermal.Mounting(270, False, 50, -9, -6),
]


def test_the_ordinary_sensor_sees_the_face() -> None:
    assert thermal.judge(seen(thermal.USUAL), BESIDE, PICTURE).reasons == ("warmer_than_surroundings",)


@pytest.mark.parametrize("mounting", MOUNTINGS, ids=str)
def test_a_sensor_mounted_otherwise_says_the_same_once_that_is_told(mounting: thermal.Mounting) -> None:
    pixels = seen(mounting)
    told, untold = thermal.judge(pixels, BESIDE, PICTURE, mounting), thermal.judge(pixels, BESIDE, PICTURE)
    assert (told.decision, told.reasons) == (Decision.LIVE, ("warmer_than_surroundings",))
    assert untold.reasons == ("not_warmer",)


@pytest.mark.parametrize("mounting", [thermal.USUAL, *MOUNTINGS], ids=str)
def test_the_warmest_pixel_is_told_where_the_camera_sees_it(mounting: thermal.Mounting) -> None:
    right, down = mounting.warmest(seen(mounting))
    half = math.tan(math.radians(mounting.picture_deg / 2)) * 2 / PICTURE[0]
    left, top, width, height = BESIDE
    edges = [math.degrees(math.atan(half * (at - PICTURE[0] / 2))) for at in (left, left + width)]
    assert edges[0] - 2 < right < edges[1] + 2
    edges = [math.degrees(math.atan(half * (at - PICTURE[1] / 2))) for at in (top, top + height)]
    assert edges[0] - 2 < down < edges[1] + 2


def test_a_wide_picture_shows_less_from_top_to_bottom() -> None:
    assert thermal.USUAL.find(0, 0, (640, 480)) == pytest.approx((0, 1))
    assert thermal.USUAL.find(0, 0, (1280, 720)) == pytest.approx((0, 1.75))


def test_whatever_it_sees_it_never_says_attack() -> None:
    chance = np.random.default_rng(1)
    for _ in range(300):
        box = tuple(chance.uniform(-200, 700, 4).tolist())
        result = thermal.judge(chance.uniform(-30, 110, (8, 8)), box, PICTURE)
        assert result.decision is not Decision.ATTACK
        assert all(math.isfinite(value) for value in result.evidence.values())
