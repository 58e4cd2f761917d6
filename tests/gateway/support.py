"""A hospital with real keys, and units that write real records; what they send is what a unit sends."""

from __future__ import annotations

import datetime as dt
import io
import itertools
import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509

from evidence import certificates, chain, downlink, envelope, jws, receipt, rotation
from evidence.certificates import Profile
from evidence.chain import Head
from evidence.encoding import b64url_encode, json_bytes
from evidence.health import TYPE as HEALTH_TYPE
from evidence.instants import write_instant
from evidence.keys import PrivateKey, PublicKey, Signer, generate_key, load_private_key, open_signer
from evidence.record import Record
from evidence.topics import Address, Channel
from gateway.aside import Message
from gateway.intake import Intake
from gateway.store import Store
from provisioning.broker import Broker
from provisioning.site import init_site, load_site

NOW = dt.datetime(2026, 11, 21, 8, 0, tzinfo=dt.UTC)
SITE = "s1"


class Waiting(io.StringIO):
    """A prompt at which nobody types until something has happened."""

    def __init__(self, typed: str, happens: Callable[[], None]) -> None:
        super().__init__(typed)
        self._happens = happens

    def readline(self, size: int | None = -1, /) -> str:
        self._happens()
        return super().readline(-1 if size is None else size)


@contextmanager
def full_disk(room: int = 0) -> Iterator[None]:
    """No file grows beyond ``room`` bytes: what a program is told on a disk without any."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@dataclass(slots=True)
class Hospital:
    """A site's authority and its gateway's keys. ``now`` is what its intake takes for the present."""

    folder: Path
    site: str
    authority_key: PrivateKey
    authority: x509.Certificate
    key: PrivateKey
    recovery: PrivateKey
    signer: Signer
    now: dt.datetime = NOW

    @classmethod
    def make(cls, folder: Path) -> Hospital:
        """A new one, its keys in ``folder``."""
        authority_key = generate_key(folder / "authority.key")
        authority = certificates.make_authority(SITE, authority_key, NOW)
        key, recovery = (generate_key(folder / f"{name}.key") for name in ("encryption", "recovery"))
        generate_key(folder / "signing.key")
        return cls(folder, SITE, authority_key, authority, key, recovery, open_signer(f"file:{folder / 'signing.key'}"))

    @classmethod
    def of_site(cls, folder: Path, port: int = 8883) -> Hospital:
        """One as ``vernix-provision site init`` makes it, in ``folder / "site"``."""
        root = folder / "site"
        now = dt.datetime.now(dt.UTC)
        init_site(root, SITE, Broker("127.0.0.1", port), now)
        site = load_site(root)
        key, recovery = (load_private_key(root / name) for name in ("gateway/encryption.key", "recovery/recovery.key"))
        signer = open_signer(f"file:{root / 'gateway/signing.key'}")
        return cls(folder, SITE, site.authority_key, site.authority, key, recovery, signer, now)

    @property
    def gateway_toml(self) -> Path:
        """Of a provisioned site."""
        return self.folder / "site/gateway/gateway.toml"

    def unit(self, name: str = "u1", *, vouched_by: Hospital | None = None, says: str | None = None) -> Unit:
        """A unit enrolled here, or with a certificate of another authority, or one that ``says`` another name."""
        path = self.folder / f"{name}-{next(_NUMBERS)}.key"
        key = generate_key(path)
        authority = vouched_by or self
        request = certificates.make_request(certificates.subject_name(says or name, self.site), key)
        certificate = certificates.issue(
            request, Profile.RECORD, authority.authority, authority.authority_key, self.now
        )
        signer = open_signer(f"file:{path}")
        return Unit(
            Address(self.site, name), signer, certificate, (self.key.public_key(), self.recovery.public_key()), self.now
        )

    def key_for(self, kid: str) -> PublicKey | None:
        return self.signer.public_key if kid == self.signer.kid else None

    def intake(self, store: Store) -> Intake:
        return Intake(store, self.site, self.authority, self.key, now=lambda: self.now)

    def receipt(self, address: Address, digests: Mapping[int, str], counter: int) -> str:
        return downlink.write(
            Channel.RECEIPT,
            address,
            receipt.make_body(digests),
            counter=counter,
            now=self.now,
            lifetime=dt.timedelta(days=1),
            signer=self.signer,
        )


_NUMBERS = itertools.count()


@dataclass(slots=True)
class Unit:
    """Writes a chain and seals its records. ``records[n - 1]`` is the record with seq n."""

    address: Address
    signer: Signer
    certificate: x509.Certificate
    recipients: tuple[PublicKey, ...]
    now: dt.datetime = NOW
    records: list[Record] = field(default_factory=list)

    @property
    def head(self) -> Head:
        if not self.records:
            return chain.genesis(certificates.to_der(self.certificate))
        return Head(self.records[-1].seq, self.records[-1].sha256)

    def fields(self, **more: Any) -> dict[str, Any]:
        moment = write_instant(self.now)
        return {
            "unit": self.address.unit,
            "site": self.address.site,
            "boot": 1,
            "time": {"earliest": moment, "latest": moment, "source": "network"},
            "software": {"version": "0.1.0"},
        } | more

    def birth(self, **more: Any) -> Record:
        der = certificates.to_der(self.certificate)
        key = {"kid": self.signer.kid, "protection": "file", "certificate": b64url_encode(der)}
        return self._append(self.make(kind="birth", boot=0, key=key, **more))

    def event(self, **more: Any) -> Record:
        return self._append(self.make(**{"kind": "event", "event": {"type": "start"}} | more))

    def make(self, *, head: Head | None = None, signer: Signer | None = None, **more: Any) -> Record:
        """A record after ``head`` that is not in the unit's own chain."""
        return chain.seal(self.fields(**more), head or self.head, signer or self.signer)

    def rotate(self, hospital: Hospital) -> Record:
        """A key record: the next records are signed by another key that ``hospital`` has certified."""
        following = hospital.unit(self.address.unit)
        fields = self.fields(reason="planned")
        record = rotation.seal_rotation(fields, self.head, self.signer, following.signer, following.certificate)
        self.signer = following.signer
        return self._append(record)

    def twin(self, seq: int, signer: Signer | None = None) -> Record:
        """Another record with the number and the link of record ``seq``."""
        head = Head(seq - 1, self.records[seq - 1].prev)
        return self.make(head=head, signer=signer, kind="event", event={"type": "twin"})

    def _append(self, record: Record) -> Record:
        self.records.append(record)
        return record

    def grow(self, count: int) -> list[Record]:
        """A birth record and events, ``count`` records in all."""
        self.birth()
        for _ in range(count - 1):
            self.event()
        return self.records

    def sealed(self, record: Record, attachments: Sequence[dict[str, Any]] = ()) -> bytes:
        return envelope.seal(record.jws, self.recipients, attachments)

    def message(self, record: Record, channel: Channel = Channel.RECORD) -> Message:
        return Message(self.address, channel, self.sealed(record))

    def health(self, claimed: int, *, minute: int = 0, signer: Signer | None = None, **more: Any) -> Message:
        """A health message that claims record ``claimed`` as the chain's head."""
        content: dict[str, Any] = {
            "v": 1,
            "unit": self.address.unit,
            "site": self.address.site,
            "at": write_instant(self.now + dt.timedelta(minutes=minute)),
            "seq": claimed,
            "head": self.records[claimed - 1].sha256 if 0 < claimed <= len(self.records) else "0" * 64,
            "waiting": 0,
            "refused": 0,
        }
        token = jws.sign(json_bytes(content | more), signer or self.signer, HEALTH_TYPE)
        return Message(self.address, Channel.HEALTH, token.encode("ascii"))


def digests(records: Sequence[Record]) -> dict[int, str]:
    """What a receipt for ``records`` is made of."""
    return {record.seq: record.sha256 for record in records}
