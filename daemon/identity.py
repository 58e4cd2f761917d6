"""Who the unit is: its record key in force, the keys that come after it, and whose word it takes."""

from __future__ import annotations

import datetime as dt
import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from daemon.config import Config
from daemon.outbox import Outbox, key_in_force
from evidence.certificates import Profile, check_certificate, key_of, load_certificate, to_der
from evidence.errors import EvidenceError, KeyUnusableError
from evidence.keys import PublicKey, Signer, load_public_key, open_signer, thumbprint
from evidence.succession import NextKey, after, read_succession, signer_uri

log = logging.getLogger(__name__)

OUTBOX = "outbox.db"
"""In the unit's data folder."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The unit's keys and those it believes, checked against each other.

    Attributes:
        signer: the key in force.
        certificate_der: of the unit's first key, which the chain grows out of.
        until: the end of the last certificate that the unit has.
        folder: where the keys of ``following`` and their certificates are.
        following: the keys that wait to be brought into force.
    """

    signer: Signer
    certificate_der: bytes
    until: dt.datetime
    authority: x509.Certificate
    folder: Path
    following: tuple[NextKey, ...]
    gateway_kid: str
    gateway: PublicKey
    recipients: tuple[PublicKey, ...]

    def gateway_key(self, kid: str) -> PublicKey | None:
        """The gateway's signing key, if ``kid`` is its name."""
        return self.gateway if kid == self.gateway_kid else None


def load_identity(config: Config, now: dt.datetime) -> Identity:
    """Read the keys that the configuration names, and the key in force, which the outbox names.

    Keys that were in force before are not opened: they may be destroyed.

    Raises:
        KeyUnusableError: a file is missing or damaged, or the key is not the certificate's.
        SignatureError: the authority does not vouch for the gateway.
        OutboxDamaged: the outbox cannot be read.
    """
    keys, folder = config.keys, config.keys.certificate.parent
    first, authority = load_certificate(keys.certificate), load_certificate(keys.authority)
    succession = read_succession(folder)
    birth = NextKey(thumbprint(key_of(first)), keys.record, keys.certificate.name, "birth")
    current = _current((birth, *succession), key_in_force(config.unit.data / OUTBOX))
    certificate = load_certificate(folder / current.certificate)
    following = after(succession, current.kid)
    vouched = load_certificate(keys.gateway_signing)
    # Both were issued before they came here: a clock that says an earlier time is behind, and must not stop the unit.
    at = max(now, certificate.not_valid_before_utc, vouched.not_valid_before_utc)
    gateway = check_certificate(vouched, authority, Profile.GATEWAY, at)
    return Identity(
        _open(current, certificate, folder),
        to_der(first),
        max(one.not_valid_after_utc for one in (certificate, *_certificates(following, folder))),
        authority,
        folder,
        following,
        thumbprint(gateway),
        gateway,
        (load_public_key(keys.gateway_encryption), load_public_key(keys.recovery)),
    )


def _current(known: tuple[NextKey, ...], kid: str | None) -> NextKey:
    for one in known:
        if kid in (None, one.kid):
            return one
    raise KeyUnusableError(f"keys.json: does not name the key in force, kid {kid}; restore it from a backup")


def _open(key: NextKey, certificate: x509.Certificate, folder: Path) -> Signer:
    signer = open_signer(signer_uri(key.record, folder))
    if not thumbprint(key_of(certificate)) == signer.kid == key.kid:
        raise KeyUnusableError(f"{folder / key.certificate}: not the certificate of the record key {key.kid}")
    return signer


def _certificates(following: tuple[NextKey, ...], folder: Path) -> list[x509.Certificate]:
    """Of keys to come, as far as they can be read: what cannot be used is told when its turn comes."""
    found = []
    for one in following:
        try:
            found.append(load_certificate(folder / one.certificate))
        except KeyUnusableError as error:
            log.warning("the next record key: %s", error)
    return found


def open_following(identity: Identity) -> Iterator[tuple[NextKey, Signer, x509.Certificate]]:
    """The keys that wait to be brought into force, in their order; each is opened when its turn comes.

    Raises:
        KeyUnusableError: one cannot be opened, or its certificate is another key's.
    """
    for one in identity.following:
        certificate = load_certificate(identity.folder / one.certificate)
        yield one, _open(one, certificate, identity.folder), certificate


def bring_into_force(outbox: Outbox, identity: Identity) -> int:
    """Hand the chain over to the keys that provisioning made since, each by a record that both sign; how many.

    A key that cannot be used yet, or a full disk, stops nothing: the old key goes on, and the next start tries again.
    """
    done = 0
    try:
        for one, signer, certificate in open_following(identity):
            stored = outbox.rotate(signer, certificate, one.reason, identity.authority)
            log.warning("record key %s is in force from record %d on", one.kid, stored.seq + 1)
            done += 1
    except (EvidenceError, sqlite3.OperationalError) as error:
        log.warning("the record key stays %s: %s", outbox.signer.kid, error)
    return done
