"""The look at every verified record before anything is counted: what is really here, and what addenda say.

A store is a file on a disk. So each unit's records are held once more against their chain: their hashes, the links, the
head that the unit signed, and beyond that head their signatures. What does not hold is left out, named, and missing
from the numbers that a proof speaks of.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509

from evidence.chain import Head
from evidence.errors import EvidenceError
from evidence.export_proof import Coverage
from evidence.instants import read_instant
from evidence.jws import parse
from evidence.origin import Origin, advance, check_signature, read_origin
from evidence.policy import Rules
from evidence.receipt import gaps_of, ranges_of
from evidence.record import OWED, TYPE, Kind, of_claimant
from evidence.revocation import Revocations
from evidence.verify import read_record
from gateway.snapshot import Held, Snapshot
from gateway.statistics.facts import NOTHING, Check, Later, check_of, payload_of
from gateway.store import UnitRow

Payload = Mapping[str, Any]
_PAPERS = (Kind.BIRTH, Kind.KEY, Kind.RETIRE)


@dataclass(frozen=True, slots=True)
class Period:
    """Checks recorded from ``first`` on, until before ``until``; both instants as records write them."""

    first: str
    until: str

    def holds(self, instant: str) -> bool:
        """Whether the check of this time belongs to it. Instants have one spelling, so texts are in order."""
        return self.first <= instant < self.until


EVER = Period("", "9999-12-31T23:59:59.999Z")


@dataclass(slots=True)
class UnitSurvey:
    """What is here of one unit."""

    row: UnitRow
    head: Head
    numbers: list[int] = field(default_factory=list, repr=False)
    waiting: list[int] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    papers: list[str] = field(default_factory=list, repr=False)
    broken: dict[int, str] = field(default_factory=dict)
    rows: int = 0
    drills: int = 0
    outside: int = 0

    @property
    def missing(self) -> list[tuple[int, int]]:
        """Gaps: numbers up to the highest that is known of, which are not among the records looked at."""
        last = max([self.row.claimed.seq, *self.numbers[-1:], *self.waiting[-1:]])
        return gaps_of(ranges_of(self.numbers), last)

    def coverage(self) -> Coverage:
        """What a proof says of it, after the checks were read."""
        return Coverage(
            self.row.unit,
            self.head,
            tuple(ranges_of(self.numbers)),
            tuple(ranges_of(self.waiting)),
            dict(sorted(self.kinds.items())),
            self.rows,
            self.drills,
            self.outside,
            self.row.claim,
            tuple(self.papers),
        )


class Survey:
    """All units of a snapshot, looked at once; :meth:`checks` then reads the checks of a period one by one."""

    def __init__(
        self,
        snapshot: Snapshot,
        authority: x509.Certificate,
        revocations: Revocations | None = None,
        watch: Callable[[Iterator[Held]], Iterator[Held]] = iter,
        rules: Rules | None = None,
    ) -> None:
        """Look at everything.

        Args:
            authority: the site authority's certificate.
            revocations: its list of revoked keys; records that are not believed any more are marked.
            watch: is handed all records and hands them on, to show how far the look is.
            rules: what the policy pack makes a special case; None: nothing is one.
        """
        self._snapshot, self.rules = snapshot, rules
        self._closed = snapshot.closed_cases() if rules else set()
        self._revocations = revocations if revocations is not None and revocations.entries else None
        self._later: dict[str, Later] = {}
        self._visits: dict[str, tuple[str, bool, str]] = {}
        self.units = {row.unit: UnitSurvey(row, Head(0, "")) for row in snapshot.units}
        walks = {name: _Walk(one, authority) for name, one in self.units.items()}
        for held in watch(held for name in self.units for held in snapshot.records(name)):
            for item in walks[held.unit].take(held):
                self._note(*item)
        for name, walk in walks.items():
            for item in walk.end():
                self._note(*item)
            self.units[name].waiting = snapshot.waiting(name)
        self._settled_at = self._last_by_visit()

    def _note(self, held: Held, said: Payload) -> None:
        """Keep what an addendum brings, and where a check leaves nothing owed; of believed records alone."""
        if held.kind not in (Kind.ADDENDUM, Kind.CHECK) or not self._believed(held):
            return
        if held.kind is Kind.ADDENDUM:
            self._later.setdefault(said["check"], Later()).take(said)
        elif not said["drill"] and said["outcome"] not in OWED:
            self._visits[said["check"]] = (said["visit"]["ref"], of_claimant(said), said["time"]["earliest"])

    def _last_by_visit(self) -> dict[tuple[str, bool], str]:
        """By visit, and whether who claims the certificate was checked: that settles nothing of the mother's."""
        last: dict[tuple[str, bool], str] = {}
        for check, (visit, claimant, at) in self._visits.items():
            of = (self._later.get(check, NOTHING).visit or visit, claimant)
            last[of] = max(at, last.get(of, ""))
        self._visits.clear()
        return last

    @property
    def most_checks(self) -> int:
        """Checks of any time, drills among them: no period has more."""
        return sum(unit.kinds[Kind.CHECK.value] for unit in self.units.values())

    def checks(self, period: Period) -> Iterator[Check]:
        """The checks of the period, unit by unit in the order of their chains; drills and others are counted only."""
        for unit in self.units.values():
            unit.rows = unit.drills = unit.outside = 0
            believed = set(unit.numbers)
            for held in self._snapshot.records(unit.row.unit, Kind.CHECK):
                if held.seq in believed and (check := self._check(unit, held, period)) is not None:
                    yield check

    def _check(self, unit: UnitSurvey, held: Held, period: Period) -> Check | None:
        said = payload_of(held.jws)
        at = said["time"]["earliest"]
        if not period.holds(at):
            unit.outside += 1
            return None
        if said["drill"]:
            unit.drills += 1
            return None
        unit.rows += 1
        later = self._later.get(said["check"], NOTHING)
        elsewhere = self._settled_at.get((later.visit or said["visit"]["ref"], of_claimant(said)), "") > at
        believed, case = self._believed(held), self._case(said)
        return check_of(said, held.sha256, later, settled_elsewhere=elsewhere, believed=believed, case=case)

    def _case(self, said: Payload) -> str:
        if self.rules is None or not self.rules.is_special_case(said["checkpoint"], said["outcome"]):
            return ""
        return "closed" if said["check"] in self._closed else "open"

    def _believed(self, held: Held) -> bool:
        if self._revocations is None:
            return True
        try:
            kid = parse(held.jws, TYPE).kid
            if kid in self._revocations.entries:
                self._revocations.check(read_record(held.jws), kid, read_instant(held.received))
        except EvidenceError:
            return False
        return True


class _Walk:
    """Along the chain of one unit. A record counts once the next one, or the signed head, names its hash."""

    def __init__(self, unit: UnitSurvey, authority: x509.Certificate) -> None:
        self._unit = unit
        self._authority = authority
        self._origin: Origin | None = None
        self._last: tuple[Held, Payload, str] | None = None

    def take(self, held: Held) -> Iterator[tuple[Held, Payload]]:
        """The record before ``held`` with its payload, if it holds."""
        said, doubt = _read(held), ""
        if self._last is not None:
            last, last_said, wrong = self._last
            if not wrong and held.seq == last.seq + 1 and said.get("prev") != last.sha256:
                wrong = self._unsigned(last)  # one of the two is another than it was
                doubt = "" if wrong else "is linked to another record than the one before it"
            yield from self._count(last, last_said, wrong)
        self._last = held, said, doubt

    def end(self) -> Iterator[tuple[Held, Payload]]:
        """The last record."""
        if self._last is not None:
            yield from self._count(*self._last)

    def _unsigned(self, held: Held) -> str:
        """What is wrong with the signature of ``held``; empty: nothing."""
        try:
            item = read_record(held.jws)
            check_signature(item, self._origin or read_origin(item, self._authority))
        except EvidenceError as error:
            return str(error)
        return ""

    def _count(self, held: Held, said: Payload, wrong: str) -> Iterator[tuple[Held, Payload]]:
        unit, claimed = self._unit, self._unit.row.claimed
        wrong = wrong or self._wrong(held)
        if not wrong and held.seq == claimed.seq and held.sha256 != claimed.sha256:
            wrong = "is another record than the one that the unit signed as its last"
        if wrong:
            unit.broken[held.seq] = wrong
            return
        unit.numbers.append(held.seq)
        unit.kinds[held.kind.value] += 1
        if held.seq == unit.head.seq + 1:
            unit.head = Head(held.seq, held.sha256)
        if held.kind in _PAPERS:
            unit.papers.append(held.jws)
        yield held, said

    def _wrong(self, held: Held) -> str:
        """What is wrong with a record's own bytes; a signature is looked at where no signed head answers for it."""
        if not held.intact:
            return "its bytes are not those that were stored"
        if held.kind not in _PAPERS and held.seq <= self._unit.row.claimed.seq and self._unit.row.claim:
            return ""
        if wrong := self._unsigned(held):
            return wrong
        item = read_record(held.jws)
        self._origin = self._origin or read_origin(item, self._authority)
        with contextlib.suppress(EvidenceError):  # a record that brings no key leaves the one before in force
            self._origin = advance(self._origin, item, self._authority)
        return ""


def _read(held: Held) -> Payload:
    """The payload of ``held``; empty where its bytes are no record any more, which its hash then tells."""
    try:
        return payload_of(held.jws)
    except (ValueError, IndexError):
        return {}
