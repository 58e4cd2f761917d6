"""Warmth: told, never decisive."""

from __future__ import annotations

import json
import math

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


def test_whatever_it_sees_it_never_says_attack() -> None:
    chance = np.random.default_rng(1)
    for _ in range(300):
        box = tuple(chance.uniform(-200, 700, 4).tolist())
        result = thermal.judge(chance.uniform(-30, 110, (8, 8)), box, PICTURE)
        assert result.decision is not Decision.ATTACK
        assert all(math.isfinite(value) for value in result.evidence.values())
