"""A hospital in which real units work: their outboxes sign and encrypt, the gateway's real intake takes it in."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.clock import KernelClock, UnitClock
from daemon.config import load
from daemon.delivery import health_message
from daemon.identity import load_identity
from daemon.outbox import Outbox, read_birth
from evidence.certificates import load_certificate
from evidence.decision import DecisionStatement
from evidence.keys import load_private_key, open_signer
from evidence.record import Outcome
from evidence.revocation import Reason, Revoked, sign_revocations
from evidence.topics import Address, Channel
from gateway.aside import Message
from gateway.intake import Intake
from gateway.store import Store
from hw.card_reader import id_number
from provisioning.broker import Broker
from provisioning.enrolment import enrol
from provisioning.site import init_site
from provisioning.unit_toml import UnitSettings

SITE = "s1"
BEGIN = dt.datetime(2026, 6, 30, 17, 0, tzinfo=dt.UTC)
"""01:00 on 1 July in China, and still June elsewhere."""
EXACT = KernelClock(synchronised=True, error=dt.timedelta())
RARE = "欧阳𠮷·古丽"
"""With a character of extension B and U+00B7."""
_NUMBERS = itertools.count()


def id_of(sequence: int) -> str:
    """A number that nobody has, with its right check digit."""
    body = f"99000019900101{sequence % 1000:03d}"
    return body + id_number.mod_11_2(body)


def check_id(moment: dt.datetime) -> str:
    """The id of a check that began then."""
    value = int(moment.timestamp() * 1000) << 80 | 0x7 << 76 | 0b10 << 62 | next(_NUMBERS)
    return str(uuid.UUID(int=value))


def document_of(sequence: int = 1, name: str = "示例甲", kind: str = "resident_id_card") -> dict[str, Any]:
    """A document as a record holds it."""
    person = {"number": id_of(sequence), "name": name, "sex": "2", "birth": "19900101"}
    return {"type": kind, "method": "chip" if kind == "resident_id_card" else "typed", **person, "findings": []}


def decided(check: str, outcome: str, *officers: str) -> dict[str, Any]:
    """The decision that ``officers`` have signed, attested by the unit."""
    statement = DecisionStatement(check, None, Outcome(outcome), "seen by both", "2026-12-31T00:00:00.000Z")
    assertion = {"method": "pin", "attested_by": "unit", "statement_sha256": statement.sha256}
    signed = [{"id": one, "role": "officer", "assertion": assertion} for one in officers]
    return {"decision": statement.to_dict(), "officers": signed, "reason": statement.reason}


@dataclass(slots=True)
class WorkingUnit:
    """One unit; ``now`` is its time."""

    name: str
    folder: Path
    outbox: Outbox
    intake: Intake
    now: dt.datetime = BEGIN
    checks: list[tuple[str, int, str]] = field(default_factory=list)

    def check(
        self, outcome: str = "passed", *, took_s: int = 40, officers: tuple[str, ...] = (), **more: Any
    ) -> tuple[str, int, str]:
        """A check that ends now: its id, seq and hash."""
        check = check_id(self.now - dt.timedelta(seconds=took_s))
        fields: dict[str, Any] = {
            "kind": "check",
            "check": check,
            "drill": False,
            "checkpoint": "delivery",
            "outcome": outcome,
            "policy": {"id": "jiangxi", "version": "2024-2"},
            "visit": {"ref": f"V-{self.name}-{len(self.checks)}", "source": "typed"},
            "subject": {"role": "mother"},
            "officers": [],
            "channel": "unit",
        }
        if outcome == "passed":
            fields["document"] = document_of(len(self.checks))
            fields["consent"] = {"text_id": "c", "sha256": "0" * 64, "at": "2026-06-30T00:00:00.000Z", "by": "subject"}
        if outcome == "interrupted":
            fields["step_reached"] = "card"
        if officers:
            fields |= decided(check, outcome, *officers)
        stored = self.outbox.append(fields | more)
        self.checks.append((check, stored.seq, stored.sha256))
        return self.checks[-1]

    def later(self, to: tuple[str, int, str], **said: Any) -> None:
        """An addendum to a check."""
        fields = {"kind": "addendum", "check": to[0], "refers_to": {"seq": to[1], "sha256": to[2]}, "officers": []}
        self.outbox.append({"reason": "later", **fields, **said})

    def message(self, channel: Channel, payload: bytes) -> Message:
        return Message(Address(SITE, self.name), channel, payload)

    def deliver(self, *, but: int | None = None) -> None:
        """Everything that waits goes to the gateway, the record ``but`` apart."""
        while batch := self.outbox.waiting(after=self._delivered, limit=500):
            self.intake.take([self.message(Channel.RECORD, one.envelope) for one in batch if one.seq != but])
            self._delivered = batch[-1].seq

    _delivered: int = 0

    def tell_health(self) -> None:
        """The gateway hears how far the chain reaches."""
        token = health_message(self.outbox, Address(SITE, self.name), self.outbox.signer, 0)
        self.intake.take([self.message(Channel.HEALTH, token.encode("ascii"))])


class Ward:
    """A site, its store, and units; all times are told, none are waited for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "site"
        self.now = BEGIN
        init_site(self.root, SITE, Broker("127.0.0.1", 8883), BEGIN)
        self.store = Store(self.root / "gateway/data/gateway.db")
        self.authority = load_certificate(self.root / "gateway/authority.pem")
        key = load_private_key(self.root / "gateway/encryption.key")
        self.intake = Intake(self.store, SITE, self.authority, key, now=lambda: self.now)
        self.units: list[WorkingUnit] = []

    @property
    def toml(self) -> Path:
        """The gateway's configuration."""
        return self.root / "gateway/gateway.toml"

    def unit(self, name: str) -> WorkingUnit:
        """A unit that was enrolled at the beginning."""
        home = self.folder / name
        enrol(self.root, name, home, UnitSettings("delivery", card_reader="none:", camera="none:"), lambda: BEGIN)
        config = load(home / "unit.toml")
        config.unit.data.mkdir(exist_ok=True)
        identity = load_identity(config, BEGIN)
        unit: WorkingUnit

        def clock(floor: dt.datetime | None) -> UnitClock:
            return UnitClock(floor, now=lambda: unit.now if self.units else BEGIN, kernel=lambda: EXACT)

        outbox = Outbox(
            config.unit.data / "outbox.db",
            identity={"unit": name, "site": SITE, "software": {"version": "0.1.0"}},
            signer=identity.signer,
            recipients=identity.recipients,
            birth=lambda: read_birth(config.keys.birth, identity.certificate_der),
            clock=clock,
        )
        unit = WorkingUnit(name, home, outbox, self.intake)
        self.units.append(unit)
        return unit

    def revoke(self, unit: WorkingUnit, since: dt.datetime) -> None:
        """The gateway has a list by which this unit's key is in wrong hands since then."""
        signer = open_signer(f"file:{self.root / 'authority/authority.key'}")
        entry = Revoked(unit.outbox.signer.kid, "1", since, Reason.COMPROMISED)
        with self.store.transaction():
            self.store.set_revocations(sign_revocations(SITE, 1, [entry], since, signer))

    def close(self) -> None:
        """Close every file."""
        for unit in self.units:
            unit.outbox.close()
        self.store.close()


def every_day(first: dt.datetime, days: int) -> Iterator[dt.datetime]:
    """The same time on following days."""
    for past in range(days):
        yield first + dt.timedelta(days=past)
