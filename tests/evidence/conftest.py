"""A site made with evidence/ itself: real keys in real files, real certificates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from evidence import certificates, chain
from evidence.certificates import Profile
from evidence.chain import Head
from evidence.encoding import b64url_encode
from evidence.keys import PrivateKey, PublicKey, Signer, generate_key, open_signer
from evidence.record import Record
from tests.support.programs import FindProgram
from tests.support.tokens import Token, tokens_of

NOW = dt.datetime(2026, 11, 21, 8, 0, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Site:
    """One authority, one unit, one gateway."""

    folder: Path
    authority_key: PrivateKey
    authority: x509.Certificate
    signer: Signer
    certificate: x509.Certificate
    gateway: Signer

    def fields(self, **more: Any) -> dict[str, Any]:
        moment = "2026-11-21T08:00:00.000Z"
        return {
            "unit": "u1",
            "site": "s1",
            "boot": 0,
            "time": {"earliest": moment, "latest": moment, "source": "network"},
            "software": {"version": "0.1.0"},
        } | more

    def birth(self) -> Record:
        der = certificates.to_der(self.certificate)
        key = {"kid": self.signer.kid, "protection": "file", "certificate": b64url_encode(der)}
        return chain.seal(self.fields(kind="birth", key=key), chain.genesis(der), self.signer)

    def event(self, head: Head, **more: Any) -> Record:
        return chain.seal(self.fields(kind="event", event={"type": "start"}, **more), head, self.signer)

    def key_for(self, kid: str) -> PublicKey | None:
        return {one.kid: one.public_key for one in (self.signer, self.gateway)}.get(kid)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    authority_key = generate_key(folder / "authority.pem")
    authority = certificates.make_authority("s1", authority_key, NOW)
    unit_key = generate_key(folder / "unit.pem")
    generate_key(folder / "gateway.pem")
    request = certificates.make_request(certificates.subject_name("u1", "s1"), unit_key)
    certificate = certificates.issue(request, Profile.RECORD, authority, authority_key, NOW)
    unit, gateway = (open_signer(f"file:{folder / name}.pem") for name in ("unit", "gateway"))
    return Site(folder, authority_key, authority, unit, certificate, gateway)


@dataclass(frozen=True, slots=True)
class WrongSigner:
    """A key whose driver does not give what ES256 needs, as a card or TPM library may."""

    kid: str
    public_key: PublicKey
    signature: bytes
    protection: str = "file"

    def sign(self, _data: bytes) -> bytes:
        return self.signature


def without(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key != name}


@pytest.fixture(scope="session")
def soft_hsm(pytestconfig: pytest.Config, program: FindProgram, tmp_path_factory: pytest.TempPathFactory) -> Token:
    """A token of SoftHSM."""
    return tokens_of(pytestconfig).soft_hsm(program, tmp_path_factory)


@pytest.fixture(scope="session")
def soft_tpm(pytestconfig: pytest.Config, program: FindProgram) -> Token:
    """A token in a TPM 2.0."""
    return tokens_of(pytestconfig).soft_tpm(program)


@pytest.fixture(params=["softhsm", "tpm"])
def token(request: pytest.FixtureRequest) -> Token:
    """Both kinds, one after the other."""
    made: Token = request.getfixturevalue("soft_hsm" if request.param == "softhsm" else "soft_tpm")
    return made
