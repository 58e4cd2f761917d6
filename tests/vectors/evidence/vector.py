"""What one vector is: records in short, what was done to them by hand, and the findings it must give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.vectors.evidence import by_hand as hand
from tests.vectors.evidence.by_hand import Payload, payload_of, sha256, signed, text_of

BASE = hand.sound_chain()
LAST = len(BASE)
Vector = dict[str, Any]
Step = tuple[int, int]


def short(tokens: list[str]) -> list[int | str]:
    """Records of the sound chain by their place in it, from 0."""
    return [BASE.index(token) if token in BASE else token for token in tokens]


def vector(
    name: str, by_hand: str, tokens: list[str], findings: list[Step], head: int | None = None, **more: Any
) -> Vector:
    made = {"name": name, "by_hand": by_hand, "tokens": short(tokens), "findings": [list(step) for step in findings]}
    if head is not None:
        made["head"] = {"seq": head, "sha256": sha256(BASE[head - 1].encode())}
    return made | more


def then(name: str, by_hand: str, count: int, token: str, *steps: int) -> Vector:
    """``count`` sound records, then ``token``."""
    return vector(name, by_hand, [*BASE[:count], token], [(step, count + 1) for step in steps])


# Records in sound order, the last one changed and signed again by the unit's own key


def remade(count: int, change: Callable[[Payload], Payload]) -> str:
    return signed(text_of(change(payload_of(BASE[count]))))


def edited(count: int, old: str, new: str) -> str:
    """The payload's text changed, for what no JSON writer writes."""
    text = hand.unb64(BASE[count].split(".")[1]).decode()
    assert old in text, old
    return signed(text.replace(old, new, 1).encode("utf-8", "surrogatepass"))
