"""Heads that the unit signed in a health message, and what somebody made of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.vectors.evidence import by_hand as hand
from tests.vectors.evidence.by_hand import b64, sha256, text_of
from tests.vectors.evidence.vector import BASE, LAST, Step, Vector, vector

TYP = "vernix-health+jws"


def health(
    count: int = LAST,
    owner: hand.Key = hand.NEXT_KEY,
    head: bytes | None = None,
    without: str | None = None,
    **more: Any,
) -> str:
    """Says that the chain reaches record ``count``."""
    said = {"v": 1, "unit": hand.UNIT, "site": hand.SITE, "at": hand.instant(130), "waiting": 0, "refused": 0}
    said |= {"seq": count, "head": sha256(BASE[count - 1].encode()), **more}
    said.pop(without or "", None)
    return hand.signed(text_of(said), owner, head or hand.header(owner, TYP))


def healths() -> Iterator[Vector]:
    def held(name: str, by_hand: str, token: str, *, found: bool, tokens: list[str] = BASE) -> Vector:
        findings = [(8, 0)] if found else []
        return vector(f"health: {name}", by_hand, tokens, findings, health=token)

    yield held("reached", "nothing", health(), found=False)
    yield held("reached, earlier", "nothing; an older message", health(4, hand.UNIT_KEY), found=False)
    yield held("by the key before", "nothing; the head before the rotation", health(12, hand.UNIT_KEY), found=False)
    yield held("more is said", "nothing; names that a later version may add", health(later=[1, {}]), found=False)
    yield held("cut off", "the last record is left out", health(), found=True, tokens=BASE[:-1])
    yield held(
        "all cut off but the birth", "only the birth record", health(4, hand.UNIT_KEY), found=True, tokens=BASE[:1]
    )
    yield held("another record", "the head's hash is another one", _other_hash(), found=True)
    yield held("of a stranger", "signed by nobody's key", health(owner=hand.STRANGER), found=True)
    forged = health(owner=hand.STRANGER, head=hand.header(hand.NEXT_KEY, TYP))
    yield held("forged", "a stranger signs under the unit's kid", forged, found=True)
    yield held("of another unit", "the unit's key, another name", health(unit="test-unit-2"), found=True)
    yield held("of another site", "the unit's key, another site", health(site="other-site"), found=True)
    yield held("typ of a record", "a health message as a record", health(head=hand.header(hand.NEXT_KEY)), found=True)
    yield held("a record", "a record in its place", BASE[-1], found=True)
    yield from _overwritten()
    for name in ("v", "unit", "site", "at", "seq", "head"):
        yield held(f"without {name}", "the name is left out", health(without=name), found=True)
    yield held("seq 0", "before any record", health(seq=0), found=True)
    yield held("seq as text", "a number in quotes", health(seq="14"), found=True)
    yield held("seq as float", "14.0", health(seq=14.0), found=True)
    yield held("seq too large", "2^53", health(seq=1 << 53), found=True)
    yield held("no instant", "a date without time", health(at="2026-11-21"), found=True)
    yield held("refused below 0", "a count that cannot be", health(refused=-1), found=True)
    yield held("counters a number", "not by channel", health(counters=5), found=True)
    yield held("a counter below 0", "of the commands", health(counters={"command": -1}), found=True)
    yield held("boot 0", "before the first start", health(boot=0), found=True)
    yield held("number as text", "in quotes", health(number="1"), found=True)
    yield held("roster below 0", "a version that cannot be", health(roster=-1), found=True)
    yield held("later version", "v 2", health(v=2), found=True)
    none = b64(text_of({"alg": "none", "kid": hand.kid(hand.NEXT_KEY), "typ": TYP}))
    yield held("alg none", "no signature", f"{none}.{health().split('.')[1]}.", found=True)
    yield held("empty", "nothing at all", "", found=True)
    yield held("no JWS", "some text", "vernix", found=True)


def _other_hash() -> str:
    said = {"v": 1, "unit": hand.UNIT, "site": hand.SITE, "at": hand.instant(130), "seq": 4, "head": "0" * 64}
    return hand.signed(text_of(said), hand.NEXT_KEY, hand.header(hand.NEXT_KEY, TYP))


def _overwritten() -> Iterator[Vector]:
    """The unit had overwritten records after the gateway's receipts when it was exported: 3 to 5, and 7."""
    gone = [[3, 5], [7, 7]]
    left = [token for place, token in enumerate(BASE, start=1) if place not in (3, 4, 5, 7)]

    def held(name: str, by_hand: str, token: str, findings: list[Step], tokens: list[str] = left) -> Vector:
        return vector(f"overwritten: {name}", by_hand, tokens, findings, health=token)

    gaps = [(4, 3), (4, 4), (7, 7)]  # two ranges, and an addendum to the record of seq 3
    yield held("named", "nothing but what the unit says is absent", health(overwritten=gone), [])
    yield held("more is named", "all of it is there", health(overwritten=gone), [], BASE)
    yield held("not named", "the unit says nothing of it", health(), gaps)
    yield held("half named", "3 and 4 only, of 3 to 5", health(overwritten=[[3, 4], [7, 7]]), gaps[:1])
    yield held("in pieces", "3 to 4 and 5, which is one range", health(overwritten=[[3, 4], [5, 5], [7, 7]]), gaps[:1])
    yield held(
        "by a stranger", "signed by nobody's key", health(owner=hand.STRANGER, overwritten=gone), [*gaps, (8, 0)]
    )
    cut = health(overwritten=gone)
    yield held("and cut off", "the last record is left out too", cut, [*gaps, (8, 0)], left[:-1])
    for name, value in {
        "no list": "3-5",
        "three numbers": [[3, 4, 5]],
        "a text": [["3", "5"]],
        "from 0": [[0, 5]],
    }.items():
        yield held(name, "not of the form", health(overwritten=value), [*gaps, (8, 0)])
