"""A record's way: signed, chained, committed on the unit; opened, verified and stored at the gateway."""

from __future__ import annotations

import datetime as dt
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
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
from tests.support.programs import read_list
from tests.support.tokens import soft_tpm

UNIT, SITE = "unit-bench", "site-bench"
RECORDS = 1000
TPM_RECORDS = 40
BATCH = 200


def _birth(folder: Path) -> tuple[certificates.x509.Certificate, keys.FileSigner, Record]:
    authority_key = keys.generate_key(folder / "authority.key")
    keys.generate_key(folder / "record.key")
    authority = certificates.make_authority(SITE, authority_key, dt.datetime.now(dt.UTC))
    signer = keys.FileSigner(folder / "record.key")
    return authority, signer, _birth_of(signer, authority, authority_key)


def _birth_of(signer: keys.Signer, authority: certificates.x509.Certificate, authority_key: keys.PrivateKey) -> Record:
    now = dt.datetime.now(dt.UTC)
    request = certificates.make_request(certificates.subject_name(UNIT, SITE), signer)
    der = certificates.to_der(certificates.issue(request, Profile.RECORD, authority, authority_key, now))
    moment = write_instant(now)
    fields = {
        "kind": "birth",
        "unit": UNIT,
        "site": SITE,
        "boot": 0,
        "time": {"earliest": moment, "latest": moment, "source": "clock"},
        "software": {"version": "bench"},
        "key": {"kid": signer.kid, "protection": signer.protection, "certificate": b64url_encode(der)},
    }
    return chain.seal(fields, chain.genesis(der), signer)


def _timed(action: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    action()
    return (time.perf_counter() - start_s) * 1e3


def _fields() -> dict[str, object]:
    entry = Entry(new_check_id(), "delivery", "V-1", "typed", "mother", False, "face")
    return interrupted(entry, load_policy("neutral"))


class Keys:
    """A site's authority, its gateway's and recovery keys, and units with keys of any kind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority_key = keys.generate_key(folder / "authority.key")
        self.authority = certificates.make_authority(SITE, self.authority_key, dt.datetime.now(dt.UTC))
        self.gateway = keys.generate_key(folder / "gateway.key")
        self.recovery = keys.generate_key(folder / "recovery.key")

    def outbox(self, name: str, signer: keys.Signer) -> Outbox:
        """A new outbox on this disk, begun with the birth record of ``signer``."""
        birth = _birth_of(signer, self.authority, self.authority_key)
        return Outbox(
            self.folder / name,
            identity={"unit": UNIT, "site": SITE, "software": {"version": "bench"}},
            signer=signer,
            recipients=(self.gateway.public_key(), self.recovery.public_key()),
            birth=lambda: birth,
        )


def _append(outbox: Outbox, count: int) -> list[float]:
    return [_timed(lambda: outbox.append(_fields())) for _ in range(count)]


def _file_key(site: Keys) -> tuple[list[Row], list[bytes]]:
    keys.generate_key(site.folder / "record.key")
    with closing(site.outbox("outbox.db", keys.FileSigner(site.folder / "record.key"))) as outbox:
        samples = _append(outbox, RECORDS)
        sealed = [envelope for _, _, envelope in outbox.every_envelope()]
    p95 = float(np.percentile(samples, 95))
    rows = [
        Row("sign, chain and commit, file key, median", float(np.median(samples)), "ms"),
        Row("sign, chain and commit, file key, p95", p95, "ms", "<= 50", p95 <= 50),
    ]
    return rows, sealed


def _program(name: str) -> Path:
    path = read_list()[name].find()
    if path is None:
        raise LookupError(name)
    return path


def _tpm(site: Keys) -> list[Row]:
    """The same through PKCS #11 with a TPM 2.0: swtpm behind its resource manager, as the tests have it."""
    what = "sign, chain and commit, TPM 2.0 (swtpm)"
    try:
        with soft_tpm(_program) as token, closing(site.outbox("tpm.db", keys.create_signer(token.uri()))) as outbox:
            samples = _append(outbox, TPM_RECORDS)
    except LookupError as missing:
        return [Row(what, None, "ms", "<= 1000", note=f"{missing} is missing")]
    p95 = float(np.percentile(samples, 95))
    return [
        Row(f"{what}, median", float(np.median(samples)), "ms"),
        Row(f"{what}, p95", p95, "ms", "<= 1000", p95 <= 1000),
    ]


def _gateway(site: Keys, sealed: Sequence[bytes]) -> list[Row]:
    messages = [Message(Address(SITE, UNIT), Channel.RECORD, one) for one in sealed]
    with closing(Store(site.folder / "gateway.db")) as store:
        intake = Intake(store, SITE, site.authority, site.gateway)
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        receipted = 0
        for first in range(0, len(messages), BATCH):
            receipted += len(intake.take(messages[first : first + BATCH])[UNIT])
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    if receipted != len(messages):
        raise RuntimeError(f"{receipted} of {len(messages)} records were receipted")
    rate, on_core = len(messages) / wall_s, len(messages) / cpu_s
    share = f"had {cpu_s / wall_s:.0%} of a core"
    return [
        Row("gateway: verified, stored and receipted, a core", on_core, "/s", ">= 500", on_core >= 500, "of its time"),
        Row("gateway: the same by the clock on the wall", rate, "/s", note=share),
        Row("gateway: processor time a record", cpu_s / len(messages) * 1e3, "ms"),
    ]


def run() -> Sequence[Row]:
    """Append records to a real outbox on this disk, then take them in at a real store."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="vernix-bench-", dir=Path.cwd()) as name:
        site = Keys(Path(name))
        rows, sealed = _file_key(site)
        return [*rows, *_tpm(site), *_gateway(site, sealed)]
