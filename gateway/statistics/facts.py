"""What one check was, with everything that later records say of it: the unit of counting and a row of an export."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evidence.instants import local_text
from evidence.record import OWED, Outcome, may_be_nobody, says_nobody, signature_counts, took_s

MISTAKEN = ("mistaken_emergency", "误触", "Touched by mistake")
"""How the reason begins with which an officer accounts for a touch by mistake: the form's, or one of the screen's."""


def payload_of(token: str) -> dict[str, Any]:
    """The payload of a stored record, which was held against the schema when it came in."""
    part = token.split(".", 2)[1]
    payload: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode("utf-8"))
    return payload


@dataclass(slots=True)
class Later:
    """What addenda bring to a check."""

    count: int = 0
    links: list[tuple[str, str]] = field(default_factory=list, repr=False)
    settled: bool = False
    accounted: bool = False
    mistaken: bool = False
    nobody: bool = False
    signed: list[str] = field(default_factory=list)

    def take(self, addendum: Mapping[str, Any]) -> None:
        """One more addendum, in the order of the chain."""
        self.count += 1
        if "visit" in addendum:
            self.links.append((addendum["time"]["earliest"], addendum["visit"]["ref"]))
        if "subject_sign" in addendum:
            self.signed.append(addendum["subject_sign"]["by"])
        self.settled = self.settled or "settled_by" in addendum
        self.nobody = self.nobody or says_nobody(addendum)
        if addendum.get("accounts"):
            self.accounted = True
            self.mistaken = self.mistaken or addendum["reason"].startswith(MISTAKEN)

    @property
    def visit(self) -> str | None:
        """The visit that it was linked to last, by time: links may come from several units."""
        return max(self.links, key=lambda link: link[0])[1] if self.links else None


NOTHING = Later()


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a person; never a drill.

    Attributes:
        at: when its record was made, by the unit's clock.
        local: the same in China, to the second.
        floor: that clock was not trusted, so ``at`` is too early.
        seconds: from the beginning to the record; None where the clock was not trusted or was set meanwhile.
        methods: what the unit did: ``card``, ``face``, ``finger``.
        officers: who signed the decision; none where the unit alone decided.
        on_duty: who was logged in, by the unit's word.
        debt: ``owed``, ``settled`` or empty.
        emergency: ``unexplained``, ``explained``, ``mistaken`` or empty.
        case: the special case (专案管理) that it opened: ``open``, ``closed`` or empty.
        believed: the key that signed had not been revoked before.
    """

    unit: str
    seq: int
    sha256: str
    check: str
    at: dt.datetime
    local: str
    floor: bool
    seconds: int | None
    policy: str
    checkpoint: str
    outcome: str
    document: str
    channel: str
    methods: tuple[str, ...]
    officers: tuple[str, ...]
    on_duty: str
    debt: str
    emergency: str
    later: Later
    believed: bool
    case: str
    payload: Mapping[str, Any] = field(repr=False)

    @property
    def day(self) -> str:
        """The day in China."""
        return self.local[:10]

    @property
    def visit(self) -> str:
        """The visit's reference, the linked one if it was linked later."""
        return self.later.visit or str(self.payload["visit"]["ref"])

    @property
    def nobody(self) -> bool:
        """Officers say that nobody was there, and nothing contradicts them."""
        return self.later.nobody and _unclaimed(self.payload, self.later)

    @property
    def visits(self) -> frozenset[str]:
        """Every visit that was ever named for it: where these differ nobody here knows which is right."""
        return frozenset([str(self.payload["visit"]["ref"]), *(ref for _, ref in self.later.links)])

    @property
    def signed_later(self) -> str:
        """Who signed by an addendum, ``subject`` or ``delegate``; empty: nobody whose signature counts."""
        return next((by for by in reversed(self.later.signed) if signature_counts(self.payload, by)), "")

    @property
    def accountable(self) -> tuple[str, ...]:
        """Who answers for it: the officers who signed, or who was on duty, or nobody."""
        return self.officers or ((self.on_duty,) if self.on_duty else ("",))


def check_of(
    said: Mapping[str, Any],
    sha256: str,
    later: Later,
    *,
    settled_elsewhere: bool,
    believed: bool = True,
    case: str = "",
) -> Check:
    """The check of a record's payload.

    Args:
        settled_elsewhere: a later check of the same visit, on whatever unit, left nothing owed.
        believed: see :class:`Check`.
        case: what became of the special case, where its outcome opens one there.
    """
    # The schema has held these texts to their one form when the record came in.
    at, floor = dt.datetime.fromisoformat(said["time"]["earliest"]), said["time"]["source"] == "floor"
    seconds, emergency = took_s(said), _emergency(said, later)
    return Check(
        unit=said["unit"],
        seq=said["seq"],
        sha256=sha256,
        check=said["check"],
        at=at,
        local=local_text(at),
        floor=floor,
        seconds=None if seconds is None else round(seconds),
        policy=said["policy"]["id"],
        checkpoint=said["checkpoint"],
        outcome=said["outcome"],
        document=said.get("document", {}).get("type", ""),
        channel=said["channel"],
        methods=_methods(said),
        officers=tuple(one["id"] for one in said["officers"]),
        on_duty=said.get("on_duty", {}).get("id", ""),
        debt=_debt(
            said["outcome"], settled=later.settled or settled_elsewhere or (later.nobody and _unclaimed(said, later))
        ),
        emergency=emergency,
        later=later,
        believed=believed,
        case=case if believed and emergency != "mistaken" else "",
        payload=said,
    )


def _methods(said: Mapping[str, Any]) -> tuple[str, ...]:
    if said["channel"] != "unit":
        return ()
    done = {
        "card": said.get("document", {}).get("method") == "chip",
        "face": said.get("face", {}).get("decision") in ("match", "no_match"),
        "finger": said.get("finger", {}).get("decision") in ("match", "no_match"),
    }
    return tuple(name for name, was in done.items() if was)


def _unclaimed(said: Mapping[str, Any], later: Later) -> bool:
    """Whether nobody may have been there: what began without a visit, was linked to none and has read nothing."""
    return may_be_nobody(said) and later.visit is None


def _debt(outcome: str, *, settled: bool) -> str:
    if outcome not in OWED:
        return ""
    return "settled" if settled else "owed"


def _emergency(said: Mapping[str, Any], later: Later) -> str:
    # A power cut may have ended the emergency's own check: it is recorded as interrupted then.
    if Outcome.EMERGENCY not in (said["outcome"], said.get("step_reached")):
        return ""
    if later.mistaken:
        return "mistaken"
    return "explained" if later.accounted else "unexplained"
