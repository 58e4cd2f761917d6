"""The motion challenge on points that are turned here: a face in depth, a picture as a plane, a bent one as a sheet."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from models.errors import ImageError
from models.image import FloatArray
from models.liveness import motion
from models.liveness.motion import STRIP_PX, STRIPS, Ask, Pose, judge
from models.liveness.result import Decision
from models.liveness.tracks import FOLLOWED, UNKNOWN, Tracks
from models.liveness.upright import upright

ASKED_S = 50.0
FPS = 12.0
STRIP = len(STRIPS), STRIP_PX[0] * STRIP_PX[1]
Vector = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


class Subject:
    """Meshes over time. ``flat``: the picture of a face, ``radius``: bent, in distances of the eyes' corners, or with
    depths by places; ``yaw_deg``: towards her left.
    """

    def __init__(
        self,
        points: FloatArray,
        *,
        flat: bool = False,
        radius: float = math.inf,
        axis: float = 0.0,
        pleat: Callable[[Vector], Vector] | None = None,
        seed: int = 0,
    ) -> None:
        self.rest = points.astype(np.float64) - points.mean(axis=0)
        self.eyes = float(np.linalg.norm(points[263, :2] - points[33, :2]))
        self.mesh_depth = self.rest[:, 2].copy()
        if pleat is not None:
            self.rest[:, 2] = pleat(self.rest[:, :2] / self.eyes) * self.eyes
        elif flat:
            across = (self.rest[:, 0] * math.cos(axis) + self.rest[:, 1] * math.sin(axis)) / self.eyes
            off = np.minimum(np.abs(across) / radius, 0.9)
            self.rest[:, 2] = radius * (1 - np.sqrt(1 - off**2)) * self.eyes if math.isfinite(radius) else 0.0
        self.chance = np.random.default_rng(seed)
        self.strips = self.chance.uniform(0, 255, STRIP)
        self.noise = 0.003
        self.astray = 0.001
        self.lost = 0
        self.drawn_as_a_face = False
        self.yaw_deg = self.closed = self.covered = 0.0

    def poses(self) -> list[Pose]:
        return [self.pose(float(at_s)) for at_s in np.arange(ASKED_S - 0.5, ASKED_S + 3, 1 / FPS)]

    def pose(self, at_s: float) -> Pose:
        swing = math.sin(math.pi * np.clip((at_s - ASKED_S - 0.6) / 2.0, 0, 1))
        blink = 1.0 if 1.0 < at_s - ASKED_S < 1.3 else 0.0
        mesh = self.seen(math.radians(self.yaw_deg) * swing)
        skin = upright(mesh)[list(FOLLOWED)] + self.chance.normal(0, self.astray, (len(FOLLOWED), 2))
        skin[: self.lost] = np.nan
        mesh[:, :2] += self.chance.normal(0, self.noise * self.eyes, (468, 2))
        if self.drawn_as_a_face:
            mesh[:, 0] -= 0.8 * math.sin(math.radians(self.yaw_deg) * swing) * self.mesh_depth
        strips = self.strips + self.chance.normal(0, 8, STRIP)
        strips[:2] += blink * self.closed * self.chance.normal(0, 80, strips[:2].shape)
        strips[2] += blink * self.covered * self.chance.normal(0, 150, STRIP[1])
        return Pose(at_s, (mesh + 300).astype(np.float32), strips.astype(np.float32), skin.astype(np.float32))

    def seen(self, yaw: float) -> Vector:
        """Turned about an upright axis behind the face, seen from eight eye distances; z grows away from the camera."""
        x, y, z = self.rest.T
        deep = z - self.eyes
        turned = x * math.cos(yaw) - deep * math.sin(yaw), deep * math.cos(yaw) + x * math.sin(yaw)
        nearer = 8 * self.eyes / (8 * self.eyes + turned[1] + self.eyes)
        return np.stack([turned[0] * nearer, y * nearer, z], axis=1)


def ended(subject: Subject, ask: Ask) -> tuple[Decision, tuple[str, ...]]:
    result = judge(ask, ASKED_S, subject.poses())
    json.dumps(result.to_dict(), allow_nan=False)
    return result.decision, result.reasons


@pytest.mark.parametrize("yaw_deg", [18, 25, 32])
def test_a_face_that_turns_as_asked_is_live(points: FloatArray, yaw_deg: float) -> None:
    subject = Subject(points)
    subject.yaw_deg = yaw_deg
    assert ended(subject, Ask.TURN_LEFT) == (Decision.LIVE, ())
    subject.yaw_deg = -yaw_deg
    assert ended(subject, Ask.TURN_RIGHT) == (Decision.LIVE, ())


def test_the_wrong_way_is_no_answer_and_no_attack(points: FloatArray) -> None:
    subject = Subject(points)
    subject.yaw_deg = 25
    assert ended(subject, Ask.TURN_RIGHT) == (Decision.UNSURE, ("wrong_direction",))


@pytest.mark.parametrize("yaw_deg", [-45, -32, 25, 32, 45])
@pytest.mark.parametrize("ask", list(Ask))
def test_a_picture_that_turns_moves_as_a_plane(points: FloatArray, ask: Ask, yaw_deg: float) -> None:
    subject = Subject(points, flat=True)
    subject.yaw_deg = yaw_deg
    assert ended(subject, ask) == (Decision.ATTACK, ("moves_as_plane",))


@pytest.mark.parametrize("yaw_deg", [18, 25, 32])
@pytest.mark.parametrize("axis", [0.0, 0.6])
@pytest.mark.parametrize("radius", [0.8, 1.0, 1.5])
def test_bent_paper_is_not_alive_though_the_mesh_makes_a_turning_face_of_it(
    points: FloatArray, radius: float, axis: float, yaw_deg: float
) -> None:
    """Half a head's width is about 0.8 distances of the eyes' corners."""
    subject = Subject(points, flat=True, radius=radius, axis=axis)
    subject.yaw_deg, subject.drawn_as_a_face = yaw_deg, True
    assert ended(subject, Ask.TURN_LEFT)[0] is not Decision.LIVE
    if axis == 0:
        assert ended(subject, Ask.TURN_LEFT) == (Decision.UNSURE, ("depth_unclear",))


@pytest.mark.parametrize("yaw_deg", [20, 25, 32])
@pytest.mark.parametrize("slope", [0.3, 0.6, 1.0])
def test_paper_folded_along_the_nose_is_not_alive(points: FloatArray, slope: float, yaw_deg: float) -> None:
    subject = Subject(points, pleat=lambda places: slope * abs(places[:, 0]))
    subject.yaw_deg, subject.drawn_as_a_face = yaw_deg, True
    assert ended(subject, Ask.TURN_LEFT) == (Decision.UNSURE, ("depth_unclear",))


@pytest.mark.parametrize("yaw_deg", [20, 30])
def test_a_pleated_sheet_has_depth_but_no_nose(points: FloatArray, yaw_deg: float) -> None:
    """Folded beside the nose, which lies deeper than its cheeks."""
    subject = Subject(points, pleat=lambda places: 1.5 * abs(abs(places[:, 0]) - 0.2))
    subject.yaw_deg, subject.drawn_as_a_face = yaw_deg, True
    result = judge(Ask.TURN_LEFT, ASKED_S, subject.poses())
    assert result.reasons == ("depth_unclear",)
    assert result.evidence["depth"] > motion.MIN_DEPTH
    assert result.evidence["nose"] < motion.MIN_NOSE


def test_whose_skin_is_lost_is_nobodys_picture(points: FloatArray) -> None:
    """A quick turn or a mask: the mesh may then say anything, and she is asked again."""
    subject = Subject(points, flat=True)
    subject.yaw_deg, subject.lost = 40, len(FOLLOWED)
    assert ended(subject, Ask.TURN_LEFT)[0] is Decision.UNSURE
    subject.lost = 0
    assert ended(subject, Ask.TURN_LEFT) == (Decision.ATTACK, ("moves_as_plane",))


@pytest.mark.parametrize("lost", [len(FOLLOWED) - 29, len(FOLLOWED)])
def test_skin_that_could_not_be_followed_says_nothing_of_depth(points: FloatArray, lost: int) -> None:
    subject = Subject(points)
    subject.yaw_deg, subject.lost = 25, lost
    assert ended(subject, Ask.TURN_LEFT) == (Decision.UNSURE, ("depth_unclear",))
    subject.lost = 10
    assert ended(subject, Ask.TURN_LEFT)[0] is Decision.LIVE


@pytest.mark.parametrize("flat", [True, False])
def test_who_stands_still_has_not_answered(points: FloatArray, flat: bool) -> None:
    subject = Subject(points, flat=flat)
    assert ended(subject, Ask.TURN_LEFT) == (Decision.UNSURE, ("no_movement",))
    assert ended(subject, Ask.BLINK) == (Decision.UNSURE, ("eyes_stay_open",))


def test_a_blink_is_seen_in_both_eyes_and_nowhere_else(points: FloatArray) -> None:
    subject = Subject(points)
    subject.closed = 1.0
    assert ended(subject, Ask.BLINK) == (Decision.LIVE, ())
    subject.covered = 1.0
    assert ended(subject, Ask.BLINK) == (Decision.UNSURE, ("not_only_the_eyes",))


def test_a_hand_before_the_eyes_to_the_end_is_no_blink(points: FloatArray) -> None:
    subject = Subject(points)
    subject.closed = 1.0
    poses = [pose for pose in subject.poses() if pose.at_s < ASKED_S + 1.2]
    assert judge(Ask.BLINK, ASKED_S, poses).reasons == ("eyes_stay_closed",)


def test_a_mesh_that_trembles_is_not_taken_for_a_turn(points: FloatArray) -> None:
    for seed in range(10):
        subject = Subject(points, seed=seed)
        subject.noise = 0.012
        assert ended(subject, Ask.TURN_LEFT)[0] is Decision.UNSURE


def test_too_few_frames_and_frames_of_another_time(points: FloatArray) -> None:
    poses = Subject(points).poses()
    for given, asked_s in (([], ASKED_S), (poses[:8], ASKED_S), (poses, ASKED_S + 60), (poses, math.nan)):
        assert judge(Ask.BLINK, asked_s, given).reasons == ("too_few_frames",)


def test_broken_meshes_are_passed_over(points: FloatArray) -> None:
    subject = Subject(points)
    subject.yaw_deg = 25
    poses = subject.poses()
    strips = np.zeros(STRIP, np.float32)
    broken = [
        Pose(ASKED_S + 1, np.full((468, 3), np.nan, np.float32), strips, UNKNOWN),
        Pose(ASKED_S + 1, np.zeros((468, 3), np.float32), strips, UNKNOWN),
        Pose(ASKED_S + 1, np.zeros((5, 2), np.float32), strips, UNKNOWN),
        Pose(math.nan, points, strips, UNKNOWN),
        Pose(ASKED_S + 1, points, np.zeros(3, np.float32), UNKNOWN),
        Pose(ASKED_S + 1, points, strips, UNKNOWN[:5]),
    ]
    assert judge(Ask.TURN_LEFT, ASKED_S, [*broken, *poses]).decision is Decision.LIVE


def test_random_meshes_never_raise_and_are_never_sure_to_be_alive_by_a_blink() -> None:
    chance = np.random.default_rng(2)
    for _ in range(30):
        poses = [
            Pose(
                float(at_s),
                chance.uniform(0, 600, (468, 3)).astype(np.float32),
                chance.uniform(0, 255, STRIP).astype(np.float32),
                chance.uniform(-1, 1, UNKNOWN.shape).astype(np.float32),
            )
            for at_s in np.arange(ASKED_S - 0.5, ASKED_S + 3, 1 / FPS)
        ]
        assert judge(Ask.BLINK, ASKED_S, poses).decision is not Decision.LIVE
        for ask in Ask:
            json.dumps(judge(ask, ASKED_S, poses).to_dict(), allow_nan=False)


def test_what_is_asked_is_random_and_not_what_was_asked_before() -> None:
    assert set(Counter(motion.draw() for _ in range(100))) == set(Ask)
    assert {motion.draw(but=[Ask.BLINK]) for _ in range(60)} == {Ask.TURN_LEFT, Ask.TURN_RIGHT}
    assert motion.draw(but=list(Ask)) in set(Ask)


def test_a_frame_becomes_a_pose(points: FloatArray) -> None:
    chance = np.random.default_rng(1)
    picture = chance.integers(0, 256, (900, 900, 3), np.uint8)
    pose = motion.observe(picture, points, 3.0, Tracks())
    assert pose is not None
    assert pose.strips.shape == STRIP
    assert pose.skin.shape == UNKNOWN.shape
    assert "array" not in repr(pose)
    assert motion.observe(picture, None, 3.0, Tracks()) is None
    assert motion.observe(picture, points * np.nan, 3.0, Tracks()) is None
    assert motion.observe(picture, points + 9000, 3.0, Tracks()) is not None, "points outside are clamped to the edge"
    with pytest.raises(ImageError):
        motion.observe(np.zeros(3, np.uint8), points, 3.0, Tracks())


def test_a_picture_that_is_turned_a_little_has_not_blinked(points: FloatArray) -> None:
    """Its eyes' pixels change, but so do its cheeks'."""
    subject = Subject(points, flat=True)
    subject.yaw_deg, subject.closed, subject.covered = 8, 0.2, 0.12
    decision, _ = ended(subject, Ask.BLINK)
    assert decision is Decision.UNSURE
