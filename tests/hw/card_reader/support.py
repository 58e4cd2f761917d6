"""What the card reader's tests share: golden vectors and short waits."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hw.card_reader.codec import Command
from hw.card_reader.document import DocumentKind, IdentityDocument
from hw.card_reader.driver import CardRead, CardReader, Condition, ReaderState
from hw.card_reader.link import Timing
from hw.card_reader.simulator import SimulatedCard, SimulatedReader, demo_document

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "card_reader.json").read_text(encoding="utf-8")
)
QUICK = Timing(
    answer_s=0.8,
    read_answer_s=1.0,
    gap_s=0.4,
    frame_s=5.0,
    settle_s=0.01,
    poll_s=0.02,
    backoff_s=(0.02, 0.05),
    baud_pause_s=0.005,
)
PHOTO = bytes.fromhex("574C66007E00320000FF85005151").ljust(1024, b"\x01")
FINGER = bytes.fromhex("43018812010B51").ljust(512, b"\x02")


def card(**changes: Any) -> SimulatedCard:
    """A demo person's card; ``changes`` are fields of the card."""
    return SimulatedCard(**{"document": demo_document(), "photo": PHOTO, **changes})


def golden_document(kind: DocumentKind) -> IdentityDocument:
    """The golden document of ``kind``, built from the vector's fields."""
    vector = next(v for v in VECTORS["documents"] if v["kind"] == kind.name)
    return IdentityDocument(kind=kind, **vector["fields"])


LONG_S = 20.0
"""A bound for "did not hang", never waited for when all is well."""
SHORT_S = 0.3
"""Long enough for many looks at the reader."""


def conditions(states: list[ReaderState]) -> list[Condition]:
    """What was reported, without the reasons."""
    return [state.condition for state in states]


def next_card(reader: CardReader, timeout_s: float = LONG_S) -> CardRead | None:
    """Wait for a card."""
    return reader.wait_for_card(threading.Event(), timeout_s)


def later(action: Callable[[], object], after_s: float = 0.1) -> threading.Timer:
    """Do ``action`` from another thread in a moment; join what this gives."""
    timer = threading.Timer(after_s, action)
    timer.start()
    return timer


def reads_of(device: SimulatedReader) -> int:
    """How often the card's data were asked for."""
    return sum(code in (Command.READ_TEXT_PHOTO, Command.READ_TEXT_PHOTO_FINGERPRINT) for code in device.commands)
