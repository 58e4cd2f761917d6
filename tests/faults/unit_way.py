"""The unit's part: from the check's events to the committed record, and its receipts; no devices, no models."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, Final

from cryptography import x509

from daemon import events
from daemon.cards import CardTask
from daemon.check_id import new_check_id
from daemon.door import NoDoor
from daemon.faces import FaceTask
from daemon.journal import Journal
from daemon.outbox import Outbox, OutboxDamaged, read_birth
from daemon.own_camera import FILE as CAMERA
from daemon.own_camera import OwnCamera
from daemon.policy import load_policy
from daemon.record_fields import noted, reached
from daemon.state import State, Step
from daemon.unit import Unit
from evidence import receipt
from evidence.certificates import load_certificate
from evidence.decision import DecisionStatement
from evidence.envelope import open_envelope
from evidence.keys import load_private_key
from evidence.record import Outcome, Record
from evidence.topics import Channel
from evidence.verify import read_record, verify_records
from gateway.aside import Message
from gateway.intake import Intake
from gateway.store import Store
from hw.camera.identity import mark_of
from hw.card_reader.photo import photo_decoder
from hw.uri import DeviceUri
from tests.daemon.support import SITE, UNIT, Home, check_fields
from tests.faults.button import Button, Entrance, settle
from tests.faults.tracing import Say
from tests.faults.ways import Verdict

CHECKS: Final = 3
"""Checks in one life of the process."""
_REACHED = ("notice", "consent", "card", "face", "finger", "decided", "emergency")
_FAR = "2099-01-01T00:00:00.000Z"

Answer = Callable[[State], events.Event]
"""What happens next in a check that has come to a state."""


class NoFace(FaceTask):
    """No camera and no models."""

    def __init__(self) -> None:
        """Nothing to prepare."""

    def open_camera(self) -> None:
        """Nothing to open."""

    def cancel(self) -> None:
        """Nothing to stop."""


def _begin(_: State) -> events.Event:
    return events.Begin(new_check_id(), "delivery", "V-0001", "typed")


def _consented(_: State) -> events.Event:
    return events.Consented("2026-11-21T08:00:00.000Z")


def _statement(state: State, reason: str) -> DecisionStatement:
    assert state.check is not None
    return DecisionStatement(state.check, None, Outcome.EMERGENCY, reason, _FAR)


def _confirmed(officer: str) -> Answer:
    def confirm(state: State) -> events.Event:
        assert state.statement is not None
        return events.Confirmed(events.Confirmation(officer, "officer", "pin", state.statement.sha256))

    return confirm


def _explained(state: State) -> events.Event:
    statement = _statement(state, "no time")
    return events.Explained(statement, events.Confirmation("o-101", "officer", "pin", statement.sha256))


def _always(event: events.Event) -> Answer:
    return lambda _: event


def _emergency(_: State) -> events.Event:
    return events.Emergency(new_check_id(), "delivery")


_REFUSED = _always(events.Proposed(Outcome.REFUSED, "no consent", _FAR))
_MANUAL = _always(events.Proposed(Outcome.MANUAL, "known to both", _FAR))
_SIGNED = _always(events.Signed(events.Signature("subject", "self", b"a drawn name" * 40)))
_LATER = _always(events.SignedLater())
_CLOSED = _always(events.Closed())
SCRIPTS: Final[Sequence[Sequence[Answer]]] = (
    (_begin, _consented, _always(events.Left()), _CLOSED),
    (_begin, _always(events.Declined("refuse")), _REFUSED, _confirmed("o-101"), _LATER, _CLOSED),
    (_begin, _consented, _MANUAL, _confirmed("o-101"), _confirmed("o-102"), _SIGNED, _CLOSED),
    (_begin, _consented, _MANUAL, _confirmed("o-101"), _always(events.Parked())),
    (_emergency, _explained),
    (_begin, _consented, _emergency, _CLOSED),
    (_begin, _consented),
)
"""Ways through a check. One is parked, the last is left open, and the process ends. What is owed for the visit is
settled by the next check of it that ends with a decision."""


class UnitWay:
    """A provisioned unit, whose keys are read once; any folder can be its data folder."""

    name = "unit"

    def __init__(self, home: Home) -> None:
        self._config, self._identity = home.config(), home.identity()
        self._policy = load_policy("neutral")
        self._key = load_private_key(home.site / "gateway" / "encryption.key")
        self._authority: x509.Certificate = load_certificate(home.site / "authority" / "authority.pem")
        self._birth = read_birth(self._config.keys.birth, self._identity.certificate_der)

    def open(self, folder: Path) -> Outbox:
        """The unit's outbox in ``folder``."""
        return Outbox(
            folder / "outbox.db",
            identity={"unit": UNIT, "site": SITE, "software": {"version": "0.0.0"}},
            signer=self._identity.signer,
            recipients=self._identity.recipients,
            birth=lambda: self._birth,
        )

    def _unit(self, outbox: Outbox, folder: Path, changed: Callable[[State], None]) -> Unit:
        journal = Journal(folder / "journal")
        unit = Unit(self._config, self._policy, outbox, journal, NoDoor(), changed, stored=lambda: None)
        none = DeviceUri.parse("none:")
        unit.cards = CardTask(
            none, photo_decoder("simulated"), today=lambda: outbox.clock.moment().date(), post=unit.post, laid=unit.laid
        )
        unit.faces = NoFace()
        return unit

    # --- living ---------------------------------------------------------------------------------------------------

    def live(self, folder: Path, say: Say, random: Random) -> None:
        """Recover, then check after check; receipts come in between. One thread, so that every run is the same."""
        outbox = self.open(folder)
        unit = self._unit(outbox, folder, lambda desk: _tell(desk.active, say))
        unit.recover()
        entrance = Entrance(Button(folder / "button"), unit, outbox)
        entrance.tell_again()
        for number in range(CHECKS):
            last = number == CHECKS - 1
            script = random.choice(SCRIPTS if last else SCRIPTS[:-1])
            _play(unit, entrance, script)
            if number == 0:
                _replace_camera(outbox, folder, say, random)
            if random.random() < 0.7:
                _take_receipt(outbox, say, random.randint(1, 3))
        if random.random() < 0.7:  # else the process ends as a crash would end it
            outbox.close()

    # --- judging --------------------------------------------------------------------------------------------------

    def judge(self, folder: Path, said: Sequence[str]) -> Verdict:
        """Recover, look at every record, deliver all to a gateway twice, and go on with the chain."""
        verdict = Verdict()
        try:
            with closing(self.open(folder)) as outbox:
                unit = self._unit(outbox, folder, lambda _: None)
                unit.recover()
                entrance = Entrance(Button(folder / "button"), unit, outbox)
                entrance.tell_again()
                records = self._records(outbox)
                _judge_presses(verdict, records, entrance.button.presses)
                self._judge_records(verdict, records, said)
                _judge_camera(verdict, records, folder, said)
                self._judge_chain(verdict, records, outbox)
                _judge_waiting(verdict, outbox, said)
                self._judge_delivery(verdict, outbox, folder)
        except (OutboxDamaged, sqlite3.Error, OSError) as error:
            verdict.broken.append(f"{type(error).__name__}: {error}")
        return verdict

    def _records(self, outbox: Outbox) -> dict[int, Record]:
        sealed = outbox.every_envelope()
        return {seq: read_record(open_envelope(envelope, self._key).jws) for seq, _, envelope in sealed}

    @staticmethod
    def _judge_records(verdict: Verdict, records: dict[int, Record], said: Sequence[str]) -> None:
        verdict.records = len(records)
        checks = [record.payload["check"] for record in records.values() if record.payload["kind"] == "check"]
        for words in map(str.split, said):
            if words[0] == "done" and (records.get(int(words[1])) is None or records[int(words[1])].sha256 != words[2]):
                verdict.lost.append(f"record {words[1]} was shown as done and is not there")
        shown = {words[1]: words[2:] for words in map(str.split, said) if words[0] == "at"}
        for check in shown:
            if checks.count(check) != 1:
                verdict.lost.append(f"a check that had begun has {checks.count(check)} records")
        for record in records.values():
            if record.payload.get("outcome") == Outcome.INTERRUPTED:
                _judge_interrupted(verdict, record.payload, *shown.get(record.payload["check"], ("", "")))
        if len(set(checks)) != len(checks):
            verdict.doubled.append("a check has several records")

    def _judge_chain(self, verdict: Verdict, records: dict[int, Record], outbox: Outbox) -> None:
        found = verify_records([record.jws for record in records.values()], self._authority, outbox.head)
        verdict.broken += [f"chain: {finding}" for finding in found.findings]
        seq = outbox.append(check_fields()).seq
        if seq != len(records) + 1:
            verdict.broken.append(f"the next record became seq {seq} after {len(records)} records")

    def _judge_delivery(self, verdict: Verdict, outbox: Outbox, folder: Path) -> None:
        """A gateway without any memory gets everything twice, alerts and all."""
        address = self._config.address
        messages = [Message(address, Channel.RECORD, sealed) for _, _, sealed in outbox.every_envelope()]
        with closing(Store(folder / "gateway" / "gateway.db")) as store:
            intake = Intake(store, SITE, self._authority, self._key)
            digests = intake.take(messages).get(UNIT, {})
            again = intake.take(messages).get(UNIT, {})
            rows = [row.seq for row in store.rows() if row.chained]
            apart = len(store.kept_apart())
        if rows != list(range(1, outbox.head.seq + 1)) or digests != again:
            verdict.doubled.append(f"the gateway has {len(rows)} of {outbox.head.seq} records, or some twice")
        if apart:
            verdict.broken.append(f"the gateway keeps {apart} messages apart")
        outbox.apply_receipt(receipt.make_body(digests), outbox.clock.moment())
        if outbox.count_waiting():
            verdict.broken.append("a record waits although the gateway has it")


def _tell(state: State, say: Say) -> None:
    """What a screen would show."""
    if state.begin is not None and state.step not in (Step.SEALING, Step.DONE):
        say(f"at {state.check} {reached(state)} {state.begin.visit}")
    if state.step is Step.DONE and state.sealed is not None:
        say(f"done {state.sealed.seq} {state.sealed.sha256}")


def _play(unit: Unit, entrance: Entrance, script: Iterable[Answer]) -> None:
    for answer in script:
        event = answer(unit.state)
        if isinstance(event, events.Emergency):
            entrance.task.take(entrance.button.press())
        else:
            unit.post(event)
            settle(unit)


def _replace_camera(outbox: Outbox, folder: Path, say: Say, random: Random) -> None:
    """An engineer has put in another camera and accepts it."""
    identity = f"{random.getrandbits(64):016x}"
    OwnCamera(folder / CAMERA).accept(identity, lambda one: outbox.append(noted(one), alert=one.alert))
    say(f"camera {identity}")


def _take_receipt(outbox: Outbox, say: Say, count: int) -> None:
    """The gateway has the next ``count`` records."""
    hashes = dict(_hashes(outbox))
    numbers = [item.seq for item in outbox.waiting(limit=count)]
    if numbers:
        say(f"receipt {' '.join(map(str, numbers))}")
        outbox.apply_receipt(receipt.make_body({seq: hashes[seq] for seq in numbers}), outbox.clock.moment())
        outbox.accept_counter(Channel.RECEIPT, outbox.last_counter(Channel.RECEIPT) + 1)


def _hashes(outbox: Outbox) -> Iterator[tuple[int, str]]:
    for seq, sha256, _ in outbox.every_envelope():
        yield seq, sha256


def _judge_interrupted(verdict: Verdict, payload: Mapping[str, Any], step: str, visit: str) -> None:
    """What the step journal had when the power went: whole, and no less than the screen had shown."""
    found = payload["visit"]
    if found["source"] == "journal_damaged":
        verdict.broken.append("the journal of a check is damaged: its record has neither visit nor step")
    elif step and (found["ref"] != visit or _how_far(payload["step_reached"]) < _how_far(step)):
        verdict.lost.append(f"a check was shown at {step} and is recorded at {payload['step_reached']}")


def _judge_camera(verdict: Verdict, records: dict[int, Record], folder: Path, said: Sequence[str]) -> None:
    """The unit's own camera is the one accepted last, or one that was being accepted after it; each has its record."""
    own = OwnCamera(folder / CAMERA).identity
    found = [one.payload["event"] for one in records.values() if "event" in one.payload]
    accepted = [one["camera"] for one in found if one["type"] == "camera.accepted"]
    told = [mark_of(line.split()[1]) for line in said if line.startswith("camera ")]
    if any(one not in accepted for one in told):
        verdict.lost.append("a camera was accepted, and no record tells of it")
    elif told and (own is None or mark_of(own) not in accepted[accepted.index(told[-1]) :]):
        verdict.lost.append("the camera that was accepted last is not the unit's own")
    elif own is not None and mark_of(own) not in accepted:
        verdict.broken.append("the unit's own camera is one that nobody has accepted, or its file is damaged")


def _how_far(step: str) -> int:
    return _REACHED.index(step.partition(":")[0])


def _judge_presses(verdict: Verdict, records: dict[int, Record], presses: int) -> None:
    """One press, one emergency, one event."""
    told = [one.payload for one in records.values()]
    emergencies = sum("emergency" in (one.get("outcome"), one.get("step_reached")) for one in told)
    recorded = sum(one.get("event", {}).get("type") == "coprocessor.emergency" for one in told)
    for what, count in (("checks", emergencies), ("events", recorded)):
        if count != presses:
            kept = verdict.lost if count < presses else verdict.doubled
            kept.append(f"{presses} presses of the button are {count} {what}")


def _judge_waiting(verdict: Verdict, outbox: Outbox, said: Sequence[str]) -> None:
    """Only a receipt ends the waiting."""
    receipted = {int(word) for line in said if line.startswith("receipt") for word in line.split()[1:]}
    waiting = {item.seq for item in outbox.waiting(limit=10_000)}
    for seq in set(range(1, outbox.head.seq + 1)) - waiting - receipted:
        verdict.lost.append(f"record {seq} waits no more and has no receipt")
