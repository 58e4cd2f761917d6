"""A year's export: 36 500 checks and their addenda, verified, counted and written in each format, with the proof."""

from __future__ import annotations

import datetime as dt
import resource
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from evidence import chain
from evidence.certificates import Profile, issue, make_request, subject_name
from evidence.chain import Head
from evidence.export_proof import proof_path
from evidence.export_rows import Format
from evidence.export_verify import verify_export
from evidence.health import write_health
from evidence.instants import write_instant
from evidence.keys import FileSigner, generate_key
from evidence.record import Record
from gateway.snapshot import snapshot
from gateway.statistics.export import Done, Job, export
from gateway.statistics.survey import Period, Survey
from gateway.store import Store
from tests.bench.record import SITE, UNIT, Keys, _birth_of
from tests.bench.table import Row

CHECKS = 36_500
ADDENDA_EVERY = 5
BEGIN = dt.datetime(2025, 12, 31, 16, 0, tzinfo=dt.UTC)
PERIOD = Period("2025-12-31T16:00:00.000Z", "2026-12-31T16:00:00.000Z")


class _Year:
    """A year of one unit: a chain of signed records, laid into a real store."""

    def __init__(self, site: Keys, store: Store) -> None:
        generate_key(site.folder / "record.key")
        self.signer = FileSigner(site.folder / "record.key")
        self.store = store
        birth = _birth_of(self.signer, site.authority, site.authority_key)
        self.head = chain.genesis(b"")
        self.day = BEGIN
        with store.transaction():
            store.add_unit(UNIT, birth, self.head)
        self._lay([birth])

    def _lay(self, records: Sequence[Record]) -> None:
        with self.store.transaction():
            for item in records:
                self.store.add(UNIT, item, received=item.payload["time"]["latest"], attachments='{"attachments":[]}')
                self.head = Head(item.seq, item.sha256)
            self.store.set_head(UNIT, self.head)
            self.store.set_chained(UNIT, [item.seq for item in records])

    def _seal(self, head: Head, **fields: object) -> Record:
        moment = write_instant(self.day)
        time_fields = {"time": {"earliest": moment, "latest": moment, "source": "network"}}
        common = {"unit": UNIT, "site": SITE, "boot": 1, "software": {"version": "bench"}}
        return chain.seal({**common, **time_fields, **fields}, head, self.signer)

    def fill(self) -> None:
        """The whole year, and what the unit says of its head at the end."""
        batch: list[Record] = []
        for number in range(CHECKS):
            self.day = BEGIN + dt.timedelta(days=365) * number / CHECKS
            head = Head(batch[-1].seq, batch[-1].sha256) if batch else self.head
            batch.append(self._seal(head, **_check(number, self.day)))
            if number % ADDENDA_EVERY == 0:
                batch.append(self._seal(Head(batch[-1].seq, batch[-1].sha256), **_addendum(batch[-1])))
            if len(batch) >= 500:
                self._lay(batch)
                batch = []
        self._lay(batch)
        at = write_instant(BEGIN + dt.timedelta(days=366))
        token = write_health({"unit": UNIT, "site": SITE, "at": at}, self.head, self.signer)
        with self.store.transaction():
            self.store.set_claim(UNIT, self.head, at, at, 0, token)


def _check(number: int, moment: dt.datetime) -> dict[str, object]:
    begun = int((moment - dt.timedelta(seconds=40)).timestamp() * 1000)
    value = f"{begun << 80 | 0x7 << 76 | 0b10 << 62 | number:032x}"
    check = "-".join((value[:8], value[8:12], value[12:16], value[16:20], value[20:]))
    document = {"type": "resident_id_card", "method": "chip", "name": "示例甲", "number": f"{number:018d}"}
    digest = "0" * 64
    return {
        "kind": "check",
        "check": check,
        "drill": number % 100 == 0,
        "checkpoint": ("registration", "antenatal", "admission", "delivery", "certificate")[number % 5],
        "outcome": "passed" if number % 20 else "emergency",
        "policy": {"id": "jiangxi", "version": "2024-2"},
        "visit": {"ref": f"V-{number}", "source": "typed"},
        "subject": {"role": "mother"},
        "officers": [],
        "channel": "unit",
        "document": {**document, "sex": "2", "birth": "19900101", "address": "示例省示例市示例路1号", "findings": []},
        "consent": {"text_id": "consent", "sha256": digest, "at": write_instant(moment), "by": "subject"},
        "face": {
            "score": 0.61,
            "threshold": 0.36,
            "decision": "match",
            "frames": 7,
            "model": {"detector": digest, "embedding": digest},
        },
        "liveness": {"decision": "live", "checks": [{"name": "light", "decision": "live"}]},
    }


def _addendum(to: Record) -> dict[str, object]:
    return {
        "kind": "addendum",
        "check": to.payload["check"],
        "refers_to": {"seq": to.seq, "sha256": to.sha256},
        "reason": "signature",
        "officers": [],
        "subject_sign": {"by": "subject", "relation": "self", "sha256": "0" * 64},
    }


def _one(site: Keys, store: Store, form: Format) -> list[Row]:
    path = site.folder / f"year.{form}"
    certificate, signer = _gateway(site)
    start_s, cpu_s = time.perf_counter(), time.process_time()
    with snapshot(store) as shot:
        survey = Survey(shot, site.authority)
        job = Job(SITE, path, form, PERIOD, "bench", dt.datetime.now(dt.UTC), signer, certificate, {})
        done = export(job, survey)
    took_s, cpu_s = time.perf_counter() - start_s, time.process_time() - cpu_s
    return [_row(form, took_s, cpu_s, done), _verified(path, form, site)]


def _row(form: Format, took_s: float, cpu_s: float, done: Done) -> Row:
    note = f"{done.counts.total} rows, {done.size / 1e6:.1f} MB, {cpu_s:.1f} s of processor time"
    return Row(f"a year verified and written as {form}", took_s, "s", "<= 10", took_s <= 10, note)


def _verified(path: Path, form: Format, site: Keys) -> Row:
    start_s = time.perf_counter()
    result = verify_export(path, proof_path(path), site.authority)
    if not result.sound:
        raise RuntimeError(f"{form}: {result.findings[0].text}")
    return Row(f"its proof checked, {form}", time.perf_counter() - start_s, "s", note=f"{result.rows} rows")


def _gateway(site: Keys) -> tuple[object, FileSigner]:
    path = site.folder / "signing.key"
    if not path.exists():
        generate_key(path)
    signer = FileSigner(path)
    request = make_request(subject_name("gateway", SITE), signer)
    return issue(request, Profile.GATEWAY, site.authority, site.authority_key, dt.datetime.now(dt.UTC)), signer


def run() -> Sequence[Row]:
    """Fill a store with a year, then export it three times."""
    with tempfile.TemporaryDirectory(prefix="vernix-bench-", dir=Path.cwd()) as name:
        site = Keys(Path(name))
        with closing(Store(site.folder / "gateway.db")) as store:
            _Year(site, store).fill()
            before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            rows = [row for form in Format for row in _one(site, store, form)]
            most_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        *rows,
        Row("memory at its most, of it before", most_mb, "MB", "<= 400", most_mb <= 400, f"{before_mb:.0f} MB"),
    ]
