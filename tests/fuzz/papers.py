"""What people bring and keep: security keys, rosters, worklists, papers, slips, pictures; and what printers answer."""

from __future__ import annotations

import datetime as dt
import json
import struct
from collections.abc import Callable
from typing import Any
from uuid import UUID

import cv2
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from daemon.documents.mrz import MrzUnreadable, read_mrz
from daemon.officers import RosterUnusable
from daemon.printing import ipp
from daemon.roster import RosterBook
from daemon.worklist import Worklist
from evidence import certificates, worklist
from evidence.encoding import b64url_decode, b64url_encode
from evidence.errors import EvidenceError, KeyUnusableError, MalformedError, SignatureError
from evidence.keys import KeySigner
from evidence.origin import read_origin
from evidence.slip import Person, SlipIssuer, SlipRefused, open_slip
from evidence.slip_keys import make_slip_key, read_slip_keys, write_slip_keys
from evidence.topics import Address
from evidence.verify import read_record
from evidence.webauthn import challenge_of, check_assertion, read_cose, read_registration, registration_challenge
from hw.camera.sources.pictures import UnreadablePicture, load
from provisioning.crl import _read as read_crl
from provisioning.crl import make_crl
from provisioning.errors import BadValueError
from tests.fuzz.mutations import changed, json_files, mutated
from tests.fuzz.scratch import folder, written
from tests.fuzz.signed import AUTHORITY, BASE
from tests.fuzz.target import Target
from tests.support.soft_key import ORIGIN, SoftKey
from tests.vectors.evidence import by_hand

KEY = SoftKey()
NOW = dt.datetime(2026, 11, 20, 8, 0, tzinfo=dt.UTC)
STATEMENT = "ab" * 32
ROSTER = {
    "version": 3,
    "badge_salt": "c2FsdA",
    "officers": [
        {
            "id": "o-101",
            "role": "officer",
            "valid_from": "2026-01-01T00:00:00.000Z",
            "credentials": [{"method": "pin", "argon2id": "$argon2id$x"}, KEY.credential()],
        }
    ],
}
EXPECTED = {"v": 1, "entries": [{"visit": "V-1", "owed": []}]}
ZONES = (
    b"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
    b"I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<",
)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


@st.composite
def _inside(draw: DrawFn, value: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """``value`` with other bytes in one of its base64url texts, or changed as a tree."""
    if draw(st.booleans()):
        found = draw(changed([value]))
        return found if isinstance(found, dict) else {}
    name = draw(st.sampled_from(names))
    return value | {name: b64url_encode(draw(mutated([b64url_decode(value[name])])))}


def _answered(registration: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda response: registration | {"response": response}


def _security_keys() -> list[Target]:
    signed = {**KEY.sign(challenge_of(STATEMENT)), "rp_id": "localhost"}
    made = KEY.register(registration_challenge("s", "o-101"))
    parts = ("credential_id", "authenticator_data", "client_data", "signature")
    registrations = st.one_of(
        changed([made]).map(lambda value: value if isinstance(value, dict) else {}),
        _inside(made["response"], ("clientDataJSON", "attestationObject")).map(_answered(made)),
    )

    def assertion(found: dict[str, Any]) -> None:
        check_assertion({**dict.fromkeys(signed, ""), **found}, STATEMENT, KEY.key.public_key(), ORIGIN)

    return [
        Target("evidence: security key, COSE", mutated([KEY.cose]).map(b64url_encode), read_cose, (MalformedError,)),
        Target(
            "evidence: security key, registration",
            registrations,
            lambda found: read_registration(found, "s", "o-101"),
            (SignatureError,),
        ),
        Target(
            "evidence: security key, assertion", _inside(signed, parts), assertion, (SignatureError, MalformedError)
        ),
    ]


def _lists() -> list[Target]:
    book, own, expected = folder() / "roster.json", ec.generate_private_key(ec.SECP256R1()), Worklist()
    sealed = worklist.seal(EXPECTED, own.public_key())
    origin = read_origin(read_record(BASE[0]), AUTHORITY)
    said = worklist.announce(own.public_key(), Address(by_hand.SITE, by_hand.UNIT), 1, KeySigner(by_hand.UNIT_KEY))
    evil = (MalformedError, SignatureError)

    def roster(data: bytes) -> None:
        book.write_bytes(data)
        RosterBook(book).read()

    def replaced(content: Any) -> None:
        expected.take(worklist.seal(content if isinstance(content, dict) else {}, expected.key))

    return [
        Target("daemon: roster", json_files(ROSTER), roster, (RosterUnusable,)),
        Target("daemon: worklist", changed([EXPECTED]), replaced, evil),
        Target(
            "evidence: worklist",
            mutated([sealed["jwe"].encode()]).map(_text),
            lambda token: worklist.open_sealed(sealed | {"jwe": token}, own),
            evil,
        ),
        Target(
            "evidence: worklist's key",
            mutated([said.encode()]).map(_text),
            lambda token: worklist.read_announcement(token, origin),
            (EvidenceError,),
        ),
    ]


def _slips() -> list[Target]:
    key, person = make_slip_key(NOW), Person("resident_id_card", "990000199001011232")
    certificate = certificates.from_der(by_hand.der(by_hand.certificate()))
    issuer = SlipIssuer(KeySigner(by_hand.UNIT_KEY), certificate, key)
    slip = issuer.write(bytes(range(256)) * 2, person, UUID(by_hand.check_id(1)), NOW).encode()
    keys = written("slip-keys.json", b"")
    write_slip_keys(keys, (key,))
    return [
        Target(
            "evidence: slip",
            mutated([slip]).map(_text),
            lambda text: open_slip(text, (key,), AUTHORITY, person, NOW),
            (SlipRefused,),
        ),
        Target(
            "evidence: slip keys",
            json_files(json.loads(keys.read_bytes())),
            lambda data: read_slip_keys(written("slip-keys-read.json", data)),
            (KeyUnusableError, MalformedError),
        ),
    ]


def _papers() -> list[Target]:
    crl = make_crl(AUTHORITY, by_hand.AUTHORITY, (), NOW)
    picture = np.arange(24 * 18 * 3, dtype=np.uint8).reshape(18, 24, 3)
    pictures = [cv2.imencode(kind, picture)[1].tobytes() for kind in (".jpg", ".png", ".bmp", ".webp")]
    state = struct.pack(">BHI", 1, 0, 0)
    answer = struct.pack(">BBHIB", 2, 0, 0, 1, 1) + b"\x47\x00\x12attributes-charset\x00\x05utf-8" + b"\x04"
    answer += b"\x23\x00\x0dprinter-state\x00\x04\x00\x00\x00\x03\x03"

    def revoked(data: bytes) -> x509.CertificateRevocationList:
        return read_crl(written("revocations.crl", data), AUTHORITY)

    return [
        Target("provisioning: CRL", mutated([crl]), revoked, (BadValueError,)),
        Target(
            "hw: camera, pictures",
            mutated(pictures),
            lambda data: load(written("picture", data), "replay"),
            (UnreadablePicture,),
        ),
        Target(
            "daemon: machine-readable zones",
            mutated(ZONES).map(lambda data: tuple(_text(data).splitlines())),
            lambda lines: read_mrz(lines, NOW.date()),
            (MrzUnreadable,),
        ),
        Target("daemon: printers' answers", mutated([answer, state]), ipp.answer, (ipp.MalformedAnswer,)),
    ]


def targets() -> list[Target]:
    """All of them."""
    return [*_security_keys(), *_lists(), *_slips(), *_papers()]
