"""Step 8: `models/thresholds.json` from the evaluation, with what each threshold rests on.

`python -m models.convert.thresholds --everybody PAIRS ROOT --group PAIRS ROOT [--cache DIR]`. The point in use is the
upper 95 % bound of the threshold at FMR 1e-3 among the group's impostors: few people carry no smaller rate. Where their
FMR would reach 1e-4 is written beside it as what it is, an extrapolation.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from models.comparison import THRESHOLDS
from models.evaluate.acquire import Acquisition, Condition
from models.evaluate.faces import Looks, Trial, compare_all
from models.evaluate.metrics import Replicates, bounds, extrapolated_threshold
from models.evaluate.pairs import Half, read_pairs
from models.evaluate.store import default_folder
from models.face import FaceModels

USE = "chip-east-asian-fmr-1e-3"
FMR = 1e-3
CONDITIONS = {
    Condition.CHIP: "live picture against a chip photo: 102x126 pixels, plain background, WebP of at most 1010 bytes",
    Condition.CHIP_RAW: "as chip, but the background kept",
    Condition.PHOTO: "live picture against a picture of full size",
}


def point(threshold: float, fmr: float, everybody: Trial, condition: Condition, measured_on: str) -> dict[str, Any]:
    """One object of `points`; the FNMR is everybody's."""
    return {
        "threshold": round(threshold, 4),
        "fmr": fmr,
        "fnmr": round(everybody.genuine.fnmr(threshold), 4),
        "condition": CONDITIONS[condition],
        "measured_on": measured_on,
    }


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--everybody", nargs=2, type=Path, required=True, metavar=("PAIRS", "ROOT"))
    parser.add_argument("--group", nargs=2, type=Path, required=True, metavar=("PAIRS", "ROOT"))
    parser.add_argument("--cache", type=Path, default=default_folder())
    options = parser.parse_args()
    models = FaceModels.load()
    points: dict[str, Any] = {}
    for condition in Condition:

        def trial(of: list[Path], half: Half | None, condition: Condition = condition) -> Trial:
            acquisition = Acquisition(models, of[1], options.cache)
            return compare_all(read_pairs(of[0], half=half), acquisition, models, condition, Looks.BOTH)

        everybody = trial(options.everybody, Half.UNSEEN)
        group, unseen = trial(options.group, None), trial(options.group, Half.UNSEEN)
        uppers = [bounds(Replicates.over(of.people).thresholds(of.impostors, FMR))[1] for of in (group, unseen)]
        print(
            f"{condition}: upper bounds {uppers[0]:.4f} (all of the group), {uppers[1]:.4f} (nothing learned of them)"
        )
        extrapolated = extrapolated_threshold(group.impostors.scores, 1e-4)
        points[f"{condition}-east-asian-fmr-1e-3"] = point(
            max(uppers),
            FMR,
            everybody,
            condition,
            f"the larger of two upper 95 % bounds (bootstrap over people): on {group.people} East-Asian women, "
            f"{len(group.impostors.scores)} impostor comparisons, and on the {unseen.people} of them of whom nothing "
            f"was learned, {len(unseen.impostors.scores)}. FNMR on {everybody.people} people of LFW of whom nothing "
            f"was learned. Extrapolated, not measured: FMR 1e-4 among the {group.people} at {extrapolated:.3f}",
        )
        for fmr in (1e-3, 1e-4):
            threshold = everybody.impostors.threshold(fmr)
            times = group.impostors.fmr(threshold) / fmr
            name = f"{condition}-everybody-fmr-{fmr:.0e}".replace("e-0", "e-")
            points[name] = point(
                threshold,
                fmr,
                everybody,
                condition,
                f"LFW, {everybody.people} people of whom nothing was learned, {len(everybody.impostors.scores)} "
                f"impostor comparisons; the FMR among {group.people} East-Asian women is {times:.1f} times as high: "
                "not for use",
            )
    content = {"use": USE, "space": models.space, "points": points}
    THRESHOLDS.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(
        json.dumps({name: {key: item[key] for key in ("threshold", "fnmr")} for name, item in points.items()}, indent=1)
    )


if __name__ == "__main__":
    main()
