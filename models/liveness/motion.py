"""The motion challenge: she is asked to turn her head or to blink. A face does it in depth, paper does not.

All points of a plane, however it is held, move by one homography between two views; those of a bent sheet by a surface
of second order over the picture. A nose before its cheeks does neither, and goes farther. Points of the skin are
followed by their pixels (`tracks`): the mesh makes a face of paper too, and so says no more than how far something was
turned. Nor do its points tell a blink, they stay where open eyes would be: closing lids are seen in the eyes' pixels.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final

import cv2
import numpy as np

from models.image import FloatArray, Image, require_image
from models.liveness.mesh import POINTS
from models.liveness.result import CheckResult, Decision
from models.liveness.tracks import FOLLOWED, NOSE, Tracks
from models.liveness.upright import CORNERS, Array, cut, upright

NAME: Final = "motion"

TIP: Final = 4
"""Of the nose."""
# Both eyes from corner to corner, and cheek to cheek: what a blink does not change.
STRIPS: Final = ((33, 133), (362, 263), (50, 280))
STRIP_PX: Final = (24, 12)
STRIP_WIDTH: Final = 1.1
# Points that move by themselves (lips, lids, jaw) say nothing about a plane: only those above the mouth are fitted.
RIGID: Final = (
    *(10, 109, 338, 67, 297, 103, 332, 151, 9, 8, 168, 6, 197, 195, 5, 4, 1, 19, 94, 2),
    *(98, 327, 48, 278, 115, 344, 131, 360, 198, 420, 236, 456, 174, 399, 188, 412, 122, 351, 193, 417),
    *(117, 346, 118, 347, 119, 348, 100, 329, 101, 330, 50, 280, 123, 352, 116, 345, 36, 266, 205, 425, 142, 371),
    *(127, 356, 234, 454, 93, 323, 162, 389, 21, 251, 54, 284, 139, 368, 143, 372, 34, 264, 227, 447, 137, 366),
)

BASELINE_S: Final = 0.4
"""Frames up to this long after the request show her before she moves."""
WITHIN_S: Final = 4.0
MIN_FRAMES: Final = 12
MIN_BASELINE: Final = 3
MIN_TURN: Final = 0.12
"""How far the nose must go, in distances of the eyes' corners: by some 12 degrees. Depth is seen from 16 to 18 on."""
MIN_FOLLOWED, MIN_NOSE_FOLLOWED = 30, 5
"""So many points must have been followed to say anything of depth, and so many of the nose's."""
MIN_DEPTH: Final = 0.015
"""What no sheet explains, bent or folded, root mean square, in distances of the eyes' corners. A face turned by 24
degrees leaves 0.018 to 0.03, a sheet up to 0.006, one bent like a head mostly 0.012."""
MIN_NOSE: Final = 0.03
"""A face's nose goes by 0.03 to 0.3 of the whole change of form farther than the nearest sheet, paper's mostly less.
What is modelled like a nose, a cone of paper even, goes as far."""
MIN_SQUEEZE: Final = 0.03
"""From so much narrower on, something has turned; what is flat by 14 degrees."""
MAX_FLAT_TURN: Final = 0.25
"""The nose of a head that turned so far goes by 0.4 of the angle (radians), that of a picture by 0.1."""
MIN_CLOSING: Final = 0.05
"""Both eyes' pixels change by so much when they close (1 less their correlation with open eyes) ..."""
CLOSING_TIMES: Final = 4.0
"""... and by so many times what they change at rest ..."""
MAX_BESIDE: Final = 0.25
"""... and the cheeks by no more than this share of it: a hand, or a sheet that turns, is no blink."""
MAX_BLINK_STRETCH: Final = 0.02
"""Who turns meanwhile is asked again: a sheet that is turned changes its eyes' pixels too."""
MAX_CLOSED_S: Final = 1.5


@unique
class Ask(StrEnum):
    """What she is asked for; left and right are hers."""

    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    BLINK = "blink"


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """What is kept of a frame captured at ``at_s``.

    Attributes:
        mesh: (468, 3).
        strips: small grey pictures of both eyes and the cheeks, (3, 288).
        skin: where the points `tracks.FOLLOWED` are, (points, 2), in distances of the eyes' corners; NaN where lost.
    """

    at_s: float
    mesh: FloatArray = field(repr=False)
    strips: FloatArray = field(repr=False)
    skin: FloatArray = field(repr=False)


@dataclass(frozen=True, slots=True)
class Moved:
    """What was measured; lengths in distances of the eyes' corners.

    Attributes:
        turn: how far the nose went towards her left, the largest excursion with its sign.
        stretch: change of form between rest and the largest excursion, beyond shift, turn in the plane and zoom.
        depth: what no bent or folded sheet explains of the skin's, NaN where too little of it was followed.
        nose: by how much the nose went farther than either, as a share of the skin's change of form; or NaN.
        squeeze: by what share the form has become narrower against its height, as all does that is turned.
        closing: how far the eyes' pixels went from those at rest and came back, the lesser of both.
        at_rest: how far they go at rest.
        beside: how far the cheeks' went meanwhile.
        closed_s: how long it took.
    """

    frames: int
    turn: float
    stretch: float
    depth: float
    nose: float
    squeeze: float
    closing: float
    at_rest: float
    beside: float
    closed_s: float

    def evidence(self) -> dict[str, float | int]:
        """For the record."""
        numbers = {
            name: getattr(self, name)
            for name in ("turn", "stretch", "depth", "nose", "squeeze", "closing", "beside", "closed_s")
        }
        return {
            "frames": self.frames,
            **{name: round(value, 4) for name, value in numbers.items() if math.isfinite(value)},
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """``decision`` for ``reason`` when ``applies``; the first that does counts."""

    reason: str
    decision: Decision
    applies: Callable[[Moved], bool]


def as_plane(moved: Moved) -> bool:
    """Something flat was turned: narrower by much more than so small a turn of a head would make it."""
    return (
        moved.squeeze > MIN_SQUEEZE
        and moved.depth <= MIN_DEPTH
        and abs(moved.turn) < MAX_FLAT_TURN * math.sqrt(2 * moved.squeeze)
    )


def turn_rules(sign: int) -> tuple[Rule, ...]:
    """For a turn towards her left (1) or right (-1)."""
    return (
        Rule("moves_as_plane", Decision.ATTACK, as_plane),
        Rule("no_movement", Decision.UNSURE, lambda moved: abs(moved.turn) < MIN_TURN),
        Rule("wrong_direction", Decision.UNSURE, lambda moved: moved.turn * sign < 0),
        Rule("depth_unclear", Decision.UNSURE, lambda moved: not (moved.depth > MIN_DEPTH and moved.nose > MIN_NOSE)),
    )


RULES: Final = {
    Ask.TURN_LEFT: turn_rules(1),
    Ask.TURN_RIGHT: turn_rules(-1),
    Ask.BLINK: (
        Rule("moves_as_plane", Decision.ATTACK, as_plane),
        Rule(
            "eyes_stay_open",
            Decision.UNSURE,
            lambda moved: moved.closing < max(MIN_CLOSING, CLOSING_TIMES * moved.at_rest),
        ),
        Rule("head_moved", Decision.UNSURE, lambda moved: moved.stretch > MAX_BLINK_STRETCH),
        Rule("not_only_the_eyes", Decision.UNSURE, lambda moved: moved.beside > MAX_BESIDE * moved.closing),
        Rule("eyes_stay_closed", Decision.UNSURE, lambda moved: moved.closed_s > MAX_CLOSED_S),
    ),
}


def draw(but: Iterable[Ask] = (), choose: Callable[[Sequence[Ask]], Ask] = secrets.choice) -> Ask:
    """Something random to ask for; not one of ``but`` (asked before, or what she cannot do), unless all are."""
    return choose([ask for ask in Ask if ask not in set(but)] or list(Ask))


def judge(ask: Ask, asked_at_s: float, poses: Iterable[Pose]) -> CheckResult:
    """Decide about one request.

    Args:
        ask: what the screen asked for.
        asked_at_s: when it did, in seconds of the frames' clock.
        poses: of the frames from half a second before to some seconds after; the later ones are passed over.

    Returns:
        Live, attack or unsure, never an exception for what a camera delivers. Unsure for ``too_few_frames``,
        ``face_lost`` or a reason of `RULES`.
    """
    frames = [pose for pose in poses if sound(pose) and asked_at_s - 1.0 <= pose.at_s <= asked_at_s + WITHIN_S]
    frames.sort(key=lambda pose: pose.at_s)
    rest = [pose for pose in frames if pose.at_s <= asked_at_s + BASELINE_S]
    after = frames[len(rest) :]
    if not math.isfinite(asked_at_s) or len(frames) < MIN_FRAMES or len(rest) < MIN_BASELINE or not after:
        return CheckResult(NAME, Decision.UNSURE, ("too_few_frames",), {"frames": len(frames)})
    moved = measure(rest, after)
    found = next((rule for rule in RULES[ask] if rule.applies(moved)), None)
    if found is None:
        return CheckResult(NAME, Decision.LIVE, (), moved.evidence())
    return CheckResult(NAME, found.decision, (found.reason,), moved.evidence())


def observe(image: Image, mesh: FloatArray | None, at_s: float, tracks: Tracks) -> Pose | None:
    """What is kept of ``image`` (BGR), captured at ``at_s``, in which `FaceMesh` found ``mesh``; None without a face.

    Raises:
        ImageError: ``image`` is no picture.
    """
    picture = require_image(image)
    if mesh is None or np.shape(mesh) != (POINTS, 3) or not np.all(np.isfinite(mesh)) or not wide(mesh):
        return None
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    width, height = STRIP_PX
    strips = [cut(grey, mesh[a, :2], mesh[b, :2], STRIP_PX, width / STRIP_WIDTH, height / 2) for a, b in STRIPS]
    flat = np.stack(strips).reshape(len(STRIPS), -1).astype(np.float32)
    pose = Pose(at_s, mesh, flat, tracks.follow(grey, mesh))
    return pose if sound(pose) else None


def sound(pose: Pose) -> bool:
    """Whether it is a mesh that can be measured."""
    size = len(STRIPS), STRIP_PX[0] * STRIP_PX[1]
    if (np.shape(pose.mesh), np.shape(pose.strips), np.shape(pose.skin)) != ((POINTS, 3), size, (len(FOLLOWED), 2)):
        return False
    if not (math.isfinite(pose.at_s) and np.all(np.isfinite(pose.mesh)) and np.all(np.isfinite(pose.strips))):
        return False
    return wide(pose.mesh)


def wide(mesh: FloatArray) -> bool:
    """Whether the eyes are far enough apart to say anything."""
    corners = mesh[list(CORNERS), :2]
    return float(np.linalg.norm(corners[1] - corners[0])) > 8


def measure(rest: Sequence[Pose], after: Sequence[Pose]) -> Moved:
    """From frames at rest and those afterwards."""
    still = np.median([turn_of(pose.mesh) for pose in rest])
    turns = np.array([turn_of(pose.mesh) for pose in after]) - still
    before = np.mean([placed(pose.mesh) for pose in rest], axis=0)
    forms = [placed(pose.mesh) for pose in after]
    at = int(np.argmax([rms(form - by_similarity(before, form)) for form in forms]))
    peak = slice(max(0, at - 1), at + 2)
    form = np.mean(forms[peak], axis=0)
    depth, nose = depth_of(skin_of(rest), skin_of(after[peak]), float(np.sign(turns[at])))
    closing, at_rest, beside, closed_s = blink_of(rest, after)
    return Moved(
        len(rest) + len(after),
        float(turns[at]),
        rms(form - by_similarity(before, form)),
        depth,
        nose,
        squeeze(before, form),
        closing,
        at_rest,
        beside,
        closed_s,
    )


def skin_of(poses: Sequence[Pose]) -> Array:
    """Where the followed points were on the average, (points, 2); NaN where one was lost."""
    return np.asarray(np.mean([pose.skin for pose in poses], axis=0), np.float64)


def depth_of(before: Array, after: Array, way: float) -> tuple[float, float]:
    """The numbers `Moved` calls depth and nose, of a turn whose sign is ``way``."""
    known = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1)
    of_nose = np.isin(FOLLOWED, NOSE)[known]
    if known.sum() < MIN_FOLLOWED or of_nose.sum() < MIN_NOSE_FOLLOWED:
        return math.nan, math.nan
    before, after = before[known], after[known]
    depth = rms(after - by_sheet(before, before, after, folded=True))
    beside = ~of_nose
    sheets = (by_sheet(before[of_nose], before[beside], after[beside], folded=folded) for folded in (False, True))
    farther = min(way * float((after[of_nose] - sheet)[:, 0].mean()) for sheet in sheets)
    return depth, farther / max(rms(after - by_similarity(before, after)), 1e-6)


def placed(mesh: FloatArray) -> Array:
    """The rigid points (n, 2) with the eyes' corners at (-0.5, 0) and (0.5, 0)."""
    return upright(mesh)[list(RIGID)]


def turn_of(mesh: FloatArray) -> float:
    """Where the nose is between the eyes' corners, towards her left."""
    return float(upright(mesh)[TIP, 0])


def blink_of(rest: Sequence[Pose], after: Sequence[Pose]) -> tuple[float, float, float, float]:
    """The numbers `Moved` calls closing, at_rest, beside and closed_s."""
    usual = np.mean([pose.strips for pose in rest], axis=0)
    still = np.array([unlike(pose.strips, usual) for pose in rest])
    apart = np.array([unlike(pose.strips, usual) for pose in after])
    eyes = apart[:, :2].min(axis=1)
    top = int(eyes.argmax())
    half = eyes > eyes[top] / 2
    first, last = top, top
    while first > 0 and half[first - 1]:
        first -= 1
    while last < len(half) - 1 and half[last + 1]:
        last += 1
    # Eyes that were closed to the end have not blinked yet.
    closed_s = after[last].at_s - after[first].at_s if last < len(half) - 1 else math.inf
    return (
        float(eyes[top]),
        float(np.median(still[:, :2].max(axis=1))),
        float(apart[first : last + 1, 2].max()),
        closed_s,
    )


def unlike(strips: FloatArray, usual: Array) -> Array:
    """1 less the correlation of each strip with the usual one, (3,)."""
    one = strips - strips.mean(axis=1, keepdims=True)
    other = usual - usual.mean(axis=1, keepdims=True)
    power = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    return np.asarray(1 - (one * other).sum(axis=1) / np.maximum(power, 1e-6), np.float64)


def rms(difference: Array) -> float:
    """Root mean square length of (n, 2)."""
    return float(np.sqrt((difference**2).sum(axis=1).mean()))


def squeeze(before: Array, after: Array) -> float:
    """By what share ``after`` is narrower against its height: of the affine map nearest to the change."""
    centred = before - before.mean(axis=0)
    affine, *_ = np.linalg.lstsq(centred, after - after.mean(axis=0), rcond=None)
    across, down = np.linalg.norm(affine, axis=1)
    return float(1 - across / max(float(down), 1e-6))


def by_similarity(points: Array, towards: Array) -> Array:
    """``points`` moved, turned and zoomed as near to ``towards`` as that goes."""
    source, target = points @ np.array([1, 1j]), towards @ np.array([1, 1j])
    centred = source - source.mean()
    factor = np.vdot(centred, target - target.mean()) / max(float(np.vdot(centred, centred).real), 1e-12)
    moved = factor * centred + target.mean()
    return np.stack([moved.real, moved.imag], axis=1)


def by_sheet(points: Array, before: Array, after: Array, *, folded: bool = False) -> Array:
    """Where ``points`` (n, 2) go with the sheet, bent at will, that goes nearest from ``before`` to ``after``.

    A rotation moves what is z deep by z times a constant; z of a sheet bent about an axis is of second order over the
    picture, which also takes up what a plane's homography has beyond an affine map. ``folded``: along the nose too.
    """

    def orders(places: Array) -> Array:
        x, y = places.T
        return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, *([abs(x)] if folded else [])], axis=1)

    return np.asarray(orders(points) @ np.linalg.lstsq(orders(before), after, rcond=None)[0], np.float64)
