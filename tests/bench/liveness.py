"""The light challenge over many simulated people: who is taken for live, who for an attack, and when.

`VERNIX_BENCH_TRIALS` (default 2) challenges for each of a hundred conditions, the demo's portraits in turn
and those of the folder `VERNIX_BENCH_FACES`. `VERNIX_BENCH_OUT` names a folder for `light_challenge.json` and `.png`.
A trial takes about a second.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from hw.camera.simulated_scene import Kind, Scene
from models.image import Image
from models.liveness.light import judge
from models.liveness.result import Decision
from tests.bench.liveness_trials import Condition, Trials
from tests.bench.table import Row

TRIALS, OUT = "VERNIX_BENCH_TRIALS", "VERNIX_BENCH_OUT"
RATIOS = (0.005, 0.01, 0.02, 0.05, 0.10)
USUAL = 0.03
LATE_MS = (100, 200, 300)
RADII = (1.2, 1.35, 1.5, 2.0)
"""Of a bent print, in eye distances: from a head's own to a mild bend."""
BENDS: Mapping[str, Mapping[str, float]] = {
    "bent": {},
    "bent, ring 10 %": {"ratio": 0.10},
    "bent, lit aside": {"side_light": 0.6},
    "bent, askew": {"bend_deg": 35.0},
    "bent, lying": {"bend_deg": 90.0},
    "bent, crumpled": {"crumple": 0.2},
}
"""What else is done to it."""
LIVE = "live"


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of one curve: of ``name`` over ``sweep`` at ``value``."""

    sweep: str
    value: float
    condition: Condition


@dataclass(slots=True)
class Counted:
    """How its challenges ended."""

    decisions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def share(self, decision: Decision) -> float:
        """Of all."""
        return self.decisions[str(decision)] / max(1, self.decisions.total())


def cells() -> list[Cell]:
    """Everything that is varied; apart from that, the ring has 3 % of the room's light."""
    found = []
    for ratio in RATIOS:
        found += [Cell("ratio", ratio, Condition(str(kind), Scene(kind=kind, ratio=ratio))) for kind in kinds()]
        found += [Cell("ratio", ratio, late(delay_ms, ratio)) for delay_ms in LATE_MS]
    for kind in (Kind.LIVE, Kind.PRINT, Kind.TINT):
        for drift in (0.0, 0.3):
            found.append(Cell("exposure", drift, Condition(str(kind), Scene(kind, ratio=USUAL, exposure_drift=drift))))
    for kind in (Kind.LIVE, Kind.PRINT):
        for motion in (1.0, 3.0, 6.0):
            found.append(Cell("motion", motion, Condition(str(kind), Scene(kind, ratio=USUAL, motion=motion))))
    for jitter_ms in (2.0, 15.0, 40.0):
        found.append(Cell("jitter_ms", jitter_ms, Condition(LIVE, Scene(Kind.LIVE, ratio=USUAL), jitter_ms)))
        late_one = late(100, USUAL)
        found.append(Cell("jitter_ms", jitter_ms, Condition(late_one.name, late_one.scene, jitter_ms)))
    for share in (0.0, 0.3, 0.6, 0.9):
        found.append(Cell("side_light", share, Condition(LIVE, Scene(Kind.LIVE, ratio=USUAL, side_light=share))))
    for radius in RADII:
        for name, changes in BENDS.items():
            scene = replace(Scene(Kind.BENT, ratio=USUAL, radius=radius), **changes)
            found.append(Cell("radius", radius, Condition(name, scene)))
    return found


def kinds() -> list[Kind]:
    """All that have a face."""
    return [kind for kind in Kind if kind is not Kind.NOBODY]


def late(delay_ms: int, ratio: float) -> Condition:
    """The strongest attacker that must first see the light: a face's own shape, answered late."""
    return Condition(f"late {delay_ms} ms", Scene(kind=Kind.LIVE, ratio=ratio, delay_ms=delay_ms))


Results = dict[tuple[str, str, float], Counted]


def measure(trials: int, chosen: Sequence[Cell]) -> Results:
    """Run ``trials`` challenges for each cell, people and sequences in turn."""
    maker = Trials()
    portraits = maker.portraits()
    results: Results = defaultdict(Counted)
    for trial in range(trials):
        for number, cell in enumerate(chosen):
            seed = trial * len(chosen) + number
            portrait = portraits[(trial + number) % len(portraits)]
            result = judge(*maker.challenge(cell.condition, portrait, seed))
            counted = results[cell.sweep, cell.condition.name, cell.value]
            counted.decisions[str(result.decision)] += 1
            counted.reasons[result.reasons[0] if result.reasons else "-"] += 1
        sys.stderr.write(f"liveness: round {trial + 1} of {trials}, {len(portraits)} portraits\n")
        if os.environ.get(OUT):  # a long run shows how it goes, and can be stopped
            write(Path(os.environ[OUT]), results)
    return results


def run() -> Sequence[Row]:
    """The table."""
    results = measure(int(os.environ.get(TRIALS, "2")), cells())
    return [row for key in results for row in rows_of(key, results[key])]


def rows_of(key: tuple[str, str, float], counted: Counted) -> Iterable[Row]:
    """How many are taken for live, and for an attack."""
    sweep, name, value = key
    note = ", ".join(f"{reason} {count}" for reason, count in counted.reasons.most_common())
    for decision in (Decision.LIVE, Decision.ATTACK):
        share = 100 * counted.share(decision)
        yield Row(f"{sweep} {value:g}: {name} taken for {decision}", share, "%", note=note)


def write(folder: Path, results: Results) -> None:
    """Figures and picture."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = [
        {"sweep": sweep, "name": name, "value": value, **counted.decisions, "reasons": dict(counted.reasons)}
        for (sweep, name, value), counted in results.items()
    ]
    (folder / "light_challenge.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    (folder / "light_challenge.png").write_bytes(cv2.imencode(".png", plot(results))[1].tobytes())


# --- the picture -------------------------------------------------------------------------------------------------

PANEL = (640, 400)
MARGIN = 60
FONT = cv2.FONT_HERSHEY_SIMPLEX
COLOURS = ((0, 140, 0), (0, 0, 200), (200, 80, 0), (160, 0, 160), (0, 130, 220), (120, 120, 0), (90, 90, 90), (0, 0, 0))


def plot(results: Results) -> Image:
    """Two panels a sweep: the share taken for live, the share taken for an attack."""
    sweeps = list(dict.fromkeys(sweep for sweep, _, _ in results))
    rows = [
        np.hstack([panel(results, sweep, decision) for decision in (Decision.LIVE, Decision.ATTACK)])
        for sweep in sweeps
    ]
    return np.asarray(np.vstack(rows), np.uint8)


def panel(results: Results, sweep: str, decision: Decision) -> Image:
    """Lines over the sweep's values, evenly spaced."""
    width, height = PANEL
    canvas = np.full((height, width, 3), 255, np.uint8)
    values = sorted({value for one, _, value in results if one == sweep})
    names = list(dict.fromkeys(name for one, name, _ in results if one == sweep))
    cv2.putText(canvas, f"taken for {decision} (%) over {sweep}", (MARGIN, 24), FONT, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    for share in (0, 25, 50, 75, 100):
        y = level(share / 100)
        cv2.line(canvas, (MARGIN, y), (width - 150, y), (220, 220, 220), 1)
        cv2.putText(canvas, str(share), (20, y + 4), FONT, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    for number, value in enumerate(values):
        cv2.putText(canvas, f"{value:g}", (across(number, values) - 12, height - 20), FONT, 0.4, (0, 0, 0), 1)
    for number, name in enumerate(names):
        draw(
            canvas,
            [
                (across(values.index(v), values), results[s, n, v].share(decision))
                for s, n, v in results
                if s == sweep and n == name
            ],
            number,
            name,
        )
    return canvas


def draw(canvas: Image, points: list[tuple[int, float]], number: int, name: str) -> None:
    """One line and its name."""
    colour = COLOURS[number % len(COLOURS)]
    # Lines that lie on one another stay visible.
    line = np.array([(x, level(share) + 2 * (number % 5) - 4) for x, share in sorted(points)], np.int32)
    cv2.polylines(canvas, [line], False, colour, 2, cv2.LINE_AA)
    cv2.putText(canvas, name, (PANEL[0] - 140, 50 + 20 * number), FONT, 0.45, colour, 1, cv2.LINE_AA)


def across(number: int, values: Sequence[float]) -> int:
    """Pixel of a value."""
    return round(MARGIN + 20 + number * (PANEL[0] - 240) / max(1, len(values) - 1))


def level(share: float) -> int:
    """Pixel of a share."""
    return round(PANEL[1] - 50 - share * (PANEL[1] - 100))
