"""Synthetic fingers for the module simulator.

This is no matcher and no print: a "template" is a digest of the finger's identity followed by bytes drawn from it, and
two templates match when their digests are the same. It serves to exercise the wire and the driver, never to measure
recognition.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum, unique
from types import MappingProxyType
from typing import Final

from hw.fingerprint.codec import Confirmation

_MARK: Final = b"SIMF"
_DIGEST: Final = 32
_HEAD: Final = len(_MARK) + 1 + _DIGEST


@unique
class Skin(Enum):
    """How a finger lies on the sensor, as wards know it."""

    GOOD = "good"
    DRY = "dry"
    WET = "wet"
    MOVED = "moved"
    PARTIAL = "partial"
    CUT = "cut"


_SEEN: Final = MappingProxyType(
    {
        Skin.DRY: Confirmation.ImageTooDry,
        Skin.WET: Confirmation.ImageTooWet,
        Skin.MOVED: Confirmation.ImageMessy,
        Skin.PARTIAL: Confirmation.FewFeatures,
    }
)
_CUT: Final = 0x80
"""In the quality's byte: features that the cut has changed, so that the template matches its like only."""


@dataclass(frozen=True, slots=True)
class Finger:
    """A finger to lay on the simulated sensor.

    ``identity`` says whose it is (any text); ``quality`` 0..100 decides whether features are found, and the score.
    """

    identity: str = field(repr=False)
    quality: int = 90
    skin: Skin = Skin.GOOD

    @property
    def image_code(self) -> Confirmation:
        """What Img2Tz says of it. A cut gives features enough; they are not those of before."""
        if self.skin in _SEEN:
            return _SEEN[self.skin]
        if self.quality < 20:
            return Confirmation.ImageMessy
        return Confirmation.FewFeatures if self.quality < 40 else Confirmation.Ok

    def template(self, size: int) -> bytes:
        """``size`` bytes, the same for the same identity and quality."""
        digest = hashlib.sha256(self.identity.encode()).digest()
        filler = hashlib.shake_256(digest).digest(size - _HEAD)
        return _MARK + bytes([self.quality | (_CUT if self.skin is Skin.CUT else 0)]) + digest + filler

    def image(self, size: int) -> bytes:
        """``size`` bytes in place of a picture."""
        return hashlib.shake_256(b"image" + self.identity.encode()).digest(size)


def score(first: bytes, second: bytes) -> int | None:
    """The simulated score: None if a template is not ours.

    60..160 by quality for one identity, 35 if only one of the two was cut, under 20 for two identities.
    """
    if not (first.startswith(_MARK) and second.startswith(_MARK)):
        return None
    if first[len(_MARK) + 1 : _HEAD] != second[len(_MARK) + 1 : _HEAD]:
        return (first[_HEAD] ^ second[_HEAD]) % 20
    marks = first[len(_MARK)], second[len(_MARK)]
    if (marks[0] ^ marks[1]) & _CUT:
        return 35
    return 60 + min(mark & ~_CUT for mark in marks)


def combine(first: bytes, second: bytes) -> bytes | None:
    """The template of two captures of one finger; None when they are two fingers."""
    result = score(first, second)
    return max(first, second) if result is not None and result >= MATCH_SCORE else None


MATCH_SCORE: Final = 50
"""From this score on the simulated module says that two templates match."""
