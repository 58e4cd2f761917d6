"""Writes the firmware's constant table from :mod:`hw.coprocessor.messages`.

``python -m hw.coprocessor.firmware_table > firmware/coprocessor/messages.py``. The firmware imports no host package
and the host no firmware, so the table is text; a test compares it with this output.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import IntEnum, IntFlag

from hw.coprocessor import messages, numbers
from hw.coprocessor.codec import MAX_BODY, MAX_FRAME, MAX_PAYLOAD

_PREFIXES: dict[str, type[IntEnum | IntFlag]] = {
    "": numbers.MessageType,
    "WISH_": numbers.HeartbeatFlag,
    "FEATURE_": numbers.Feature,
    "FLAG_": numbers.StatusFlag,
    "EVENT_": numbers.EventKind,
    "RESET_": numbers.ResetCause,
    "PATTERN_": numbers.RingPattern,
    "SOUND_": numbers.Sound,
    "COLOUR_": numbers.Colour,
    "CHALLENGE_": numbers.ChallengeResult,
    "REFUSE_": numbers.Refusal,
}
_NUMBERS = {
    "PROTOCOL_VERSION": numbers.PROTOCOL_VERSION,
    "FIRST_SEQUENCED": numbers.FIRST_SEQUENCED,
    "MAX_FRAME": MAX_FRAME,
    "MAX_BODY": MAX_BODY,
    "MAX_PAYLOAD": MAX_PAYLOAD,
    "MAX_STEPS": numbers.MAX_STEPS,
    "MAC_SIZE": numbers.MAC_SIZE,
    "TICKS_MASK": numbers.TICKS_PERIOD - 1,
}
_HEAD = '''"""Numbers of the link, written by hw/coprocessor/firmware_table.py from hw/coprocessor/messages.py."""

from micropython import const

'''


def lines() -> Iterator[str]:
    """The table's lines below its head."""
    yield from (f"{name} = const({value})" for name, value in _NUMBERS.items())
    for prefix, kind in _PREFIXES.items():
        yield ""
        yield from (f"{prefix}{number.name} = const({int(number)})" for number in kind)
    yield ""
    yield "#: Payload layouts by type, for struct."
    yield "LAYOUTS = {"
    for number, message in messages.MESSAGES.items():
        yield f"    # of {number.name}: {', '.join(message.names()) or 'none'}"
        yield f'    {int(number)}: "{message.LAYOUT}",'
    yield "}"


def table() -> str:
    """The whole file."""
    return _HEAD + "\n".join(lines()) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
