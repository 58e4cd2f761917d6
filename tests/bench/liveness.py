"""The light challenge over many simulated people: who is taken for live, who for an attack, and when.

`VERNIX_BENCH_TRIALS` (default 2) challenges for each of two hundred conditions, the demo's portraits in turn
and those of the folder `VERNIX_BENCH_FACES`. `VERNIX_BENCH_OUT` names a folder for `light_challenge.json` and `.svg`.
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

from hw.camera.simulated_scene import Kind, Scene
from models.liveness.light import judge
from models.liveness.result import Decision
from tests.bench.liveness_figure import Sweep, drawn
from tests.bench.liveness_trials import Condition, Trials
from tests.bench.table import Row

TRIALS, OUT = "VERNIX_BENCH_TRIALS", "VERNIX_BENCH_OUT"
RATIOS = (0.005, 0.01, 0.02, 0.05, 0.10)
USUAL = 0.03
LATE_MS = (100, 200, 300)
DISTURBED: Mapping[str, Sequence[float]] = {
    "exposure_drift": (0.0, 0.1, 0.2, 0.3, 0.5),
    "white_drift": (0.0, 0.02, 0.05, 0.1),
    "motion": (1.0, 2.0, 3.0, 4.5, 6.0),
    "jitter_ms": (2.0, 5.0, 10.0, 15.0, 25.0, 40.0),
    "side_light": (0.0, 0.3, 0.6, 0.9),
}
"""What disturbs a challenge, and how much: of a `Scene`, or the frames' time stamps. 0.3 of the side light is usual."""
TITLES: Mapping[str, str] = {
    "ratio": "the ring's light, share of the room's",
    "exposure_drift": "exposure up and down, share",
    "white_drift": "red against blue up and down, share",
    "motion": "sway, times a standing person's",
    "jitter_ms": "jitter of time stamps, ms",
    "side_light": "light from one side, share",
    "radius": "radius of a bent print, eye distances",
}
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
WATCHED = (Kind.LIVE, Kind.PRINT, Kind.INJECTED, Kind.TINT)
"""Who is looked at under every disturbance, beside a face's own shape that is late."""


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
    found += [
        Cell(sweep, value, disturbed(one, sweep, value))
        for sweep, values in DISTURBED.items()
        for one in (*(Condition(str(kind), Scene(kind, ratio=USUAL)) for kind in WATCHED), late(LATE_MS[0], USUAL))
        for value in values
    ]
    for radius in RADII:
        for name, changes in BENDS.items():
            scene = replace(Scene(Kind.BENT, ratio=USUAL, radius=radius), **changes)
            found.append(Cell("radius", radius, Condition(name, scene)))
    return found


def disturbed(one: Condition, sweep: str, value: float) -> Condition:
    """``one`` with so much of what ``sweep`` names."""
    if sweep == "jitter_ms":
        return replace(one, jitter_ms=value)
    return replace(one, scene=replace(one.scene, **{sweep: value}))


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
    (folder / "light_challenge.svg").write_text(drawn([swept(results, name) for name in TITLES]), encoding="utf-8")


def swept(results: Results, sweep: str) -> Sweep:
    """One row of the picture."""
    shares: dict[Decision, dict[str, dict[float, float]]] = {Decision.LIVE: {}, Decision.ATTACK: {}}
    for (one, name, value), counted in results.items():
        for decision, lines in shares.items():
            if one == sweep:
                lines.setdefault(name, {})[value] = counted.share(decision)
    return Sweep(TITLES[sweep], shares[Decision.LIVE], shares[Decision.ATTACK])
