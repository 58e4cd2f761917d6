"""Officers' security keys, in software, and everything that somebody could try with them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from daemon.demo.screen import Screen, TouchRefusedError
from daemon.demo.stage import OFFICERS
from evidence.credentials import hash_pin
from evidence.instants import write_instant
from tests.support.soft_key import SoftKey

Touch = Callable[..., int]
Assertion = Mapping[str, str]
THIRD: Final = "o-103"
"""Has a key and is no demo officer: who is locked out by what must fail is missed by none of the rules."""
MISUSES: Final = ("unknown key", "another's key", "replay", "statement of before", "other page")


class Keys:
    """``faults``: whatever was taken and must not be. ``screen`` and ``origin`` are those of the page that is open."""

    def __init__(self, touch: Touch, screen: Callable[[], Screen], origin: str) -> None:
        self._touch, self._screen, self._origin = touch, screen, origin
        self._of = {officer: SoftKey() for officer in (*OFFICERS, THIRD)}
        self._before: tuple[str, Assertion] | None = None
        self.faults: list[str] = []

    def roster(self) -> dict[str, Any]:
        """As the gateway sends it: everybody regular staff, with PIN and key."""
        since = write_instant(dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
        pins = {**OFFICERS, THIRD: "302517"}
        officers = [
            {
                "id": one,
                "role": "officer",
                "regular": True,
                "valid_from": since,
                "credentials": [{"method": "pin", "argon2id": hash_pin(pins[one])}, key.credential()],
            }
            for one, key in self._of.items()
        ]
        return {"version": 1, "officers": officers}

    def _signed(self, officer: str, challenge: str, origin: str = "") -> Assertion:
        return self._of[officer].sign(challenge, origin=origin or self._origin)

    def _decision(self) -> Mapping[str, Any] | None:
        decision: Mapping[str, Any] | None = self._screen().wait("a view", bool)["decision"]
        return decision

    def confirm(self) -> None:
        """Both officers, with their keys; the first of them twice."""
        first, second = OFFICERS
        for officer in (first, first, second):
            if decision := self._decision():
                self._touch("confirm", officer=officer, assertion=self._signed(officer, decision["challenge"]))

    def misuse(self, how: str) -> None:
        """Confirm what is on the screen as nobody may: it is refused, whatever the screen shows by then."""
        decision = self._decision()
        if decision is None:
            return
        challenge, said = decision["challenge"], decision["statement"]
        signed = self._signed(THIRD, challenge)
        assertion = {
            "unknown key": SoftKey().sign(challenge, origin=self._origin),
            "another's key": self._signed(next(iter(OFFICERS)), challenge),
            "other page": self._signed(THIRD, challenge, "http://localhost:1"),
        }.get(how, signed)
        if how in ("replay", "statement of before"):
            before, self._before = self._before, (said, signed)
            if before is None or before[0] == said:
                return
            assertion = before[1]
            said = before[0] if how == "statement of before" else said
        self._refused("confirm", how, officer=THIRD, assertion=assertion, statement=said)

    def _refused(self, name: str, how: str, **values: object) -> None:
        if self._touch(name, **values) == 202:
            self.faults.append(f"{name} was taken: {how}")

    def prepared(self, name: str, **values: object) -> None:
        """A touch beside a decision: what the unit has made for it is signed once, sent, and sent again."""
        try:
            ready = json.loads(self._screen()._request("POST", "/ask/statement", _body({"touch": name, **values})))
        except TouchRefusedError:
            return
        who = next(iter(OFFICERS))
        signed = {"officer": who, "assertion": self._signed(who, ready["challenge"]), "statement": ready["statement"]}
        self._touch(name, **values, **signed)
        self._refused(name, "what was sent before", **values, **signed)


def _body(values: Mapping[str, object]) -> bytes:
    return json.dumps(values).encode()
