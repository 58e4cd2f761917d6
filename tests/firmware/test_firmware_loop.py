"""From the emergency button to the relay, in turns of the loop; what a turn costs: `python -m tests.bench firmware`."""

from __future__ import annotations

from tests.bench.firmware import measured


def test_button_to_relay() -> None:
    """While the link is never idle, the turn after the press's is the relay's."""
    found = measured()
    assert found["load"]["presses"] >= 50
    assert found["load"]["turns_to_relay"] == 1, "counted from the turn after the press"
