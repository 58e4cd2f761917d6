"""What officers add to a check that has its record: what is open for which check, and how many officers it takes.

One officer's word links a check to a visit while none is known. That a check belongs to another visit than was said
takes two, and so does that nobody was there: either would else wipe a debt on one person's word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from daemon.events import Signature
from daemon.kiosk import fields
from daemon.kiosk.fields import TouchRefused
from daemon.outbox.checks import CheckRow
from daemon.policy import Policy
from evidence.encoding import sha256_hex
from evidence.record import MISTAKEN, NOBODY

ACCOUNTS = ("explanation", MISTAKEN)
"""Of an emergency that nobody has accounted for."""
_CLOSED = {**dict.fromkeys(ACCOUNTS, "not_an_open_emergency"), NOBODY: "somebody_was_there"}
_ALL = ("visit", "signature", *ACCOUNTS, NOBODY, "remark")


AGES: dict[bool | None, str] = {True: "child", False: "grown", None: "unknown"}
"""By whether she is under 14: who may sign for her depends on it."""


def kinds(row: CheckRow) -> dict[str, int]:
    """What may be added to this check, and how many officers each kind takes."""
    found = {"visit": 1 if row.provisional else 2, "signature": 1}
    if row.unaccounted:
        found |= dict.fromkeys(ACCOUNTS, 1)
    if row.owed and row.nobody:
        found[NOBODY] = 2
    return {**found, "remark": 1}


def listed(row: CheckRow, visit: str = "") -> dict[str, Any]:
    """One check in a list of the screen, as plain JSON values; ``visit`` stands there where its own is not kept."""
    said = {"check": row.check, "visit": row.visit or visit, "checkpoint": row.checkpoint, "outcome": row.outcome.value}
    flags = {"owed": row.owed, "unaccounted": row.unaccounted, "drill": row.drill}
    flags |= {"provisional": row.provisional, "claimant": row.claimant}
    return {**said, **flags, "age": AGES[row.under_14], "at": row.at, "seq": row.seq, "kinds": kinds(row)}


@dataclass(frozen=True, slots=True)
class Amendment:
    """``what`` is added to ``row``: ``said`` are further fields of the addendum, ``reason`` is what is signed."""

    row: CheckRow
    what: str
    said: Mapping[str, Any] = field(repr=False)
    reason: str = field(repr=False)
    signature: Signature | None

    @property
    def officers(self) -> int:
        """How many must confirm it."""
        return kinds(self.row)[self.what]


def account(values: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """The account of an emergency that is still on the screen: the addendum's fields, and what is signed.

    The same as hours later (:func:`read`), so a touch by mistake is told and settled in one way only.

    Raises:
        TouchRefused: no reason is given, or it is no account.
    """
    what = fields.choice(values, "what", ACCOUNTS, ACCOUNTS[0])
    return {"amends": what}, f"{what}: {fields.reason(values)}"


def _check_signer(drawn: Signature | None, row: CheckRow, policy: Policy) -> None:
    """Hours later she may have entrusted somebody, also who could not be verified then; a child has not."""
    if drawn is None:
        return
    if drawn.by == "subject" and row.under_14:
        raise TouchRefused("guardian_must_sign", 409)
    if drawn.by == "delegate" and drawn.relation not in policy.stand_ins(child=row.under_14):
        raise TouchRefused("relation_not_open", 409)


def read(
    values: Mapping[str, Any],
    find_check: Callable[[str], CheckRow | None],
    signature: Callable[[Mapping[str, Any]], Signature],
    is_another: Callable[[str, str], bool],
    policy: Policy,
) -> Amendment:
    """What a touch wants to add.

    Args:
        values: of the touch.
        find_check: by its id.
        signature: reads who signed, and the drawing.
        policy: who may sign in her place.
        is_another: whether a check's document names somebody else than who is expected for a visit, as far as known.

    Raises:
        TouchRefused: something is missing, or not open for this check.
    """
    row = find_check(fields.text(values, "check"))
    if row is None:
        raise TouchRefused("unknown_check", 404)
    what = fields.choice(values, "what", _ALL)
    if what not in kinds(row):
        raise TouchRefused(_CLOSED[what], 409)
    said: dict[str, Any] = {"visit": {"ref": fields.visit(values), "source": "typed"}} if what == "visit" else {}
    if said and not row.claimant and is_another(row.check, said["visit"]["ref"]):
        raise TouchRefused("number_differs_from_visit", 409)
    drawn = signature(values) if what == "signature" else None
    _check_signer(drawn, row, policy)
    if drawn:  # what is confirmed is this drawing, and no other
        about = sha256_hex(drawn.png)
    else:
        needed = what in (*ACCOUNTS, NOBODY)
        about = said["visit"]["ref"] if said else fields.reason(values, optional=not needed)
    return Amendment(row, what, {**said, "amends": what}, f"{what}: {about}".removesuffix(": "), drawn)
