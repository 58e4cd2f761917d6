"""Fingers against the simulated module: slips, the card's print, the field's faults, and that nothing stays behind."""

from __future__ import annotations

import datetime as dt
import logging
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from daemon import fingers, troubles
from daemon.check_id import new_check_id
from daemon.clock import UnitClock
from daemon.events import DeviceLost, Document, Event, FingerCompared
from daemon.finger_events import (
    FingerEnrolled,
    FingerEnrolment,
    FingerFinding,
    FingerTold,
    SlipRejected,
    SlipShown,
)
from daemon.fingers import FingerTask
from daemon.slips import Slips, person_of, slips_of
from evidence.errors import KeyUnusableError
from evidence.slip import LIFETIME, SlipFault
from evidence.slip_keys import make_slip_key
from hw.card_reader.finger_matcher import SimulatedMatcher, encode_simulated
from hw.fingerprint.codec import Instruction
from hw.fingerprint.image import FingerImage
from hw.fingerprint.link import Timing
from hw.fingerprint.simulated_finger import Finger, Skin
from hw.fingerprint.simulator import SimulatedModule
from hw.uri import DeviceUri
from tests.daemon.support import Home, now
from tests.support.brokers import wait_for

TIMING = Timing(answer_s=0.8, stray_s=0.1, packet_s=0.5, transfer_s=5.0, quiet_s=0.02, poll_s=0.005)
PATIENCE_S = 30.0
SHE = Document({"type": "resident_id_card", "number": "990000199001011232"}, (), {}, "0" * 64)
ANOTHER = Document({"type": "resident_id_card", "number": "990000199001011240"}, (), {}, "1" * 64)
REFERENCE = Finger("she").template(512)
CONSENT = UUID(new_check_id())


@dataclass
class Bench:
    """A task that runs on a simulated module.

    Attributes:
        told: the sensor's words, kept apart from the findings.
        finger: what she lays when she is asked to; None: she does nothing by herself.
    """

    task: FingerTask
    sim: SimulatedModule
    events: queue.SimpleQueue[Event]
    slips: Slips
    told: list[str]
    finger: Finger | None = None

    def answer(self) -> Event:
        while isinstance(event := self.events.get(timeout=PATIENCE_S), FingerTold):
            self.told.append(event.word)
            if self.finger is not None:
                self.sim.finger = self.finger if event.word == "finger_lay" else None
        return event

    def finding(self) -> FingerFinding:
        event = self.answer()
        assert isinstance(event, FingerCompared)
        assert event.check == "check-1"
        return event.finding

    def compared(self) -> FingerFinding:
        self.task.compare("check-1")
        return self.finding()

    def enrolled(self) -> FingerEnrolment:
        self.task.enrol("check-1", person_of(SHE), CONSENT)
        event = self.answer()
        assert isinstance(event, FingerEnrolled)
        return event.enrolment

    def slip_of(self, document: Document = SHE) -> str:
        return self.slips.write(REFERENCE, person_of(document), CONSENT)

    @property
    def holds_her(self) -> bool:
        mark = REFERENCE[5:37]  # the digest of her finger, whatever its quality
        return any(mark in one for one in (*self.sim.buffers.values(), *self.sim.slots.values()))


@pytest.fixture
def slips(home: Home) -> Slips:
    made = slips_of(home.config(), home.identity().signer, UnitClock(None), lambda _kid, _at: False)
    assert made is not None
    return made


@pytest.fixture
def sim() -> Iterator[SimulatedModule]:
    with SimulatedModule() as device:
        yield device


@contextmanager
def running(sim: SimulatedModule, slips: Slips, matcher: SimulatedMatcher | None = None) -> Iterator[Bench]:
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    task = FingerTask(DeviceUri.parse(sim.uri), post=events.put, slips=slips, matcher=matcher, timing=TIMING)
    thread = threading.Thread(target=task.run)
    thread.start()
    made = Bench(task, sim, events, slips, [])
    yield made
    task.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert not made.holds_her


@pytest.fixture
def bench(sim: SimulatedModule, slips: Slips, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(fingers, "ATTEMPT_S", 0.4)
    with running(sim, slips) as made:
        yield made


def test_enrol_then_match_at_a_later_checkpoint(bench: Bench, slips: Slips, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingers, "ATTEMPT_S", PATIENCE_S)
    assert bench.task.enrols
    bench.finger = Finger("she")
    enrolment = bench.enrolled()
    assert (enrolment.decision, enrolment.cause) == ("enrolled", None)
    assert bench.told == ["finger_lay", "finger_once_more", "finger_lay"]
    text = bench.task.slip("check-1")
    assert text is not None
    assert bench.task.slip("check-2") is None
    assert slips.open(text, SHE).consent == CONSENT
    bench.task.forget()
    bench.task.drop_slip()
    assert bench.task.slip("check-1") is None
    shown = bench.task.scanned("check-1", SHE, text)
    assert isinstance(shown, SlipShown)
    assert (shown.slip.consent, shown.slip.unit) == (str(CONSENT), "unit-test")
    finding = bench.compared()
    assert (finding.decision, finding.method, finding.threshold) == ("match", "slip", 3.0)
    assert finding.score is not None
    assert finding.score > 50


def test_another_woman_does_not_match(bench: Bench) -> None:
    bench.task.scanned("check-1", SHE, bench.slip_of())
    bench.sim.press("another")
    finding = bench.compared()
    assert (finding.decision, finding.cause, finding.method) == ("no_match", None, "slip")


@pytest.mark.parametrize(
    ("skin", "decision", "cause", "told"),
    [
        (Skin.DRY, "not_performed", "finger_too_dry", "finger_too_dry"),
        (Skin.WET, "not_performed", "finger_too_wet", "finger_too_wet"),
        (Skin.MOVED, "not_performed", "finger_moved", "finger_moved"),
        (Skin.PARTIAL, "not_performed", "finger_partial", "finger_partial"),
        (Skin.CUT, "no_match", None, None),
    ],
)
def test_one_cause_one_instruction(
    bench: Bench, skin: Skin, decision: str, cause: str | None, told: str | None
) -> None:
    bench.task.scanned("check-1", SHE, bench.slip_of())
    bench.sim.press("she", skin=skin)
    finding = bench.compared()
    assert (finding.decision, finding.cause) == (decision, cause)
    assert bench.told[:1] == ([told] if told else [])


def test_nobody_lays_a_finger(bench: Bench) -> None:
    bench.task.scanned("check-1", SHE, bench.slip_of())
    assert bench.compared().cause == "finger_none"


def test_nothing_to_compare_with(bench: Bench) -> None:
    assert bench.compared().cause == "finger_no_reference"
    bench.task.scanned("check-0", SHE, bench.slip_of())  # of the woman before
    assert bench.compared().cause == "finger_no_reference"


def test_enrolling_two_fingers(bench: Bench) -> None:
    fingers_ = iter(Finger(f"finger-{number}") for number in range(9))
    bench.task.enrol("check-1", person_of(SHE), CONSENT)
    while isinstance(event := bench.events.get(timeout=PATIENCE_S), FingerTold):
        bench.sim.finger = next(fingers_) if event.word == "finger_lay" else None
    assert isinstance(event, FingerEnrolled)
    assert event.enrolment == FingerEnrolment("not_enrolled", "finger_differs")
    assert bench.task.slip("check-1") is None


# --- modules of the field -------------------------------------------------------------------------------------------


def test_module_that_restarts_in_between_is_asked_once_more(bench: Bench) -> None:
    bench.task.scanned("check-1", SHE, bench.slip_of())
    bench.sim.press("she")
    assert bench.compared().decision == "match"
    bench.sim.password = 0
    bench.sim.restart()
    assert bench.compared().decision == "match"


def test_unplugged_in_mid_transfer(bench: Bench) -> None:
    bench.task.scanned("check-1", SHE, bench.slip_of())
    bench.sim.press("she")
    bench.sim.data_until_unplugged = 6
    bench.task.compare("check-1")
    assert bench.answer() == DeviceLost("check-1", "fingerprint")
    assert bench.task.problem is not None
    bench.sim.plug()
    assert bench.compared().decision == "match"
    assert bench.task.problem is None


def test_password_changed(bench: Bench) -> None:
    wait_for(lambda: bench.task.clean, "the module is wiped", PATIENCE_S)
    bench.sim.password = 7
    bench.sim.restart()
    bench.task.prepare("check-1")
    assert bench.answer() == DeviceLost("check-1", "fingerprint")
    assert troubles.of_fingers(bench.task.problem) == ("fingerprint:password",)
    assert "password" in troubles.meaning("fingerprint:password")
    bench.sim.password = 0
    bench.sim.restart()


def test_template_of_another_make_is_told(bench: Bench) -> None:
    bench.task.lay_template("check-1", bytes(range(256)) * 2)
    bench.sim.press("she")
    assert bench.compared().cause == "finger_not_comparable"


def test_no_module() -> None:
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    task = FingerTask(DeviceUri.parse("none:"), post=events.put)
    thread = threading.Thread(target=task.run)
    thread.start()
    assert not task.enrols
    task.prepare("check-1")
    assert events.get(timeout=PATIENCE_S) == DeviceLost("check-1", "fingerprint")
    task.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


# --- wiping ---------------------------------------------------------------------------------------------------------


def test_what_a_crash_left_is_wiped_at_the_next_start(sim: SimulatedModule, slips: Slips) -> None:
    sim.buffers = {1: REFERENCE, 2: REFERENCE}
    sim.slots = {0: REFERENCE, 150: REFERENCE}
    with running(sim, slips) as bench:
        wait_for(lambda: bench.task.clean, "the module is wiped", PATIENCE_S)
        assert not bench.holds_her
        assert sim.slots == {}


def test_after_every_check_nothing_is_left(bench: Bench) -> None:
    bench.task.scanned("check-1", SHE, bench.slip_of())
    bench.sim.press("she")
    assert bench.compared().decision == "match"
    bench.sim.slots[7] = REFERENCE  # whoever stored it
    assert not bench.task.clean
    bench.task.forget()
    wait_for(lambda: bench.task.clean, "the module is wiped", PATIENCE_S)
    assert not bench.holds_her
    assert bench.compared().cause == "finger_no_reference"


def test_module_that_cannot_be_wiped_is_not_used(bench: Bench) -> None:
    bench.task.scanned("check-1", SHE, bench.slip_of())
    bench.sim.press("she")
    assert bench.compared().decision == "match"
    bench.sim.slots[7] = REFERENCE
    bench.sim.refused.add(Instruction.Empty)
    bench.task.prepare("check-1")
    assert bench.answer() == DeviceLost("check-1", "fingerprint")
    bench.sim.refused.clear()


def test_stopped_capture_says_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingers, "ATTEMPT_S", PATIENCE_S)
    bench.task.scanned("check-1", SHE, bench.slip_of())
    bench.task.compare("check-1")
    assert bench.events.get(timeout=PATIENCE_S) == FingerTold("check-1", "finger_lay")
    bench.task.forget()
    wait_for(lambda: bench.task.clean, "the module is wiped", PATIENCE_S)
    assert bench.events.empty()


# --- slips and cards ------------------------------------------------------------------------------------------------


def test_slips_that_are_refused(bench: Bench, slips: Slips) -> None:
    good = bench.slip_of()
    rotated = replace(slips, keys=(make_slip_key(now()),))
    refused = {
        SlipFault.OTHER_PERSON: bench.slip_of(ANOTHER),
        SlipFault.RETIRED: rotated.write(REFERENCE, person_of(SHE), CONSENT),
        SlipFault.TRUNCATED: good[:900],
        SlipFault.FUTURE: "VXF9" + good[4:],
        SlipFault.FORGED: good[:-9] + good[-9:][::-1],
    }
    for fault, text in refused.items():
        assert bench.task.scanned("check-1", SHE, text) == SlipRejected("check-1", fault.value)
    assert bench.compared().cause == "finger_no_reference", "a refused slip lays nothing"
    year, soon = LIFETIME + dt.timedelta(days=1), now() + dt.timedelta(days=1)
    for other, cause in {
        replace(slips, clock=UnitClock(None, now=lambda: now() + year)): "slip_expired",
        replace(slips, clock=UnitClock(None, now=lambda: now() - year)): "slip_clock_wrong",
        replace(slips, clock=UnitClock(soon, now=now)): "slip_clock_unset",
        replace(slips, revoked=lambda kid, at: kid == slips.signer.kid and at <= now()): "slip_unit_revoked",
    }.items():
        task = FingerTask(DeviceUri.parse("none:"), post=bench.events.put, slips=other)
        assert task.scanned("check-1", SHE, good) == SlipRejected("check-1", cause)


def test_nothing_of_her_in_the_log(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    text = bench.slip_of()
    bench.task.scanned("check-1", SHE, text)
    bench.task.scanned("check-1", ANOTHER, text)
    bench.sim.press("she")
    assert bench.compared().decision == "match"
    said = caplog.text + repr(bench.task._held) + repr(bench.slips)
    for secret in (text[:40], REFERENCE[:16].hex(), repr(REFERENCE[:8])[2:-1], str(SHE.facts["number"])):
        assert secret not in said


def test_print_on_the_card(sim: SimulatedModule, slips: Slips) -> None:
    own = FingerImage.from_bytes("-", Finger("she").image(sim.image_size))
    prints = (encode_simulated(11, b"another finger"), encode_simulated(16, own.pixels))
    with running(sim, slips, SimulatedMatcher()) as bench:
        assert bench.task.lay_prints("check-1", prints)
        sim.press("she")
        finding = bench.compared()
        assert finding == FingerFinding("match", 1.0, None, "id_card", SimulatedMatcher().threshold)
        sim.press("another")
        assert bench.compared().decision == "no_match"
        bench.task.forget()
        assert bench.compared().cause == "finger_no_reference"


def test_prints_that_nothing_can_compare(bench: Bench) -> None:
    assert not bench.task.lay_prints("check-1", (encode_simulated(11, b"x"),))
    assert bench.compared().cause == "finger_no_reference"


def test_unit_without_slip_keys(home: Home) -> None:
    config = home.config()
    without = replace(config, keys=replace(config.keys, slips=None))
    assert slips_of(without, home.identity().signer, UnitClock(None), lambda _kid, _at: False) is None
    home.edit('slips = "slips.key"', 'slips = "nowhere.key"')
    with pytest.raises(KeyUnusableError, match=r"nowhere\.key"):
        slips_of(home.config(), home.identity().signer, UnitClock(None), lambda _kid, _at: False)
