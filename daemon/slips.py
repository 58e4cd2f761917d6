"""Slips at this unit: written for the woman who enrolled, opened for the one whose card was read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from cryptography import x509

from daemon.clock import UnitClock
from daemon.config import Config
from daemon.events import Document
from evidence.certificates import key_of, load_certificate
from evidence.errors import KeyUnusableError
from evidence.keys import Signer, thumbprint
from evidence.slip import Person, Slip, SlipIssuer, open_slip
from evidence.slip_keys import SlipKey, read_slip_keys
from evidence.succession import read_succession


def person_of(document: Document) -> Person:
    """Whose slip a document's holder may show."""
    return Person(document.type, str(document.facts["number"]))


def certificate_of(signer: Signer, keys: Path) -> x509.Certificate:
    """The certificate of the record key in force; ``keys`` is that of the unit's first key, the others lie beside it.

    Raises:
        KeyUnusableError: none is there, or one cannot be read.
    """
    for path in (keys, *(keys.parent / one.certificate for one in read_succession(keys.parent))):
        certificate = load_certificate(path)
        if thumbprint(key_of(certificate)) == signer.kid:
            return certificate
    raise KeyUnusableError(f"{keys.parent}: no certificate of the record key in force, kid {signer.kid}")


@dataclass(frozen=True, slots=True)
class Slips:
    """The site's slip keys and this unit's name to them.

    Attributes:
        revoked: whether what a unit's key signed at that time is not believed any more.
    """

    keys: Sequence[SlipKey] = field(repr=False)
    authority: x509.Certificate
    signer: Signer
    certificate: x509.Certificate
    clock: UnitClock
    revoked: Callable[[str, dt.datetime], bool]

    def write(self, template: bytes, person: Person, consent: UUID) -> str:
        """The slip's text.

        Raises:
            MalformedError: no QR code has room for this template.
            KeyUnusableError: the record key does not sign, or its certificate is not valid by the unit's clock.
        """
        issuer = SlipIssuer(self.signer, self.certificate, self.keys[0])
        return issuer.write(template, person, consent, self.clock.moment())

    def open(self, text: str, document: Document) -> Slip:
        """The slip in ``text``, if it is good for the holder of ``document``.

        Raises:
            SlipRefused: it is not, and why.
        """
        return open_slip(
            text,
            self.keys,
            self.authority,
            person_of(document),
            self.clock.moment(),
            trusted=self.clock.trusted,
            revoked=self.revoked,
        )


def slips_of(
    config: Config, signer: Signer, clock: UnitClock, revoked: Callable[[str, dt.datetime], bool]
) -> Slips | None:
    """The unit's slips as its configuration names them; None without ``keys.slips``.

    Raises:
        KeyUnusableError: the file of slip keys, or a certificate, cannot be used.
    """
    if config.keys.slips is None:
        return None
    keys = read_slip_keys(config.keys.slips)
    certificate = certificate_of(signer, config.keys.certificate)
    return Slips(keys, load_certificate(config.keys.authority), signer, certificate, clock, revoked)
