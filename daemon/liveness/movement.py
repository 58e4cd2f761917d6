"""The motion challenge on a unit: one instruction on the screen, and the camera looks whether it is followed."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace

from daemon.liveness.watch import Watch
from daemon.liveness.witnesses import MOVED
from models.liveness import motion
from models.liveness.motion import WITHIN_S, Ask, Pose
from models.liveness.result import CheckResult, Decision
from models.liveness.tracks import Tracks

LOOK_S = 0.3
"""So often the frames so far are judged: who has done it need not wait for the end."""


def challenge(
    but: Collection[Ask], watch: Watch, tell: Callable[[str | None], None], over: Callable[[], bool]
) -> tuple[Ask, CheckResult]:
    """Ask for one movement, any ``but`` these, and judge what is seen.

    Args:
        but: what she is not asked for.
        watch: the camera.
        tell: shows what is asked on the screen; None takes it away.
        over: whether the challenge was skipped or the check is over.

    Raises:
        HardwareError: the camera fails.
    """
    ask = motion.draw(but=but)
    tell(ask)
    try:
        with watch.asking(MOVED):
            result = _watched(ask, watch, over)
    finally:
        tell(None)
    return ask, replace(result, evidence={**result.evidence, "asked": str(ask)})


def _watched(ask: Ask, watch: Watch, over: Callable[[], bool]) -> CheckResult:
    asked_s = judged_s = time.monotonic()
    poses: list[Pose] = []
    tracks = Tracks()
    for frame, mesh in watch.meshes(asked_s + WITHIN_S):
        pose = motion.observe(frame.image, mesh, frame.captured_at_s, tracks)
        if pose is not None:
            poses.append(pose)
        if over():
            break
        if frame.captured_at_s - judged_s >= LOOK_S:
            judged_s = frame.captured_at_s
            result = motion.judge(ask, asked_s, poses)
            if result.decision is Decision.LIVE:
                return result
    return motion.judge(ask, asked_s, poses)
