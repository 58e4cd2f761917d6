"""Which forms a check ends with, what is held for them, and how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from daemon.config import Printing, Unit
from daemon.events import (
    Begin,
    Closed,
    Confirmation,
    Consented,
    Document,
    Event,
    OnDuty,
    Sealed,
    Signature,
)
from daemon.outbox.checks import CheckRow
from daemon.paper_events import OfficerSigned, PrintWanted
from daemon.policy import Policy, load_policy
from daemon.policy.words import DOCUMENTS as SCREEN
from daemon.printing.forms import FormDesk
from daemon.printing.printer import Printer
from daemon.printing.spool import Spool
from daemon.state import State, Step
from evidence.forms.fill import Drawn, Filled
from evidence.forms.render import render
from evidence.forms.sheet import Sheet
from evidence.forms.words import CHANNELS, DOCUMENTS, RELATIONS, FormId, checkpoint_title, registered_at
from evidence.record import Outcome
from tests.evidence.forms import samples
from tests.evidence.forms.pictures import drawn, text_of
from tests.support.codes import read_qr

JIANGXI = load_policy("jiangxi")
PACKS = [load_policy(name) for name in ("neutral", "jiangxi", "hainan", "chongqing_yubei")]
PHOTO = np.full((126, 102, 3), 120, np.uint8)
FACTS = {name: value for name, value in samples.PLAIN.items() if name != "findings"}
BEGIN = Begin(samples.CHECK, "delivery", "ZY20261122001", "scanned")
IDLE = State(JIANGXI)
DONE = State(
    JIANGXI,
    Step.DONE,
    begin=BEGIN,
    consent=Consented("2026-11-22T02:03:00.000Z"),
    document=Document(FACTS, (), {}, "0" * 64),
    signature=Signature("subject", "self", samples.signature()),
    officer_signatures=(OfficerSigned("o-101", samples.signature()),),
    on_duty=OnDuty("o-101", "officer", "2026-11-22T00:00:00.000Z", "pin"),
    outcome=Outcome.PASSED,
    sealed=Sealed(samples.CHECK, 42, "0" * 64),
)
OTHER = replace(DONE, begin=replace(BEGIN, check=samples.CHECK[:-1] + "f"))
"""The next woman's."""
ROW = CheckRow(
    *(samples.CHECK, 42, "0" * 64, "delivery", "ZY20261122001", Outcome.PASSED, False),
    *("2026-11-22T02:05:00.000Z", False, False),
)


@dataclass(slots=True)
class Kept(Spool):
    """A spool that nobody runs: what it is told is looked at."""

    sheets: list[Sheet] = field(default_factory=list)
    ended: bool = False

    def want(self, check: str, sheets: Sequence[Sheet]) -> None:
        self.sheets, self.ended = list(sheets), False
        Spool.want(self, check, sheets)

    def end_by(self, seconds: float) -> None:
        assert seconds == 10.0
        self.ended = True


@pytest.fixture
def forms() -> FormDesk:
    unit = Unit("door-1", "site", Path(), "delivery", Path())
    printing = Printing("ipp://p/ipp/print", "示例市妇幼保健院", "产科")
    spool = Kept(Printer(printing.uri))
    made = FormDesk(JIANGXI, unit, printing, spool, lambda _check: ROW)
    made.laid(samples.CHECK, PHOTO)
    return made


def wanted(forms: FormDesk, state: State, event: Event | None = None) -> list[str]:
    assert isinstance(forms.spool, Kept)
    forms.spool.sheets = []
    forms.follow(state, event or PrintWanted())
    return [sheet.page for sheet in forms.spool.sheets]


def test_finished_check_is_printed_from_what_is_in_memory(forms: FormDesk) -> None:
    assert wanted(forms, DONE) == ["jiangxi"]
    assert isinstance(forms.spool, Kept)
    (sheet,) = forms.spool.sheets
    text = text_of(render(sheet).pdf)
    for said in (
        "示例甲",
        "990000199407120241",
        "示例市妇幼保健院",
        "产科",
        "o-101",
        "第42号",
        "2026年11月22日10时05分",
    ):
        assert said in text
    assert set(sheet.pictures) == {"sign0", "sign1", "portrait"}


def test_nothing_is_printed_unasked_or_before_the_record_is_there(forms: FormDesk) -> None:
    assert wanted(forms, DONE, Closed()) == []
    assert wanted(forms, replace(DONE, step=Step.SEALING)) == []
    assert wanted(forms, IDLE) == []
    assert forms.view(DONE) == {"can": True, "state": "nothing"}
    assert forms.view(replace(DONE, step=Step.SIGN))["can"] is False


def test_face_is_forgotten_when_the_check_leaves_the_screen(forms: FormDesk) -> None:
    forms.follow(replace(DONE, step=Step.FACE, outcome=None), Closed())
    held = forms.holds
    assert held
    forms.follow(IDLE, Closed())
    held = forms.holds
    assert not held
    assert isinstance(forms.spool, Kept)
    assert forms.spool.ended


@pytest.mark.parametrize("outcome", [Outcome.EMERGENCY, Outcome.INTERRUPTED])
def test_no_face_outlives_an_emergency_or_an_interruption(forms: FormDesk, outcome: Outcome) -> None:
    forms.follow(replace(DONE, step=Step.SEALING, outcome=outcome), Closed())
    assert not forms.holds


def test_next_check_has_not_the_face_of_the_one_before(forms: FormDesk) -> None:
    wanted(forms, OTHER)
    assert isinstance(forms.spool, Kept)
    assert "portrait" not in forms.spool.sheets[0].pictures


def test_family_slip_of_an_emergency_names_nobody(forms: FormDesk) -> None:
    state = State(JIANGXI, Step.DONE, begin=BEGIN, outcome=Outcome.EMERGENCY, sealed=Sealed(samples.CHECK, 42, "0"))
    assert wanted(forms, state) == ["slip"]
    assert isinstance(forms.spool, Kept)
    text = text_of(render(forms.spool.sheets[0]).pdf)
    assert "先救治，后核验" in text
    assert "示例甲" not in text
    assert "ZY2026" not in text


def test_failed_check_gets_the_sheet_and_the_slip(forms: FormDesk) -> None:
    two = tuple(Confirmation(name, "officer", "pin", "0" * 64) for name in ("o-101", "o-102"))
    assert wanted(forms, replace(DONE, outcome=Outcome.FAILED, confirmations=two)) == ["jiangxi", "slip"]


def test_permit_in_pregnancy_has_its_form_and_a_resident_none(forms: FormDesk) -> None:
    """Hainan: a passed check whose chip was read, with the two officers that the pack wants for it."""
    hainan = load_policy("hainan")
    two = tuple(Confirmation(name, "officer", "pin", "0" * 64) for name in ("o-101", "o-102"))
    begin = replace(BEGIN, checkpoint="antenatal")
    resident = replace(DONE, policy=hainan, begin=begin, confirmations=two)
    permit = replace(resident, document=Document(FACTS | {"type": "hk_mo_tw_residence_permit"}, (), {}, "0" * 64))
    forms.policy = hainan
    assert wanted(forms, resident) == []
    assert wanted(forms, permit) == ["table"]
    assert isinstance(forms.spool, Kept)
    content = forms.spool.sheets[0].content
    assert (content["in_special"], [one["name"] for one in content["officers"]]) == (True, ["o-101", "o-102"])


def test_what_is_under_way_is_not_asked_for_twice(forms: FormDesk) -> None:
    assert forms.view(DONE) == {"can": True, "state": "nothing"}
    assert wanted(forms, DONE) == ["jiangxi"]
    assert forms.view(DONE) == {"can": False, "state": "waiting"}
    assert wanted(forms, DONE) == []  # a second touch before the screen has heard of the first
    forms.spool.drop()
    assert forms.view(DONE) == {"can": True, "state": "dropped"}
    assert wanted(forms, DONE) == ["jiangxi"]


def test_next_womans_result_tells_nothing_of_the_last_ones_paper(forms: FormDesk) -> None:
    wanted(forms, DONE)
    assert forms.view(OTHER) == {"can": True, "state": "nothing"}  # hers is under way, and this one can be queued
    assert wanted(forms, OTHER) == ["jiangxi"]
    forms.spool.drop()
    assert forms.view(IDLE) == {"can": False, "state": "dropped"}  # to be seen to, until the next one begins
    third = replace(OTHER, begin=replace(BEGIN, check=samples.CHECK[:-1] + "d"))
    forms.follow(replace(third, step=Step.CARD, outcome=None), Closed())
    assert forms.view(third) == {"can": True, "state": "nothing"}
    assert forms.view(IDLE) == {"can": False, "state": "nothing"}


def test_job_of_the_last_one_that_still_prints_is_told_when_the_screen_is_free(forms: FormDesk) -> None:
    wanted(forms, DONE)
    forms.follow(OTHER, Closed())
    assert forms.view(OTHER)["state"] == "nothing"
    assert forms.view(IDLE)["state"] == "waiting"
    assert forms.view(DONE)["state"] == "waiting"


def test_personal_data_is_in_no_repr(forms: FormDesk) -> None:
    wanted(forms, DONE)
    assert isinstance(forms.spool, Kept)
    shown = repr((forms, forms.spool.sheets, Drawn("subject", b"ink"), Filled(samples.record())))
    assert "示例甲" not in shown
    assert "990000" not in shown
    assert "ink" not in shown


# --- the words of the packs and of the forms are the same ------------------------------------------------------------


@pytest.mark.parametrize("pack", PACKS, ids=lambda one: one.id)
def test_forms_call_things_as_the_pack_does(pack: Policy) -> None:
    assert {one.id: one.title for one in pack.checkpoints} == {
        one.id: checkpoint_title(pack.id, one.id) for one in pack.checkpoints
    }
    assert all(RELATIONS[one.relation] == one.title for one in pack.delegates)
    assert all(CHANNELS[one.id] == one.title for one in pack.channels)
    register = next(rule for rule in pack.registers if rule.id is FormId.DELIVERIES_REGISTER)
    assert register.checkpoints == (registered_at(pack.id),)


def test_documents_are_called_as_on_the_screen() -> None:
    assert {kind.value: titles[0] for kind, titles in SCREEN.items()} == dict(DOCUMENTS)


def test_fingerprint_slip_is_printed_with_its_code(forms: FormDesk) -> None:
    slip = "VXF1" + "A" * 1900  # as long as a real one
    forms.slip = lambda check: slip if check == samples.CHECK else None
    assert wanted(forms, DONE) == ["jiangxi", "slip"]
    assert isinstance(forms.spool, Kept)
    (page,) = drawn(render(forms.spool.sheets[1]).pdf, 600 / 72)
    assert read_qr(page) == slip, "a scanner reads it from paper"
