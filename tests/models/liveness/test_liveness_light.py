"""The light challenge on light that is made up here: each reason has its cause, and nothing raises."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from models.errors import ImageError
from models.image import FloatArray
from models.liveness import light, regions, sequence
from models.liveness.light import judge
from models.liveness.regions import PATCHES, Sample, normals, observe
from models.liveness.result import CheckResult, Decision
from models.liveness.signal import EXPOSURE_S, Timeline

BEGIN_S = 100.0
FPS = 15.0


class Room:
    """Frames of a face in a room; every number that makes it live or not can be set."""

    def __init__(self, points: FloatArray, seed: int = 0) -> None:
        self.chance = np.random.default_rng(seed)
        drawn = sequence.draw(lambda below: int(self.chance.integers(below)))
        self.timeline = Timeline(tuple((BEGIN_S + at, rgb) for at, rgb in drawn.changes()))
        centre, width = regions.middle(points)
        self.shape = ((points - np.append(centre, points[:, 2].mean())) / width).astype(np.float32)
        self.skin_gain, self.behind_gain, self.relief = 0.03, 0.006, 0.6
        self.late_s = self.noise = self.exposure = self.white = 0.0
        self.noise = 0.0005
        self.blocks = 6
        self.bend: tuple[float, float] | None = None  # radius in face widths and axis in radians
        self.shadows = 0.0

    def ring(self, at_s: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        shown = np.zeros(3)
        for begin, rgb in self.timeline.changes:
            share = np.clip((at_s - self.late_s - begin) / EXPOSURE_S, 0, 1)
            shown = shown * (1 - share) + np.array(rgb) * share
        return shown

    def samples(self) -> list[Sample]:
        facing = normals(self.shape)[:, 2] if self.bend is None else self.sheet(*self.bend)
        gain = self.skin_gain * (1 + self.relief * (facing - facing.mean()))
        gain = gain * (1 + self.shadows * self.chance.choice([-1.0, 1.0], len(PATCHES)))
        skin = self.chance.uniform(0.1, 0.5, (len(PATCHES), 3))
        behind = self.chance.uniform(0.1, 0.5, (6, 3))
        behind[self.blocks :] = np.nan
        return [self.sample(at_s, skin, gain, behind) for at_s in np.arange(BEGIN_S - 0.5, BEGIN_S + 2.3, 1 / FPS)]

    def sheet(self, radius: float, axis: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """How much each patch of paper bent about an axis faces the camera."""
        x, y = self.shape[list(PATCHES), :2].astype(np.float64).T
        return np.sqrt(1 - np.minimum(np.abs(x * math.cos(axis) + y * math.sin(axis)) / radius, 0.9) ** 2)

    def sample(
        self,
        at_s: float,
        skin: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
        gain: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
        behind: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    ) -> Sample:
        ring = self.ring(at_s)
        exposed = math.exp(self.exposure * float(self.chance.normal()))
        drift = 1 + self.white * (at_s - BEGIN_S) * np.array([1.0, 0.0, -1.0])
        lit = skin * (1 + np.outer(gain, ring)) * drift * exposed
        lit *= 1 + self.noise * self.chance.normal(size=lit.shape)
        wall = behind * (1 + self.behind_gain * ring) * drift * exposed
        wall *= 1 + self.noise / 4 * self.chance.normal(size=wall.shape)
        return Sample(float(at_s), lit.astype(np.float32), wall.astype(np.float32), self.shape)

    def judge(self) -> CheckResult:
        return judge(self.timeline, self.samples())


SEEDS = range(4)


def finite_json(result: CheckResult) -> None:
    json.dumps(result.to_dict(), allow_nan=False)


@pytest.mark.parametrize("seed", SEEDS)
def test_where_a_patch_faces_does_not_hang_on_a_rounding(points: FloatArray, seed: int) -> None:
    """Of three patches below the hair it did: within an eighth of a face the mesh has one point beside theirs."""
    shape = Room(points).shape
    other = shape + np.random.default_rng(seed).normal(0, 1e-6, shape.shape).astype(np.float32)
    assert np.abs(normals(other) - normals(shape)).max() < 1e-3
    forehead = [PATCHES.index(point) for point in (109, 10, 338)]
    assert normals(shape)[forehead, 2].min() > 0.7


@pytest.mark.parametrize("seed", SEEDS)
def test_a_face_is_live(points: FloatArray, seed: int) -> None:
    result = Room(points, seed).judge()
    assert (result.decision, result.reasons) == (Decision.LIVE, ())
    assert result.evidence["gain"] == pytest.approx(0.03, rel=0.1)
    assert abs(result.evidence["lag_ms"]) < 15
    assert result.evidence["relief"] == pytest.approx(0.6, abs=0.1)
    finite_json(result)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"relief": 0.0}, "flat_response"),
        ({"relief": 0.0, "behind_gain": 0.03}, "global_tint"),
        ({"skin_gain": 0.0, "behind_gain": 0.0}, "no_response"),
        ({"skin_gain": 0.0001, "behind_gain": 0.01}, "only_surroundings_answer"),
        ({"late_s": 0.1}, "late_response"),
        ({"late_s": 0.3}, "late_response"),
        ({"late_s": -0.15}, "early_response"),
    ],
)
def test_each_attack_has_its_reason(points: FloatArray, changes: dict[str, float], reason: str, seed: int) -> None:
    room = Room(points, seed)
    for name, value in changes.items():
        setattr(room, name, value)
    result = room.judge()
    assert (result.decision, result.reasons[0]) == (Decision.ATTACK, reason)
    finite_json(result)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("relief", [0.6, 1.0])
@pytest.mark.parametrize("axis", [0.0, 0.6, math.pi / 2])
@pytest.mark.parametrize("radius", [0.55, 0.7, 1.0])
def test_paper_however_it_is_bent_is_paper(
    points: FloatArray, radius: float, axis: float, relief: float, seed: int
) -> None:
    """A head's radius is 0.55 of its width: such paper answers at its middle more than at its sides, as a head does."""
    room = Room(points, seed)
    room.bend, room.relief = (radius, axis), relief
    result = room.judge()
    assert (result.decision, result.reasons[0]) == (Decision.ATTACK, "flat_response")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("changes", [{"relief": 0.25}, {"relief": 1.2, "shadows": 0.5}])
def test_hardly_a_shape_and_edges_of_shadows_are_neither_face_nor_paper(
    points: FloatArray, changes: dict[str, float], seed: int
) -> None:
    room = Room(points, seed)
    for name, value in changes.items():
        setattr(room, name, value)
    result = room.judge()
    assert (result.decision, result.reasons[0]) == (Decision.UNSURE, "shape_unclear"), result.evidence


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("changes", [{"exposure": 0.2}, {"white": 0.05}, {"late_s": 0.02}, {"skin_gain": 0.01}])
def test_what_a_camera_does_changes_nothing(points: FloatArray, changes: dict[str, float], seed: int) -> None:
    room = Room(points, seed)
    for name, value in changes.items():
        setattr(room, name, value)
    assert room.judge().decision is Decision.LIVE


@pytest.mark.parametrize(("late_s", "error_s"), [(0.0, 0.03), (0.1, 0.06), (0.2, 0.16), (0.3, 0.26), (0.0, math.inf)])
def test_a_link_that_cannot_tell_what_is_late_tells_of_no_life(
    points: FloatArray, late_s: float, error_s: float
) -> None:
    """However late the answer is, the clocks could be off by as much: nothing is decided by it."""
    room = Room(points)
    room.late_s = late_s
    room.timeline = replace(room.timeline, error_s=error_s)
    result = room.judge()
    reason = "clocks_uncertain" if math.isfinite(error_s) else "no_timeline"
    assert (result.decision, result.reasons) == (Decision.UNSURE, (reason,))
    finite_json(result)


@pytest.mark.parametrize("seed", SEEDS)
def test_at_the_worst_clocks_that_count_live_and_late_are_told_apart(points: FloatArray, seed: int) -> None:
    room, late, flat = Room(points, seed), Room(points, seed), Room(points, seed)
    late.late_s, flat.relief = 0.1, 0.0
    for one in (room, late):
        one.timeline = replace(one.timeline, error_s=light.MAX_CLOCK_ERROR_S)
    flat.timeline = replace(flat.timeline, error_s=1.0)
    assert room.judge().decision is Decision.LIVE
    assert late.judge().reasons == ("late_response",)
    assert flat.judge().reasons == ("flat_response",), "what has no face's shape shows itself at any time"


@pytest.mark.parametrize("seed", SEEDS)
def test_another_challenge_is_no_answer(points: FloatArray, seed: int) -> None:
    """A recording of her, lit by an earlier challenge."""
    room, other = Room(points, seed), Room(points, seed + 100)
    assert judge(other.timeline, room.samples()).decision is not Decision.LIVE


def test_noise_is_not_taken_for_an_attack_nor_for_life(points: FloatArray) -> None:
    room = Room(points)
    room.noise = 0.2
    result = room.judge()
    assert (result.decision, result.reasons[0]) == (Decision.UNSURE, "too_weak")


def test_without_a_background_it_is_unsure(points: FloatArray) -> None:
    room = Room(points)
    room.blocks = 0
    result = room.judge()
    assert (result.decision, result.reasons[0]) == (Decision.UNSURE, "no_background")
    assert "background" not in result.evidence
    finite_json(result)


def test_what_frames_are_needed(points: FloatArray) -> None:
    room = Room(points)
    samples = room.samples()
    assert judge(room.timeline, []).reasons == ("too_few_frames",)
    assert judge(room.timeline, samples[:10]).reasons == ("too_few_frames",)
    assert judge(room.timeline, samples[:15] + samples[22:]).reasons == ("frames_missing",)
    assert judge(room.timeline, [*reversed(samples), *samples]).decision is Decision.LIVE
    dark = [replace(sample, skin=np.full_like(sample.skin, np.nan)) for sample in samples]
    assert judge(room.timeline, dark).reasons == ("skin_hidden",)


@pytest.mark.parametrize(
    "changes",
    [
        (),
        ((1.0, (1.0, 0.0, 0.0)), (2.0, (0.0, 0.0, 0.0))),
        ((1.0, (0.0, 1.0, 0.0)), (math.nan, (0.0, 0.0, 1.0)), (3.0, (0.0, 0.0, 0.0))),
        ((2.0, (0.0, 1.0, 0.0)), (1.0, (0.0, 0.0, 1.0)), (3.0, (0.0, 0.0, 0.0))),
    ],
)
def test_a_broken_timeline_is_named(
    points: FloatArray, changes: tuple[tuple[float, tuple[float, float, float]], ...]
) -> None:
    assert judge(Timeline(changes), Room(points).samples()).reasons == ("no_timeline",)


def test_times_that_are_no_numbers_are_passed_over(points: FloatArray) -> None:
    room = Room(points)
    samples = room.samples()
    broken = [
        replace(sample, at_s=value) for sample, value in zip(samples, (math.nan, math.inf, -math.inf), strict=False)
    ]
    assert judge(room.timeline, [*broken, *samples]).decision is Decision.LIVE


def test_random_light_never_raises(points: FloatArray) -> None:
    chance = np.random.default_rng(3)
    room = Room(points)
    for trial in range(30):
        samples = [
            replace(
                sample,
                skin=chance.uniform(-0.1, 10.0 ** chance.integers(-6, 3), sample.skin.shape).astype(np.float32),
                background=chance.choice([np.nan, 0.0, 0.3], sample.background.shape).astype(np.float32),
                shape=sample.shape if trial % 2 else chance.normal(size=sample.shape.shape).astype(np.float32),
            )
            for sample in room.samples()
        ]
        result = judge(room.timeline, samples)
        assert result.decision is not Decision.LIVE
        finite_json(result)


def test_the_same_light_in_every_frame_is_no_answer(points: FloatArray) -> None:
    """A frozen picture."""
    room = Room(points)
    first, *rest = room.samples()
    frozen = [first, *(replace(first, at_s=sample.at_s) for sample in rest)]
    result = judge(room.timeline, frozen)
    assert (result.decision, result.reasons[0]) == (Decision.ATTACK, "no_response")


def test_light_that_does_not_change_at_all_is_no_answer(points: FloatArray) -> None:
    room = Room(points)
    still = [
        replace(sample, skin=np.full_like(sample.skin, 0.25), background=np.full_like(sample.background, 0.25))
        for sample in room.samples()
    ]
    result = judge(room.timeline, still)
    assert (result.decision, result.reasons[0]) == (Decision.ATTACK, "no_response")
    finite_json(result)


def test_a_lamp_above_her_before_a_dark_corridor_is_no_attack(points: FloatArray) -> None:
    room = Room(points)
    room.behind_gain = 0.04
    result = room.judge()
    assert (result.decision, result.reasons) == (Decision.UNSURE, ("surroundings_answer_alike",))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("skin_gain", "behind_gain", "noise", "reasons", "answered"),
    [
        (0.0, 0.0, 0.0005, ("no_response",), 0),
        (0.0, 0.0, 0.02, ("too_weak",), 0),
        (0.0012, 0.0022, 0.0005, ("no_response",), 1),
        (0.0001, 0.01, 0.0005, ("only_surroundings_answer",), 1),
        (0.03, 0.0, 0.0005, (), 1),
    ],
)
def test_whether_anything_answers_is_told(
    points: FloatArray,
    skin_gain: float,
    behind_gain: float,
    noise: float,
    reasons: tuple[str, ...],
    answered: int,
    seed: int,
) -> None:
    """The face, or what is behind it: if neither does, the ring may be dark."""
    room = Room(points, seed)
    room.skin_gain, room.behind_gain, room.noise = skin_gain, behind_gain, noise
    result = room.judge()
    assert (result.reasons[:1], result.evidence["answered"]) == (reasons, answered)


# --- what is kept of a frame ---------------------------------------------------------------------------------------


def test_a_frame_becomes_numbers(points: FloatArray) -> None:
    picture = np.full((900, 900, 3), (40, 90, 160), np.uint8)
    sample = observe(picture, points, 5.0)
    assert sample is not None
    assert sample.skin.shape == (len(PATCHES), 3)
    assert np.allclose(sample.skin, regions.LINEAR[[160, 90, 40]], atol=1e-5)
    assert np.isfinite(sample.background).any()
    assert "0." not in repr(sample).replace("at_s=5.0", ""), "a face's numbers stay out of a repr"


@pytest.mark.parametrize("value", [0, 255])
def test_black_and_blown_out_frames_give_nothing(points: FloatArray, value: int) -> None:
    assert observe(np.full((900, 900, 3), value, np.uint8), points, 0.0) is None


def test_no_mesh_no_time_or_a_face_outside_give_nothing(points: FloatArray) -> None:
    picture = np.full((480, 640, 3), 120, np.uint8)
    assert observe(picture, None, 0.0) is None
    assert observe(picture, points * np.nan, 0.0) is None
    assert observe(picture, points, math.nan) is None
    assert observe(picture, points + 5000, 0.0) is None
    assert observe(picture, points * 0.01, 0.0) is None
    assert observe(picture, points * 100, 0.0) is None


def test_what_is_no_picture_or_no_mesh_is_named(points: FloatArray) -> None:
    with pytest.raises(ImageError):
        observe(np.zeros((480, 640), np.uint8), points, 0.0)
    with pytest.raises(ImageError, match="468"):
        observe(np.zeros((480, 640, 3), np.uint8), points[:5], 0.0)


def test_random_frames_never_raise(points: FloatArray) -> None:
    chance = np.random.default_rng(5)
    for _ in range(40):
        size = chance.integers(16, 700, 2)
        picture = chance.integers(0, 256, (*size, 3), np.uint8)
        mesh = (points * chance.uniform(0.1, 2) + chance.uniform(-300, 300)).astype(np.float32)
        sample = observe(picture, mesh, 0.0)
        assert sample is None or sample.skin.shape == (len(PATCHES), 3)


def test_the_rules_name_each_reason_once() -> None:
    reasons = [rule.reason for rule in light.RULES]
    assert len(set(reasons)) == len(reasons)
