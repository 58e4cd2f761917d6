"""The motion challenge over simulated people: asked to turn or blink, in front of the simulated camera.

Environment as for `tests.bench.liveness`.
"""

from __future__ import annotations

import os
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hw.camera.simulated_lens import Lens
from hw.camera.simulated_scene import Act, Kind, Scene
from models.liveness.motion import Ask, Pose, judge, observe
from models.liveness.result import CheckResult, Decision
from models.liveness.tracks import Tracks
from tests.bench.liveness import TRIALS
from tests.bench.liveness_trials import FACE_PX, HEIGHT, WIDTH, Portrait, Trials
from tests.bench.table import Row

FPS, ASKED_S, END_S = 12.0, 0.7, 3.6
REACTION_S = 0.3
LEFT, RIGHT = Act.TURN_LEFT, Act.TURN_RIGHT
CASES = (
    (Scene(Kind.LIVE, act=LEFT), Ask.TURN_LEFT),
    (Scene(Kind.LIVE, act=RIGHT), Ask.TURN_RIGHT),
    (Scene(Kind.LIVE, act=Act.BLINK), Ask.BLINK),
    (Scene(Kind.LIVE, act=Act.STILL), Ask.TURN_LEFT),
    (Scene(Kind.PRINT, act=LEFT), Ask.TURN_LEFT),
    (Scene(Kind.CUTOUT, act=RIGHT), Ask.TURN_RIGHT),
    (Scene(Kind.BENT, act=LEFT), Ask.TURN_LEFT),
    (Scene(Kind.BENT, act=LEFT, radius=1.5), Ask.TURN_LEFT),
    (Scene(Kind.BENT, act=RIGHT, radius=1.35), Ask.TURN_RIGHT),
    (Scene(Kind.BENT, act=LEFT, radius=1.2), Ask.TURN_LEFT),
    (Scene(Kind.BENT, act=RIGHT, radius=1.35, bend_deg=35), Ask.TURN_RIGHT),
    (Scene(Kind.BENT, act=LEFT, radius=1.35, crumple=0.2), Ask.TURN_LEFT),
    (Scene(Kind.SCREEN, act=RIGHT), Ask.TURN_RIGHT),
    (Scene(Kind.PRINT, act=LEFT), Ask.BLINK),
    (Scene(Kind.SCREEN, act=Act.STILL), Ask.BLINK),
)
"""What stands there and does, what was asked. Bent to 1.2 eye distances is bent like a head."""
LOOK_FRAMES = 4
"""So often a unit judges what it has seen so far; once alive is enough."""


def challenge(trials: Trials, scene: Scene, ask: Ask, portrait: Portrait) -> CheckResult:
    """One request."""
    lens = Lens(replace(scene, picture=portrait.path, face=portrait.face, face_px=FACE_PX), WIDTH, HEIGHT)
    poses: list[Pose] = []
    tracks = Tracks()
    points = None
    for at_s in np.arange(0.0, END_S, 1 / FPS):
        image = lens.picture(float(at_s), np.zeros(3), float(at_s) - ASKED_S - REACTION_S)
        points = trials.points(image, points)
        pose = observe(image, points, float(at_s), tracks)
        if pose is not None:
            poses.append(pose)
        if len(poses) % LOOK_FRAMES == 0 and (result := judge(ask, ASKED_S, poses)).decision is Decision.LIVE:
            return result
    return judge(ask, ASKED_S, poses)


def run() -> Sequence[Row]:
    """The table."""
    trials = Trials()
    portraits = trials.portraits()
    count = int(os.environ.get(TRIALS, "2"))
    ended: dict[tuple[Scene, Ask], list[CheckResult]] = defaultdict(list)
    for trial in range(count):
        for number, case in enumerate(CASES):
            scene, ask = case
            drawn = replace(scene, seed=trial * len(CASES) + number)
            ended[case].append(challenge(trials, drawn, ask, portraits[(trial + number) % len(portraits)]))
        sys.stderr.write(f"motion: round {trial + 1} of {count}\n")
    return [row for case, results in ended.items() for row in rows_of(case, results)]


def rows_of(case: tuple[Scene, Ask], results: list[CheckResult]) -> list[Row]:
    """How many are taken for live, and for an attack."""
    scene, ask = case
    name = bent_as(scene) if scene.kind is Kind.BENT else scene.kind
    reasons = Counter(result.reasons[0] if result.reasons else "-" for result in results)
    note = ", ".join(f"{reason} {number}" for reason, number in reasons.most_common())
    return [
        Row(
            f"{name}, {scene.act}, asked {ask}: taken for {decision}",
            100 * sum(result.decision is decision for result in results) / len(results),
            "%",
            note=note,
        )
        for decision in (Decision.LIVE, Decision.ATTACK)
    ]


def bent_as(scene: Scene) -> str:
    """How a sheet is bent."""
    askew = f", askew by {scene.bend_deg:g} degrees" if scene.bend_deg else ""
    return f"bent to {scene.radius:g}{askew}" + (f", crumpled by {scene.crumple:g}" if scene.crumple else "")
