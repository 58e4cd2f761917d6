"""Do the frames come from one camera that looks at a room? Repeats, jumps in time and another camera say otherwise.

A sensor's noise makes every picture new. A recording that is fed in behind the lens and runs in a loop comes again to
the last bit; what is swapped in for the camera has another source, another size or a clock that leaps.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from models.image import Image, require_image
from models.liveness.result import CheckResult, Decision, not_performed

NAME: Final = "frames"
MAX_GAP_S: Final = 1.5
"""From one frame to the next; a camera that is slower counts as stalled anyway."""
MAX_FROZEN: Final = 0.34
"""Share of the frames that may be the one before once more: some cameras fill up their rate so in dim light."""
MIN_SPREAD: Final = 2.0
"""Of the brightness; a covered or blown-out picture is the same again and again by itself."""
EVERY: Final = 8
"""Rows that are looked at: every so-manieth."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is kept of a frame.

    Attributes:
        number, at_s: the camera's count and moment of capture.
        source: who delivered it; another text is another camera, or the same one opened anew.
        size: (height, width).
        digest: of some of its rows; None where there is nothing to tell pictures apart by.
    """

    number: int
    at_s: float
    source: str
    size: tuple[int, int]
    digest: int | None


def look(image: Image, number: int, at_s: float, source: str) -> Seen:
    """What is kept of ``image`` (BGR), 0.1 ms.

    Raises:
        ImageError: ``image`` is no picture.
    """
    rows = require_image(image)[::EVERY]
    digest = zlib.crc32(rows.tobytes()) if float(rows[:, :, 1].std()) > MIN_SPREAD else None
    return Seen(number, at_s, source, (image.shape[0], image.shape[1]), digest)


def judge(seen: Sequence[Seen]) -> CheckResult:
    """Decide about the frames of one try, in the order in which they came.

    Returns:
        Live where nothing speaks against them - which by itself shows nobody's life -, attack for ``frames_repeated``,
        unsure for ``camera_changed``, ``picture_size_changed``, ``time_went_back``, ``time_jumped``, ``frames_frozen``.
    """
    if len(seen) < 2:
        return not_performed(NAME, "too_few_frames")
    steps = list(pairwise(seen))
    frozen = sum(a.digest is not None and a.digest == b.digest for a, b in steps)
    repeated = repeats(seen)
    longest_s = max(gap_s(a, b) for a, b in steps)
    found = {
        "frames_repeated": repeated > 0,
        "camera_changed": len({one.source for one in seen}) > 1,
        "picture_size_changed": len({one.size for one in seen}) > 1,
        "time_went_back": any(b.number <= a.number or b.at_s <= a.at_s for a, b in steps),
        "time_jumped": longest_s > MAX_GAP_S,
        "frames_frozen": frozen > MAX_FROZEN * len(steps),
    }
    reasons = tuple(name for name, so in found.items() if so)
    decision = Decision.ATTACK if repeated else Decision.UNSURE if reasons else Decision.LIVE
    evidence = {"frames": len(seen), "repeated": repeated, "frozen": frozen, "longest_gap_ms": round(longest_s * 1000)}
    return CheckResult(NAME, decision, reasons, evidence)


def repeats(seen: Sequence[Seen]) -> int:
    """How many frames were there before, with others in between."""
    known: set[int] = set()
    found, before = 0, None
    for one in seen:
        if one.digest is not None and one.digest != before and one.digest in known:
            found += 1
        if one.digest is not None:
            known.add(one.digest)
        before = one.digest
    return found


def gap_s(first: Seen, second: Seen) -> float:
    """Time from a frame to the next; frames that nobody fetched in between had their share."""
    return (second.at_s - first.at_s) / max(1, second.number - first.number)
