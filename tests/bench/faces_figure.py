"""The picture of the faces bench: a bar for each contender, its stages in colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

COLOURS = ("#2b6cb0", "#d69e2e", "#2f855a", "#805ad5")
NAMES = {"ours": "Vernix", "floor": "its networks alone", "opencv": "OpenCV, same weights", "dlib": "dlib"}
LEFT_PX, WIDTH_PX, BAR_PX, STEP_PX, TOP_PX = 170, 520, 26, 42, 60


def drawn(times: Mapping[str, Mapping[str, float]], stages: Sequence[str]) -> str:
    """An SVG of milliseconds for each picture, ``times`` by contender and stage."""
    longest = max(sum(one[stage] for stage in stages) for one in times.values())
    parts = [*legend(stages)]
    for row, (name, one) in enumerate(times.items()):
        parts += bar(NAMES.get(name, name), [one[stage] for stage in stages], TOP_PX + row * STEP_PX, longest)
    width, height = LEFT_PX + WIDTH_PX + 90, TOP_PX + len(times) * STEP_PX + 10
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="white"/>', *parts, "</svg>", ""])


def legend(stages: Sequence[str]) -> list[str]:
    """What the colours stand for."""
    parts = [text(10, 22, "Milliseconds for one picture, one thread")]
    for number, stage in enumerate(stages):
        left = LEFT_PX + number * 110
        parts += [box(left, 34, 12, 12, COLOURS[number]), text(left + 18, 45, stage)]
    return parts


def bar(name: str, spent_ms: Sequence[float], top: int, longest_ms: float) -> list[str]:
    """One contender."""
    parts, left = [text(10, top + 18, name)], float(LEFT_PX)
    for number, stage_ms in enumerate(spent_ms):
        long = stage_ms / longest_ms * WIDTH_PX
        parts.append(box(left, top, long, BAR_PX, COLOURS[number]))
        left += long
    return [*parts, text(left + 6, top + 18, f"{sum(spent_ms):.1f}")]


def box(left: float, top: float, width: float, height: float, colour: str) -> str:
    """A filled rectangle."""
    return f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{height}" fill="{colour}"/>'


def text(left: float, baseline: float, words: str) -> str:
    """One line."""
    return f'<text x="{left:.1f}" y="{baseline}" font-size="13">{escape(words)}</text>'
