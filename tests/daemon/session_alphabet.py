"""Every event that the exploration of the desk plays: a finite alphabet, made for a state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

from daemon import events as ev
from daemon import face_events as fa
from daemon import finger_events as fe
from daemon.minors import UNDER_14
from daemon.paper_events import OfficerSigned
from daemon.policy import Policy
from daemon.state import State, Step
from evidence.decision import DecisionStatement
from evidence.record import Outcome

HASH = "ab" * 32


EXPIRES = "2030-01-01T00:00:00.000Z"


MODEL = {"detector": HASH, "embedding": HASH}


FACTS = {"type": "resident_id_card", "method": "chip", "number": "-", "name": "-"}


PERMIT = {"type": "hk_mo_tw_residence_permit", "method": "chip", "number": "-", "name": "-"}


ENTERED = {**FACTS, "method": "typed"}
"""Of the kind that needs no officer when its chip is read."""


OTHER = "another-check"


OFFICERS = ("o-1", "o-2")


Make = Callable[[State, str], ev.Event]
"""An event for a state; the text is a check id that nobody has used."""


DUTY = ev.OnDuty("o-1", "officer", EXPIRES, "pin")
NOTED = ev.Noted("duty", {})


def finding(decision: str, alive: str = "not_performed") -> fa.FaceFinding:
    cause = "no_face" if decision == "not_comparable" else None
    liveness = fa.Liveness(alive, (), "replay" if alive == "attack" else None)
    return fa.FaceFinding(decision, None if cause else 0.5, 0.4, 0 if cause else 3, MODEL, cause, liveness)


def document(*findings: str, permit: bool = False) -> ev.Document:
    return ev.Document(PERMIT if permit else FACTS, findings, {}, HASH)


def _confirmed(state: State, officer: str, *, other_statement: bool = False) -> ev.Event:
    return _confirmed_statement(None if other_statement else state.statement, officer)


@cache
def _confirmed_statement(statement: DecisionStatement | None, officer: str) -> ev.Event:
    return ev.Confirmed(ev.Confirmation(officer, "officer", "pin", statement.sha256 if statement else HASH))


@cache
def _explained(check: str, officer: str = "o-1") -> ev.Event:
    statement = DecisionStatement(check, None, Outcome.EMERGENCY, "why", EXPIRES)
    return ev.Explained(statement, ev.Confirmation(officer, "officer", "pin", statement.sha256))


def _own(make: Callable[[str], ev.Event], check: str | None) -> Make:
    made = cache(make)  # events do not change, and most states share a check with others
    return lambda state, _fresh: made(check if check is not None else state.check or "none")


def _card(one: ev.Document, photo: bool, check: str | None) -> Make:
    return _own(lambda c: ev.CardRead(c, one, photo), check)


def _face(decision: str, alive: str, check: str | None) -> Make:
    return _own(lambda c: fa.FaceCompared(c, finding(decision, alive)), check)


def _finger(decision: str, check: str | None) -> Make:
    return _own(lambda c: ev.FingerCompared(c, fe.FingerFinding(decision)), check)


DELEGATES = ("spouse", "guardian", "stranger")
"""Who may stand for a grown woman, for a child too, and for nobody."""


def _consented(purpose: str, relation: str = "self") -> ev.Event:
    by = "subject" if relation == "self" else "delegate"
    return fe.FingerConsented(fe.FingerConsent(HASH, purpose, EXPIRES, by, relation))


def _by_delegates(policy: Policy) -> dict[str, Make]:
    """What is consented to or signed by somebody else than her."""
    made: dict[str, Make] = {}
    for one in DELEGATES:
        made[f"consent {one}"] = _plain(ev.Consented(EXPIRES, "delegate", one))
        made[f"finger consented by {one}"] = _plain(_consented("compare", one))
        made[f"enrolment consented by {one}"] = _plain(_consented("enrol", one))
        made[f"signed by {one}"] = _plain(ev.Signed(ev.Signature("delegate", one, b"-")))
    if "entrusted_person" in policy.relations:
        made["signed by entrusted person"] = _plain(ev.Signed(ev.Signature("delegate", "entrusted_person", b"-")))
    return made


def _of_a_finger(check: str | None) -> Iterator[tuple[str, Make]]:
    """The events of fingers and slips that name a check."""
    slip = fe.SlipFacts(HASH, "unit", EXPIRES, EXPIRES)
    cannot = fe.FingerFinding("not_performed", cause="finger_not_comparable")
    yield "finger cannot", _own(lambda c: ev.FingerCompared(c, cannot), check)
    yield "finger told", _own(lambda c: fe.FingerTold(c, "finger_lay"), check)
    yield "slip", _own(lambda c: fe.SlipShown(c, slip), check)
    yield "slip refused", _own(lambda c: fe.SlipRejected(c, "slip_forged"), check)
    yield "enrolled", _own(lambda c: fe.FingerEnrolled(c, fe.FingerEnrolment("enrolled", None, EXPIRES)), check)
    yield "not enrolled", _own(lambda c: fe.FingerEnrolled(c, fe.FingerEnrolment("not_enrolled", "finger_none")), check)


def _lost(device: str, check: str | None) -> Make:
    return _own(lambda c: ev.DeviceLost(c, device), check)


def _timeout(where: Step, check: str | None) -> Make:
    return _own(lambda c: ev.TimedOut(c, where), check)


def _of_a_check(check: str | None) -> Iterator[tuple[str, Make]]:
    """The events that name a check, for the one under way (None) or for ``check``."""
    cards = {"clean": document(), "expired": document("expired"), "permit": document(permit=True)}
    cards["child"] = document(UNDER_14)
    for name, one in cards.items():
        for photo in (True, False):
            yield f"card {name} photo={photo}", _card(one, photo, check)
    yield "card trouble", _own(lambda c: ev.CardTrouble(c, "card_removed"), check)
    for decision, alive in (
        ("match", "not_performed"),
        ("match", "live"),
        ("match", "attack"),
        ("match", "unsure"),
        ("no_match", "live"),
        ("no_match", "attack"),
        ("not_comparable", "not_performed"),
        ("not_comparable", "attack"),
    ):
        yield f"face {decision} {alive}", _face(decision, alive, check)
    for decision in ("match", "no_match", "not_performed"):
        yield f"finger {decision}", _finger(decision, check)
    yield from _of_a_finger(check)
    yield "card prints", _own(lambda c: ev.CardRead(c, cards["clean"], True, True), check)
    for device in ("camera", "card_reader", "fingerprint"):
        yield f"lost {device}", _lost(device, check)
    for step in Step:
        yield f"timeout {step}", _timeout(step, check)
    yield "sealed", _own(lambda c: ev.Sealed(c, 2, HASH), check)


def _officer(name: str) -> Make:
    return lambda state, _fresh: _confirmed(state, name)


def _proposal(outcome: Outcome) -> Make:
    return _plain(ev.Proposed(outcome, "why", EXPIRES))


def _plain(event: ev.Event) -> Make:
    return lambda _state, _fresh: event


def _amended(_state: State, _fresh: str) -> ev.Event:
    statement = DecisionStatement(OTHER, None, Outcome.EMERGENCY, "a mistaken touch", EXPIRES)
    confirmation = ev.Confirmation("o-1", "officer", "pin", statement.sha256)
    return ev.Amended(ev.Sealed(OTHER, 2, HASH), statement, (confirmation,))


def _begin(checkpoint: str, *, drill: bool = False) -> Make:
    return lambda _state, fresh: ev.Begin(fresh, checkpoint, "V-1", "typed", drill=drill, enrols=True)


def checkpoints(policy: Policy) -> list[str]:
    """One checkpoint of each sort that the machine tells apart."""
    sorts = {
        (
            *(one.own_phone, policy.factors_for(one.id), policy.one_of_for(one.id)),
            policy.enrols_finger(one.id),
        ): one.id
        for one in policy.checkpoints
    }
    return list(sorts.values())


def alphabet(policy: Policy) -> dict[str, Make]:
    """Every event, by name."""
    made: dict[str, Make] = {
        **{f"begin {name}": _begin(name) for name in checkpoints(policy)},
        "consent": _plain(ev.Consented(EXPIRES)),
        "decline refuse": _plain(ev.Declined("refuse")),
        "decline other way": _plain(ev.Declined("other_way")),
        "read again": _plain(ev.ReadAgain()),
        "no card": _plain(ev.NoCard("forgotten")),
        "document entered": _plain(ev.DocumentEntered(ev.Document(ENTERED, (), {}, HASH))),
        "elsewhere unknown": _plain(ev.CheckedElsewhere("nowhere", "R-1")),
        **{f"elsewhere {one.id}": _plain(ev.CheckedElsewhere(one.id, "R-1")) for one in policy.channels[:1]},
        "phone": _plain(ev.PhoneGiven("-")),
        "signed herself": _plain(ev.Signed(ev.Signature("subject", "self", b"-"))),
        "officer signed": _plain(OfficerSigned("o-1", b"-")),
        "signed later": _plain(ev.SignedLater()),
        "left": _plain(ev.Left()),
        "closed": _plain(ev.Closed()),
        "finger wished": _plain(fe.FingerWished()),
        "finger consented": _plain(_consented("compare")),
        "enrolment consented": _plain(_consented("enrol")),
        "enrolment ended": _plain(fe.EnrolmentEnded()),
        "skip light": _plain(fa.ChallengeSkipped("light", "o-1", "officer", "why")),
        "withdrawn": _plain(ev.Withdrawn()),
        "parked": _plain(ev.Parked()),
        "resumed other": _plain(ev.Resumed(OTHER)),
        "waited long other": _plain(ev.WaitedLong(OTHER)),
        "amended": _amended,
        "emergency": lambda _s, fresh: ev.Emergency(fresh, policy.checkpoints[0].id),
        "emergency again": lambda _s, fresh: ev.Emergency(fresh, policy.checkpoints[0].id, again=True),
        "explained": lambda s, _f: _explained(s.check or "none"),
        "explained other": lambda _s, _f: _explained(OTHER),
        "confirmed other": lambda s, _f: _confirmed(s, "o-3", other_statement=True),
    }
    made |= _by_delegates(policy)
    made |= {f"confirmed {officer}": _officer(officer) for officer in OFFICERS}
    made |= {f"proposed {outcome}": _proposal(outcome) for outcome in Outcome}
    made |= {f"own {name}": make for name, make in _of_a_check(None)}
    made |= {f"late {name}": make for name, make in _of_a_check(OTHER)}
    return made


def drills(policy: Policy) -> dict[str, Make]:
    """The same with checks that may be drills. Beside the others: they double the states."""
    begun = {f"begin drill {name}": _begin(name, drill=True) for name in checkpoints(policy)[:1]}
    return {**alphabet(policy), **begun}


SHIFTS: dict[str, Make] = {
    "log in": _plain(ev.ShiftChanged(DUTY, NOTED)),
    "log out": _plain(ev.ShiftChanged(None, NOTED)),
}
"""Beside the others: they double the states."""


_FEW = (
    *("left", "closed", "withdrawn", "parked", "emergency", "explained", "amended"),
    *("confirmed o-1", "confirmed o-2", "proposed unable", "own sealed"),
    *("own timeout confirm", "own timeout decision", "own timeout done", "own timeout notice"),
)


def small_alphabet(policy: Policy) -> dict[str, Make]:
    """Enough to park at every place; what is parked is resumed and given up by :func:`_happenings`."""
    every, here = alphabet(policy), policy.checkpoints[0].id
    return {"begin": _begin(here), "begin drill": _begin(here, drill=True), **{name: every[name] for name in _FEW}}
