"""The DET curve (ISO/IEC 19795-1: FNMR over FMR on normal-deviate axes) as a PNG, drawn with OpenCV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import cv2
import numpy as np

from models.evaluate.metrics import Genuine, Impostors
from models.image import Image

SIDE_PX = 900
MARGIN_PX = 90
FMR_TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
FNMR_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9)
BLACK, GREY = (20, 20, 20), (215, 215, 215)
COLOURS = ((160, 80, 0), (0, 90, 200), (60, 130, 0))
FONT = cv2.FONT_HERSHEY_SIMPLEX
POINTS = 400


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of the plot."""

    title: str
    genuine: Genuine
    impostors: Impostors


def write_det(path: Path, curves: Sequence[Curve]) -> None:
    """Write the plot.

    Raises:
        OSError: the file cannot be written.
    """
    canvas = np.full((SIDE_PX, SIDE_PX, 3), 255, np.uint8)
    draw_axes(canvas)
    for number, curve in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        cv2.polylines(canvas, [points(curve)], False, colour, 2, cv2.LINE_AA)
        place = (SIDE_PX // 2, MARGIN_PX + 30 + 30 * number)
        cv2.putText(canvas, curve.title, place, FONT, 0.6, colour, 1, cv2.LINE_AA)
    path.write_bytes(cv2.imencode(".png", canvas)[1].tobytes())


def deviate(rate: float, ticks: Sequence[float]) -> float:
    """0 at the first tick, 1 at the last, on the normal-deviate scale between."""
    normal = NormalDist()
    low, high = normal.inv_cdf(ticks[0]), normal.inv_cdf(ticks[-1])
    return (normal.inv_cdf(min(max(rate, ticks[0]), ticks[-1])) - low) / (high - low)


def place(fmr: float, fnmr: float) -> tuple[int, int]:
    """The pixel of a point."""
    span = SIDE_PX - 2 * MARGIN_PX
    return (
        round(MARGIN_PX + span * deviate(fmr, FMR_TICKS)),
        round(SIDE_PX - MARGIN_PX - span * deviate(fnmr, FNMR_TICKS)),
    )


def points(curve: Curve) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """The curve's pixels, at rates from the largest FMR to the smallest that the comparisons can show."""
    smallest = min(max(FMR_TICKS[0], 1 / len(curve.impostors.scores)), FMR_TICKS[-1])
    rates = np.geomspace(FMR_TICKS[-1], smallest, POINTS)
    pixels = [place(float(rate), curve.genuine.fnmr(curve.impostors.threshold(float(rate)))) for rate in rates]
    return np.array(pixels, np.int32)


def draw_axes(canvas: Image) -> None:
    """Grid, ticks and titles."""
    for rate in FMR_TICKS:
        bottom, top = place(rate, FNMR_TICKS[0]), place(rate, FNMR_TICKS[-1])
        cv2.line(canvas, bottom, top, GREY, 1)
        cv2.putText(canvas, f"{rate:.0e}", (bottom[0] - 22, bottom[1] + 24), FONT, 0.45, BLACK, 1, cv2.LINE_AA)
    for rate in FNMR_TICKS:
        left, right = place(FMR_TICKS[0], rate), place(FMR_TICKS[-1], rate)
        cv2.line(canvas, left, right, GREY, 1)
        cv2.putText(canvas, f"{100 * rate:g} %", (left[0] - 62, left[1] + 5), FONT, 0.45, BLACK, 1, cv2.LINE_AA)
    cv2.putText(canvas, "FMR", (SIDE_PX // 2 - 20, SIDE_PX - 30), FONT, 0.6, BLACK, 1, cv2.LINE_AA)
    cv2.putText(canvas, "FNMR", (14, MARGIN_PX - 24), FONT, 0.6, BLACK, 1, cv2.LINE_AA)
