"""Fingers, slips and the module at the entrance: what may be done with them, and what of them must never be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from daemon.check_id import new_check_id
from daemon.clock import UnitClock
from daemon.config import load
from daemon.demo.screen import View
from daemon.identity import load_identity
from daemon.slips import slips_of
from evidence.slip import Person
from hw.card_reader.document import IdentityDocument
from hw.fingerprint.codec import Instruction
from hw.fingerprint.simulated_finger import Finger, Skin
from hw.fingerprint.simulator import SimulatedModule

_CAPTURES: Final = (Instruction.GenImg, Instruction.GetImageFree)
_MARK: Final = slice(5, 37)
"""Of a template: the digest of its finger, whatever its quality."""


class Fingers:
    """Somebody's finger has her name. ``faults``: captures that nobody had consented to."""

    def __init__(self, module: SimulatedModule) -> None:
        self.module = module
        self.faults: list[str] = []
        self._slips: dict[str, tuple[str, str]] = {}
        self._whose: dict[str, str] = {}
        self._laid: set[str] = set()
        self._unasked: tuple[str, int] | None = None

    def write_slips(self, unit_toml: Path, documents: Mapping[str, IdentityDocument]) -> None:
        """As if each had enrolled at another unit of the site."""
        config = load(unit_toml)
        slips = slips_of(config, load_identity(config, dt.datetime.now(dt.UTC)).signer, UnitClock(None), _none_revoked)
        assert slips is not None
        for name, document in documents.items():
            consent = UUID(new_check_id())
            person = Person("resident_id_card", document.number)
            self._slips[name] = (slips.write(Finger(name).template(512), person, consent), str(consent))
            self._whose[document.number] = name

    def slip(self, of: str) -> str:
        """The text that a scanner reads; half of one for anybody else."""
        text, _ = self._slips.get(of, next(iter(self._slips.values())))
        return text if of in self._slips else text[: len(text) // 2]

    def lay(self, whose: str, skin: Skin = Skin.GOOD) -> None:
        """Somebody's finger on the module; nobody's: it is lifted."""
        if whose == "nobody":
            self.module.lift()
        else:
            self._laid.add(whose)
            self.module.press(whose, skin=skin)

    def judge(self, view: View) -> None:
        """Between two looks at one check that nobody consented in, nothing was captured."""
        finger, captured = view["finger"], sum(one in _CAPTURES for one in self.module.history)
        asked = finger is None or finger["consented"] or finger["enrolling"]
        before, self._unasked = self._unasked, None if asked else (view["check"], captured)
        if before and self._unasked and before[0] == view["check"] and captured > before[1]:
            self.faults.append(f"a finger was captured at {view['step']}, without consent")

    @property
    def left(self) -> bool:
        """Whether the module still has anybody's template."""
        marks = [Finger(one).template(512)[_MARK] for one in self._slips]
        held = (*self.module.buffers.values(), *self.module.slots.values())
        return any(mark in template for mark in marks for template in held)

    def judge_records(self, checks: Sequence[Mapping[str, Any]]) -> list[str]:
        """A match is of her who holds the document, by her own slip, and she had laid her finger."""
        found = []
        for one in checks:
            if one.get("finger", {}).get("decision") == "match" and not self._is_hers(one):
                found.append(f"another one's finger matched: {one['check']}")
        return found

    def _is_hers(self, record: Mapping[str, Any]) -> bool:
        if "document" not in record:  # an interrupted check keeps none
            return True
        who = self._whose[record["document"]["number"]]
        return who in self._laid and record["finger"]["slip"]["consent"] == self._slips[who][1]


def _none_revoked(_kid: str, _at: dt.datetime) -> bool:
    return False
