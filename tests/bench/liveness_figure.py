"""The picture of the light challenge's bench: over all that is varied, who is taken for live, who for an attack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.faces_figure import text

PANEL_PX, HIGH_PX = 400, 250
LEFT_PX, TOP_PX, GAP_PX, LEGEND_PX = 50, 46, 40, 200
INK = ("#1a7f37", "#cf222e", "#0969da", "#8250df", "#bf5700", "#57606a", "#0a7a7a", "#b3007d", "#7d4e00", "#24292f")
DASHES = ("", "7 3", "2 3", "9 3 2 3")
SPREAD_PX = 2
"""Lines that lie on one another stay visible: each a little lower than the one before."""

Shares = Mapping[float, float]
"""Share of the challenges, 0 to 1, at each value of what is varied."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One row: what is varied, in words with its unit; of each name the shares taken for live and for an attack."""

    title: str
    live: Mapping[str, Shares]
    attack: Mapping[str, Shares]


def drawn(sweeps: Sequence[Sweep]) -> str:
    """An SVG of two panels a sweep, with one legend."""
    width = 2 * (LEFT_PX + PANEL_PX) + LEGEND_PX + GAP_PX
    row_px = TOP_PX + HIGH_PX + GAP_PX
    parts = [part for number, sweep in enumerate(sweeps) for part in row(sweep, number * row_px)]
    height = len(sweeps) * row_px
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="white"/>', *parts, "</svg>", ""])


def row(sweep: Sweep, top: int) -> Iterable[str]:
    """Both panels and the legend."""
    numbers = {name: number for number, name in enumerate(sweep.live)}
    for number, (words, lines) in enumerate((("live", sweep.live), ("an attack", sweep.attack))):
        left = LEFT_PX + number * (PANEL_PX + LEFT_PX)
        yield text(left, top + 22, f"taken for {words}, % - over {sweep.title}")
        yield from panel(lines, numbers, left, top + TOP_PX)
    left = 2 * (LEFT_PX + PANEL_PX) + 20
    for name, number in numbers.items():
        y = top + TOP_PX + 10 + 20 * number
        yield f'<line x1="{left}" y1="{y}" x2="{left + 34}" y2="{y}" {look(number)}/>'
        yield text(left + 42, y + 4, name)


def look(number: int) -> str:
    """A line's colour and dashes: forty of them are told apart."""
    dashes = DASHES[number // len(INK) % len(DASHES)] or DASHES[number % 2]
    return f'stroke="{ink(number)}" stroke-width="2" fill="none" stroke-dasharray="{dashes}"'


def ink(number: int) -> str:
    """A line's colour."""
    return INK[number % len(INK)]


def panel(lines: Mapping[str, Shares], numbers: Mapping[str, int], left: int, top: int) -> Iterable[str]:
    """Grid and lines over the values, evenly spaced."""
    values = sorted({value for shares in lines.values() for value in shares})
    across = {
        value: left + 20 + place * (PANEL_PX - 40) / max(1, len(values) - 1) for place, value in enumerate(values)
    }
    for share in (0, 25, 50, 75, 100):
        y = level(share / 100, top)
        yield f'<line x1="{left}" y1="{y:.1f}" x2="{left + PANEL_PX}" y2="{y:.1f}" stroke="#d0d7de"/>'
        yield text(left - 34, round(y) + 4, str(share))
    for value, x in across.items():
        yield text(x - 10, top + HIGH_PX + 18, f"{value:g}")
    for name, shares in lines.items():
        number = numbers[name]
        lower = SPREAD_PX * (number % 4)
        points = [(across[value], level(share, top) + lower) for value, share in sorted(shares.items())]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline points="{path}" {look(number)}/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{ink(number)}"/>' for x, y in points)


def level(share: float, top: int) -> float:
    """Pixel of a share."""
    return top + (1 - share) * HIGH_PX
