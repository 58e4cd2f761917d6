"""Where the challenges' decisions turn: numbers just on either side of each limit, and what is decided there.

The limits were measured (`tests/bench/liveness.py`, `liveness_motion.py`); who moves one must measure again.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from models.liveness import light, motion
from models.liveness.light import Measured
from models.liveness.motion import Ask, Moved

ANSWERED = Measured(
    frames=30,
    patches=60,
    gain=0.02,
    gain_error=0.0005,
    correlation=0.9,
    lag_s=0.0,
    clock_error_s=0.005,
    background=0.004,
    background_error=0.0005,
    relief=0.3,
    relief_error=0.05,
    unevenness=4.0,
)
"""A face before a room that answers a little."""
PAPER = replace(ANSWERED, relief=0.0, unevenness=0.5)
TURNED = Moved(
    frames=40,
    turn=0.3,
    stretch=0.1,
    depth=0.025,
    nose=0.1,
    squeeze=0.05,
    closing=0.01,
    at_rest=0.01,
    beside=0.0,
    closed_s=math.inf,
)
"""A face that turned to her left."""
FLAT = replace(TURNED, turn=0.02, depth=0.002, nose=0.0)
BLINKED = replace(TURNED, turn=0.0, stretch=0.005, squeeze=0.0, closing=0.5, beside=0.05, closed_s=0.3)

LIGHT = (
    # start, just live, just not, the reason there
    (ANSWERED, {"lag_s": -0.059}, {"lag_s": -0.061}, "early_response"),
    (ANSWERED, {"lag_s": 0.059}, {"lag_s": 0.061}, "late_response"),
    (ANSWERED, {"lag_s": 0.069, "clock_error_s": 0.015}, {"lag_s": 0.071, "clock_error_s": 0.015}, "late_response"),
    (ANSWERED, {"clock_error_s": 0.020}, {"clock_error_s": 0.021}, "clocks_uncertain"),
    (ANSWERED, {"clock_error_s": 0.010}, {"clock_error_s": math.nan}, "clocks_uncertain"),
    (ANSWERED, {"correlation": 0.56}, {"correlation": 0.54}, "too_weak"),
    (ANSWERED, {"gain_error": 0.0039}, {"gain_error": 0.0041}, "too_weak"),
    (ANSWERED, {"gain": 0.0021, "gain_error": 0.0003, "background": 0}, {"gain": 0.0019, "background": 0}, "too_weak"),
    (ANSWERED, {"background": 0.0149}, {"background": 0.0151}, "surroundings_answer_alike"),
    (ANSWERED, {"background": 0.0}, {"background": math.nan}, "no_background"),
    (ANSWERED, {"relief": 0.101}, {"relief": 0.099}, "shape_unclear"),
    (ANSWERED, {"relief_error": 0.249}, {"relief_error": 0.251}, "shape_unclear"),
    (ANSWERED, {"unevenness": 1.26}, {"unevenness": 1.24}, "shape_unclear"),
    (ANSWERED, {"unevenness": 14.9}, {"unevenness": 15.1}, "shape_unclear"),
)


def light_reason(measured: Measured) -> str | None:
    return next((rule.reason for rule in light.RULES if rule.applies(measured)), None)


@pytest.mark.parametrize(("start", "live", "other", "reason"), LIGHT)
def test_a_face_is_live_up_to_the_limit(
    start: Measured, live: dict[str, float], other: dict[str, float], reason: str
) -> None:
    assert light_reason(replace(start, **live)) is None
    assert light_reason(replace(start, **other)) == reason


@pytest.mark.parametrize(
    ("near", "beyond", "reason"),
    [
        ({"relief": 0.081}, {"relief": 0.079}, "flat_response"),
        ({"relief_error": 0.091}, {"relief_error": 0.089}, "flat_response"),
        ({"unevenness": 0.91}, {"unevenness": 0.89}, "flat_response"),
        ({"unevenness": 0.91, "background": 0.019}, {"unevenness": 0.89, "background": 0.019}, "global_tint"),
    ],
)
def test_paper_is_an_attack_only_where_nothing_of_a_face_is_left(
    near: dict[str, float], beyond: dict[str, float], reason: str
) -> None:
    assert light_reason(replace(PAPER, **near)) == "shape_unclear"
    assert light_reason(replace(PAPER, **beyond)) == reason


def test_a_screen_that_shines_is_told_from_a_sheet_that_answers_as_its_room_does() -> None:
    tinted = replace(PAPER, background=0.0157, background_error=0.0001)
    assert light_reason(tinted) == "flat_response"
    assert light_reason(replace(tinted, background=0.0160)) == "global_tint"
    shining = replace(PAPER, gain=0.004, gain_error=0.0002, background=0.0087)
    assert light_reason(shining) == "global_tint"
    assert light_reason(replace(shining, background=0.0089)) == "only_surroundings_answer"


def test_no_answer_is_an_attack_only_where_it_would_have_been_seen() -> None:
    dark = replace(ANSWERED, gain=0.0, correlation=0.0, background=0.0)
    assert light_reason(replace(dark, gain_error=0.0009)) == "no_response"
    assert light_reason(replace(dark, gain_error=0.0011)) == "too_weak"


MOTION = (
    (Ask.TURN_LEFT, {"turn": 0.121}, {"turn": 0.119}, "no_movement"),
    (Ask.TURN_LEFT, {"turn": 0.3}, {"turn": -0.3}, "wrong_direction"),
    (Ask.TURN_RIGHT, {"turn": -0.121}, {"turn": 0.3}, "wrong_direction"),
    (Ask.TURN_LEFT, {"depth": 0.0151}, {"depth": 0.0149}, "depth_unclear"),
    (Ask.TURN_LEFT, {"depth": 0.025}, {"depth": math.nan, "nose": math.nan}, "depth_unclear"),
    (Ask.TURN_RIGHT, {"turn": -0.3, "nose": 0.031}, {"turn": -0.3, "nose": 0.029}, "depth_unclear"),
    (Ask.BLINK, {"closing": 0.051, "beside": 0.0}, {"closing": 0.049, "beside": 0.0}, "eyes_stay_open"),
    (Ask.BLINK, {"at_rest": 0.124}, {"at_rest": 0.126}, "eyes_stay_open"),
    (Ask.BLINK, {"stretch": 0.019}, {"stretch": 0.021}, "head_moved"),
    (Ask.BLINK, {"beside": 0.124}, {"beside": 0.126}, "not_only_the_eyes"),
    (Ask.BLINK, {"closed_s": 1.5}, {"closed_s": 1.6}, "eyes_stay_closed"),
)


def motion_reason(ask: Ask, moved: Moved) -> str | None:
    return next((rule.reason for rule in motion.RULES[ask] if rule.applies(moved)), None)


@pytest.mark.parametrize(("ask", "live", "other", "reason"), MOTION)
def test_who_moves_as_asked_is_live_up_to_the_limit(
    ask: Ask, live: dict[str, float], other: dict[str, float], reason: str
) -> None:
    start = BLINKED if ask is Ask.BLINK else TURNED
    assert motion_reason(ask, replace(start, **live)) is None
    assert motion_reason(ask, replace(start, **other)) == reason


@pytest.mark.parametrize("ask", list(Ask))
@pytest.mark.parametrize(
    "change", [{"squeeze": 0.029}, {"depth": 0.0151}, {"depth": math.nan}, {"turn": 0.08}, {"turn": -0.08}]
)
def test_a_picture_that_is_turned_is_an_attack_up_to_the_limit(ask: Ask, change: dict[str, float]) -> None:
    """0.25 of the angle, by which a form that is 5 % narrower was turned, is 0.079 eye distances."""
    assert motion_reason(ask, replace(FLAT, turn=0.078, squeeze=0.05, depth=0.0149)) == "moves_as_plane"
    assert motion_reason(ask, replace(FLAT, squeeze=0.031)) == "moves_as_plane"
    assert motion_reason(ask, replace(FLAT, **change)) != "moves_as_plane"
