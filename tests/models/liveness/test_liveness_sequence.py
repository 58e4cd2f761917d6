"""The colours of a light challenge: random, and never what WCAG 2.3.1 forbids."""

from __future__ import annotations

import ast
import math
from collections import Counter

import numpy as np
import pytest

from hw.coprocessor.challenge import STEP_MS
from hw.coprocessor.numbers import MAX_STEPS, Colour, RingPattern
from hw.coprocessor.simulated_light import COLOUR_LIGHT, light_of
from models.liveness import sequence
from models.liveness.sequence import LightColour, LightSequence, UnsafeSequence, require_safe
from tests.support import ROOT


def test_every_sequence_drawn_is_safe_fits_the_ring_and_changes_often_enough() -> None:
    for _ in range(300):
        drawn = sequence.draw()
        assert len(drawn.colours) <= MAX_STEPS
        assert drawn.slot_ms in STEP_MS
        assert 1.4 <= drawn.duration_s <= 1.7
        changes = drawn.changes()
        assert len(changes) == sequence.STRETCHES + 1
        moments = np.array([at for at, _ in changes])
        for start in moments:  # never more than three changes in any second
            assert ((moments >= start) & (moments < start + 1.0)).sum() <= 3
        assert all(rgb[0] <= 0.5 * sum(rgb) for _, rgb in changes)
        assert len(set(drawn.colours)) >= 3


def test_the_entropy_is_what_is_stated() -> None:
    bits = math.log2(sequence.count())
    assert sequence.ENTROPY_BITS <= bits < sequence.ENTROPY_BITS + 0.1


def test_draws_differ_and_use_all_colours() -> None:
    drawn = Counter(sequence.draw().colours for _ in range(400))
    assert len(drawn) > 370
    assert {colour for colours in drawn for colour in colours} == set(LightColour)


def test_the_generator_decides_alone() -> None:
    chance = [np.random.default_rng(4), np.random.default_rng(4)]
    first, second = (sequence.draw(lambda below, one=one: int(one.integers(below))) for one in chance)
    assert first == second


def firmware_table(name: str) -> ast.expr:
    """What the firmware's lights have under this name; read, because MicroPython's modules are not here to import."""
    tree = ast.parse((ROOT / "firmware" / "coprocessor" / "lights.py").read_text(encoding="utf-8"))
    (found,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name
    ]
    return found


def test_colours_are_the_rings() -> None:
    shown = ast.literal_eval(firmware_table("COLOURS"))
    for colour in LightColour:
        assert Colour(colour).name == colour.name
        assert COLOUR_LIGHT[Colour(colour)] == sequence.POWER[colour]
        assert shown[colour] == tuple(round(160 * power) for power in sequence.POWER[colour])


def test_what_follows_is_the_rings_pattern_for_a_face() -> None:
    patterns = firmware_table("PATTERNS")
    assert isinstance(patterns, ast.Dict)
    steady, *levels, _ = next(
        ast.unparse(value).strip("()").split(", ")
        for key, value in zip(patterns.keys, patterns.values, strict=True)
        if key is not None and ast.unparse(key) == "PATTERN_FACE"
    )
    assert (steady, [int(level) / 160 for level in levels]) == ("STEADY", list(sequence.FACE))
    assert light_of(RingPattern.FACE) == sequence.FACE


def test_the_pattern_that_follows_counts() -> None:
    """It comes instead of the dark: the dark and then the pattern would be a fourth change within a second."""
    for _ in range(100):
        drawn = sequence.draw()
        *_, (end_s, follows) = drawn.changes()
        assert (end_s, follows) == (drawn.duration_s, sequence.FACE)
    *shown, (end_s, follows) = LightSequence((G,) * 9 + (B,) * 5 + (M,) * 5 + (G,) * 5).changes()
    with pytest.raises(UnsafeSequence, match="changes"):
        require_safe([*shown, (end_s, (0.0, 0.0, 0.0)), (end_s + 0.002, follows)])


G, B, M = LightColour.GREEN, LightColour.BLUE, LightColour.MAGENTA


@pytest.mark.parametrize(
    ("colours", "slot_ms"),
    [((G, B, G, B), 300), ((G, B, M, G, B, M), 333), ((G, B) * 12, 68), ((G, G, B, B, G, G, B), 160)],
)
def test_flicker_is_refused(colours: tuple[LightColour, ...], slot_ms: int) -> None:
    with pytest.raises(UnsafeSequence, match="changes"):
        LightSequence(colours, slot_ms)


def test_red_is_refused_and_is_no_colour_of_a_challenge() -> None:
    with pytest.raises(UnsafeSequence, match="red"):
        require_safe([(0.0, (1.0, 0.1, 0.1)), (1.0, (0.0, 0.0, 0.0))])
    require_safe([(0.0, (0.5, 0.5, 0.5)), (1.0, (0.0, 0.0, 0.0))])
    assert {colour.name for colour in LightColour}.isdisjoint({"RED", "OFF"})


def test_three_changes_in_a_second_are_allowed_four_are_not() -> None:
    white = (0.5, 0.5, 0.5)
    require_safe([(0.0, white), (0.4, white), (0.8, white), (1.2, white)])
    with pytest.raises(UnsafeSequence):
        require_safe([(0.0, white), (0.3, white), (0.6, white), (0.9, white)])
