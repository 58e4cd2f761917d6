"""The gateway's part: from the message to the stored record and its receipt."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random

from evidence.verify import verify_records
from gateway.store import Store, StoreDamaged
from tests.faults.tracing import Say
from tests.faults.ways import Verdict
from tests.gateway.support import Hospital, Unit

RECORDS = 18


class GatewayWay:
    """A hospital's gateway and one unit that has written some records."""

    name = "gateway"

    def __init__(self, folder: Path) -> None:
        self._hospital = Hospital.make(folder)
        self._unit: Unit = self._hospital.unit()
        self._messages = [self._unit.message(record) for record in self._unit.grow(RECORDS)]

    def live(self, folder: Path, say: Say, random: Random) -> None:
        """Take the messages in, in batches, some of them out of order; say what a receipt would."""
        with closing(Store(folder / "gateway.db")) as store:
            intake = self._hospital.intake(store)
            rest = [*self._messages[: random.randint(RECORDS // 2, RECORDS)]]
            while rest:
                batch, rest = rest[:4], rest[4:]
                if random.random() < 0.4:
                    random.shuffle(batch)
                for digests in intake.take(batch).values():
                    say(" ".join(["receipt", *map(str, digests)]))

    def judge(self, folder: Path, said: Sequence[str]) -> Verdict:
        """Open the store again; the unit sends everything once more."""
        verdict = Verdict()
        try:
            with closing(Store(folder / "gateway.db")) as store:
                chained = {row.seq for row in store.rows() if row.chained}
                receipted = {int(word) for line in said for word in line.split()[1:]}
                verdict.lost += [f"record {seq} was receipted and is not there" for seq in receipted - chained]
                self._hospital.intake(store).take(self._messages)
                self._judge_store(verdict, store)
        except (StoreDamaged, sqlite3.Error, OSError) as error:
            verdict.broken.append(f"{type(error).__name__}: {error}")
        return verdict

    def _judge_store(self, verdict: Verdict, store: Store) -> None:
        stored, name = store.chained_jws(self._unit.address.unit), self._unit.address.unit
        verdict.records = len(stored)
        if stored != [record.jws for record in self._unit.records] or len(store.rows(name)) != len(stored):
            verdict.doubled.append(f"{len(store.rows(name))} records are there instead of {RECORDS}")
        if not verify_records(stored, self._hospital.authority, self._unit.head).sound or store.kept_apart():
            verdict.broken.append("the chain is not whole, or something is kept apart")
