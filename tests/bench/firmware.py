"""From the emergency button to the relay: what two turns of the co-processor's loop would cost on a board.

Carried over from MicroPython's Unix port here by the smallest loop of both; a collection of garbage, the dearest piece,
costs more of such loops on one processor than on another, so that this is an estimate until a board was measured.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.bench.table import Row
from tests.firmware.micropython import CHECKS
from tests.firmware.micropython import run as on_micropython

LIMIT_MS = 20
DEVICE_LOOP_US = 3.0
"""One round of ``while i < n: i += 1`` on an RP2040 at 125 MHz. Assumed: no board was at hand to measure it."""

DEVICE_WAITS_MS = 3.0 + 2 * 0.5
"""What the stand-ins do not cost: one page of flash (W25Q16JV: 3 ms at most), 16 WS2812 lights in each of two turns."""

MARGIN = 1.25
"""The assumed speed may be wrong by so much before 20 ms are exceeded."""

RUNS = 3
"""What else the machine does can only make a turn longer, so that the least counts."""


def run() -> Sequence[Row]:
    """The table: two turns at worst, one that is under way when the button is pressed, and the one that sees it."""
    least_ms = min(two_turns_ms(measured()) for _ in range(RUNS)) * MARGIN + DEVICE_WAITS_MS
    return [Row("button to relay, with a quarter to spare", least_ms, "ms", f"<= {LIMIT_MS} ms", least_ms <= LIMIT_MS)]


def measured() -> dict[str, Any]:
    """What `measure_loop.py` prints."""
    result: dict[str, Any] = json.loads(on_micropython(CHECKS / "measure_loop.py", heap_bytes=256 * 1024))
    return result


def two_turns_ms(found: dict[str, Any]) -> float:
    """What the two dearest turns of different pieces take on the device; two in succession never do the same piece."""
    pieces: dict[str, float] = {}
    for name, (median, _percentile) in found["turn_rounds"].items():
        piece = name.split(",")[0]
        pieces[piece] = max(pieces.get(piece, 0), median)
    return sum(sorted(pieces.values())[-2:]) * DEVICE_LOOP_US / 1000
