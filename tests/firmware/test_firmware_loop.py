"""From the emergency button to the relay: in turns of the loop, and what a turn costs on the real interpreter."""

from __future__ import annotations

import json

from tests.firmware.micropython import CHECKS, run

LIMIT_MS = 20
DEVICE_LOOP_US = 3.0
"""One round of ``while i < n: i += 1`` on an RP2040 at 125 MHz. Assumed: no board was at hand to measure it."""


def test_button_to_relay() -> None:
    """Two turns at worst: one that is under way when the button is pressed, and the one that sees it."""
    measured = json.loads(run(CHECKS / "measure_loop.py", heap_bytes=256 * 1024))
    load = measured["load"]
    assert load["presses"] >= 50
    assert load["turns_to_relay"] == 1, "counted from the turn after the press"
    worst = measured["worst_us"]
    turn_us = worst.pop("keep_safe") + max(worst.values())
    on_device_ms = 2 * turn_us / measured["loop_us"] * DEVICE_LOOP_US / 1000
    assert on_device_ms <= LIMIT_MS, measured
