"""What others sign, seal or send: the decoders of evidence/, and its verifier."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from cryptography.hazmat.primitives import serialization
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from evidence import certificates, downlink, encoding, envelope, instants, jws, receipt, record, rotation, topics
from evidence.bundle import read_bundle
from evidence.decision import check_decision
from evidence.errors import EvidenceError, KeyUnusableError, MalformedError, SignatureError
from evidence.health import parse_health
from evidence.keys import KeySigner, PrivateKey, load_private_key, load_public_key
from evidence.pkcs11_uri import parse_pkcs11_uri
from evidence.revocation import read_revocations
from evidence.succession import FILE, read_succession
from evidence.tree import TreeError, load_tree
from evidence.verify import read_record, verify_records
from gateway.config import Config as GatewayConfig
from tests.fuzz.mutations import json_files, mutated, tokens
from tests.fuzz.scratch import written
from tests.fuzz.target import Target
from tests.vectors import evidence as vectors
from tests.vectors.evidence import by_hand


@cache
def vector(name: str) -> Any:
    """One of the committed vector files."""
    return json.loads(resources.files(vectors).joinpath(name).read_text("utf-8"))


BASE: list[str] = vector("records.json")["base"]
AUTHORITY = certificates.from_der(encoding.b64url_decode(vector("records.json")["authority"]))
LISTS = [by_hand.revocations([by_hand.revoked(900), by_hand.revoked(95, by_hand.NEXT_KEY)])]


def resign(payload: bytes, token: str) -> str:
    """``payload`` under the header of ``token``, signed by the key that it names."""
    header = encoding.b64url_decode(token.split(".")[0])
    owners = (by_hand.UNIT_KEY, by_hand.NEXT_KEY, by_hand.AUTHORITY, by_hand.GATEWAY)
    kid = json.loads(header)["kid"]
    owner = next((one for one in owners if by_hand.kid(one) == kid), by_hand.STRANGER)
    return by_hand.signed(payload, owner, header)


def _gateway() -> PrivateKey:
    der = encoding.b64url_decode(vector("envelopes.json")["keys"]["gateway"])
    key = serialization.load_der_private_key(der, None)
    assert isinstance(key, PrivateKey)
    return key


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode("utf-8")


def _downlink(data: bytes) -> None:
    address = topics.Address(vector("downlinks.json")["site"], vector("downlinks.json")["unit"])
    key = by_hand.GATEWAY.public_key()
    for channel in topics.DOWN:
        try:
            body = downlink.read(_text(data), channel, address, lambda _: key, last_counter=0, now=None).body
        except MalformedError:
            continue
        if channel is topics.Channel.RECEIPT:
            receipt.read_ranges(body)


@st.composite
def chains(draw: DrawFn) -> list[str]:
    """Nearly the sound chain: records changed, signed anew, left out, doubled, exchanged."""
    found = list(BASE[: draw(st.integers(1, len(BASE)))])
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(found) - 1))
        match draw(st.integers(0, 3)):
            case 0 if len(found) > 1:
                del found[place]
            case 1:
                found.insert(place, draw(st.sampled_from(BASE)))
            case _:
                found[place] = _text(
                    draw(tokens([found[place]], resign) if found[place] in BASE else mutated([b"a.b.c"]))
                )
    return found


def record_of(token: str) -> bool:
    """Whether a record that was found sound bears a signature of the unit."""
    return jws.verify(token, record.TYPE, {by_hand.kid(one): one.public_key() for one in _OWNERS}.get) is not None


_OWNERS = (by_hand.UNIT_KEY, by_hand.NEXT_KEY)


def _verify(found: list[str]) -> None:
    result = verify_records(found, AUTHORITY, revocations=read_revocations(LISTS[0], AUTHORITY))
    assert result.sound or result.findings
    assert not result.sound or all(record_of(one) for one in found)
    for finding in result.findings:
        assert 1 <= finding.step <= 8


def _proof(data: bytes) -> None:
    item = read_record(next(one for one in BASE if read_record(one).kind == record.Kind.KEY))
    changed = record.Record({**item.payload, "key": {**item.payload["key"], "proof": _text(data)}}, item.jws)
    rotation.check_proof(changed, by_hand.NEXT_KEY.public_key())


def _bundle(data: bytes) -> None:
    read_bundle(written("bundle.jsonl", data))


def _succession(data: bytes) -> None:
    read_succession(written(FILE, data).parent)


def _tree(data: bytes) -> None:
    load_tree(GatewayConfig, written("gateway.toml", data))


def _key(data: bytes) -> None:
    path = written("some.key", data)
    for load in (load_private_key, load_public_key, certificates.load_certificate):
        try:
            load(path)
        except KeyUnusableError:
            continue


def _certificate(data: bytes) -> None:
    found = certificates.from_der(data)
    at = instants.read_instant("2026-11-21T08:00:00.000Z")
    certificates.check_certificate(found, AUTHORITY, certificates.Profile.RECORD, at)
    certificates.common_name(found)
    certificates.site_of(found)


def _attachments(data: bytes) -> None:
    found = encoding.json_object(data).get("attachments")
    item = read_record(BASE[2])
    if isinstance(found, list) and all(isinstance(one, dict) for one in found):
        envelope.check_attachments(item, found)


def _signed() -> list[Target]:
    """Messages, tokens and what is in them."""
    sound = vector("envelopes.json")["sound"]["envelope"]
    signed_down = [one["token"] for one in vector("downlinks.json")["vectors"] if one["step"] == 0]
    healths = [one["health"] for one in vector("records.json")["vectors"] if one.get("health", "").count(".") == 2]
    payloads = [encoding.b64url_decode(one.split(".")[1]) for one in BASE]
    proof = json.loads(encoding.b64url_decode(BASE[12].split(".")[1])).get("key", {}).get("proof", "a.b.c")
    signer, evil, gateway = KeySigner(by_hand.UNIT_KEY), (EvidenceError,), _gateway()
    beside = {"attachments": [envelope.attachment("signature", b"x")]}
    jwt = mutated([one.encode() for one in BASE])
    return [
        Target("evidence: JSON", json_files(*map(json.loads, payloads)), encoding.json_object, (MalformedError,)),
        Target("evidence: base64url", jwt.map(_text), encoding.b64url_decode, (MalformedError,)),
        Target(
            "evidence: instant",
            mutated([b"2026-11-21T19:21:51.123Z"]).map(_text),
            instants.read_instant,
            (MalformedError,),
        ),
        Target("evidence: topic", mutated([b"vernix/v1/s/u/record"]).map(_text), topics.parse, (MalformedError,)),
        Target(
            "evidence: JWS",
            jwt.map(_text),
            lambda text: jws.verify(text, record.TYPE, lambda _: signer.public_key),
            (MalformedError, SignatureError),
        ),
        Target("evidence: record", tokens(BASE, resign).map(_text), read_record, (MalformedError,)),
        Target(
            "evidence: record's payload",
            json_files(*map(json.loads, payloads)),
            record.parse_payload,
            (MalformedError,),
        ),
        Target(
            "evidence: decision",
            json_files(*map(json.loads, payloads)),
            lambda data: check_decision(record.parse_payload(data)),
            evil,
        ),
        Target("evidence: key proof", mutated([proof.encode()]), _proof, (MalformedError, SignatureError)),
        Target(
            "evidence: envelope",
            json_files(sound),
            lambda data: envelope.open_envelope(data, gateway),
            (MalformedError, SignatureError),
        ),
        Target(
            "evidence: attachments",
            json_files(beside, {"attachments": []}),
            _attachments,
            (MalformedError, SignatureError),
        ),
        Target("evidence: downlink and receipt", tokens(signed_down, resign), _downlink, evil),
        Target("evidence: health", tokens(healths, resign).map(_text), parse_health, (MalformedError,)),
    ]


def _files() -> list[Target]:
    """Bundles, certificates, keys and their names; and the whole procedure."""
    first = {"format": "vernix-bundle", "v": 1, "unit": "u", "site": "s", "head": {"seq": 1, "sha256": "0" * 64}}
    bundles = ["\n".join([json.dumps(first), *BASE, ""]).encode()]
    uris = [
        "pkcs11:token=vernix;object=record?module-path=/usr/lib/x.so&pin-source=file:/etc/pin",
        "pkcs11:serial=%00%01;id=%FF;type=private?module-path=/x",
    ]
    keys = {"v": 1, "keys": [{"kid": "k" * 43, "record": "file:a", "certificate": "a.pem", "reason": "x"}]}
    toml = (
        b'[gateway]\nsite = "s"\ndata = "d"\n[keys]\nauthority = "a"\nsigning = "file:x"\nsigning_certificate = "b"\n'
    )
    toml += b'encryption = "c"\n[broker]\nhost = "h"\nport = 8883\n'
    der = certificates.to_der(AUTHORITY)
    unit = by_hand.der(by_hand.certificate(by_hand.NEXT_KEY))
    pems = [certificates.to_pem(AUTHORITY), by_hand.pem(by_hand.GATEWAY)]
    evil = (EvidenceError,)
    return [
        Target(
            "evidence: revocations",
            tokens(LISTS, resign).map(_text),
            lambda text: read_revocations(text, AUTHORITY),
            (MalformedError, SignatureError),
        ),
        Target("evidence: bundle", mutated(bundles), _bundle, (MalformedError,)),
        Target("evidence: certificate", mutated([der, unit]), _certificate, (SignatureError,)),
        Target("evidence: PEM files", mutated(pems), _key, evil),
        Target("evidence: PKCS #11 URI", mutated([one.encode() for one in uris]).map(_text), parse_pkcs11_uri, evil),
        Target("evidence: keys.json", json_files(keys), _succession, evil),
        Target("evidence: TOML", mutated([toml]), _tree, (TreeError,)),
        Target("evidence: verifier", chains(), _verify),
    ]


def targets() -> list[Target]:
    """All of them."""
    return [*_signed(), *_files()]
