"""A record's way: signed, chained, committed on the unit; opened, verified and stored at the gateway."""

from __future__ import annotations

import datetime as dt
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from daemon.check_id import new_check_id
from daemon.journal import Entry
from daemon.outbox import Outbox
from daemon.policy import load_policy
from daemon.record_fields import interrupted
from evidence import certificates, chain, keys
from evidence.certificates import Profile
from evidence.encoding import b64url_encode
from evidence.instants import write_instant
from evidence.record import Record
from evidence.topics import Address, Channel
from gateway.aside import Message
from gateway.intake import Intake
from gateway.store import Store
from tests.bench.table import Row

UNIT, SITE = "unit-bench", "site-bench"
RECORDS = 400
BATCH = 200


def _birth(folder: Path) -> tuple[certificates.x509.Certificate, keys.FileSigner, Record]:
    now = dt.datetime.now(dt.UTC)
    authority_key, key = keys.generate_key(folder / "authority.key"), keys.generate_key(folder / "record.key")
    authority = certificates.make_authority(SITE, authority_key, now)
    request = certificates.make_request(certificates.subject_name(UNIT, SITE), key)
    der = certificates.to_der(certificates.issue(request, Profile.RECORD, authority, authority_key, now))
    signer = keys.FileSigner(folder / "record.key")
    moment = write_instant(now)
    fields = {
        "kind": "birth",
        "unit": UNIT,
        "site": SITE,
        "boot": 0,
        "time": {"earliest": moment, "latest": moment, "source": "clock"},
        "software": {"version": "bench"},
        "key": {"kid": signer.kid, "protection": "file", "certificate": b64url_encode(der)},
    }
    return authority, signer, chain.seal(fields, chain.genesis(der), signer)


def _timed(action: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    action()
    return (time.perf_counter() - start_s) * 1e3


def _fields() -> dict[str, object]:
    entry = Entry(new_check_id(), "delivery", "V-1", "typed", "mother", False, "face")
    return interrupted(entry, load_policy("neutral"))


def run() -> Sequence[Row]:
    """Append records to a real outbox on this disk, then take them in at a real store."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="vernix-bench-", dir=Path.cwd()) as name:
        folder = Path(name)
        authority, signer, birth = _birth(folder)
        gateway_key, recovery = keys.generate_key(folder / "gateway.key"), keys.generate_key(folder / "recovery.key")
        outbox = Outbox(
            folder / "outbox.db",
            identity={"unit": UNIT, "site": SITE, "software": {"version": "bench"}},
            signer=signer,
            recipients=(gateway_key.public_key(), recovery.public_key()),
            birth=lambda: birth,
        )
        samples = [_timed(lambda: outbox.append(_fields())) for _ in range(RECORDS)]
        envelopes = [sealed for _, _, sealed in outbox.every_envelope()]
        outbox.close()
        address = Address(SITE, UNIT)
        messages = [Message(address, Channel.RECORD, sealed) for sealed in envelopes]
        store = Store(folder / "gateway.db")
        intake = Intake(store, SITE, authority, gateway_key)
        start_s = time.process_time()
        wall_s = time.perf_counter()
        for first in range(0, len(messages), BATCH):
            intake.take(messages[first : first + BATCH])
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - start_s
        store.close()
    p95 = float(np.percentile(samples, 95))
    rate = len(messages) / wall_s
    return [
        Row("sign, chain and commit, median", float(np.median(samples)), "ms"),
        Row("sign, chain and commit, p95", p95, "ms", "<= 50 (file key)", p95 <= 50),
        Row("gateway: verified and stored", rate, "/s", ">= 500 on one core", rate >= 500),
        Row("gateway: processor time a record", cpu_s / len(messages) * 1e3, "ms"),
    ]
