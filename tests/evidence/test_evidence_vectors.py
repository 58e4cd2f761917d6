"""The committed vectors, made by hand without evidence/, and that they are what their builder writes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from evidence import downlink, envelope, errors, receipt
from evidence.certificates import from_der
from evidence.chain import Head
from evidence.encoding import b64url_decode
from evidence.instants import read_instant
from evidence.keys import PrivateKey, PublicKey, thumbprint
from evidence.record import Kind, Outcome, parse_payload
from evidence.revocation import read_revocations
from evidence.topics import Address, Channel
from evidence.verify import Verified, verify_records
from tests.support import ROOT
from tests.vectors.evidence import build, by_hand
from tests.vectors.evidence import downlinks as downlinks_by_hand
from tests.vectors.evidence import envelopes as envelopes_by_hand

FOLDER = ROOT / "tests" / "vectors" / "evidence"


def _read(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((FOLDER / name).read_text("utf-8"))
    return value


RECORDS, ENVELOPES, DOWNLINKS = _read("records.json"), _read("envelopes.json"), _read("downlinks.json")
AUTHORITY = from_der(b64url_decode(RECORDS["authority"]))


def _named(vectors: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("vector", vectors, ids=[vector["name"] for vector in vectors])


def _tokens(short: list[int | str]) -> list[str]:
    return [RECORDS["base"][token] if isinstance(token, int) else token for token in short]


def _verified(vector: dict[str, Any]) -> Verified:
    return verify_records(
        _tokens(vector["tokens"]),
        AUTHORITY,
        Head(**vector["head"]) if "head" in vector else None,
        health=vector.get("health"),
        revocations=read_revocations(vector["revocations"], AUTHORITY) if "revocations" in vector else None,
        predecessor=verify_records(_tokens(vector["predecessor"]), AUTHORITY) if "predecessor" in vector else None,
    )


@_named(RECORDS["vectors"])
def test_each_tampering_is_found_by_its_step(vector: dict[str, Any]) -> None:
    result = _verified(vector)
    assert [[finding.step, finding.place] for finding in result.findings] == vector["findings"], result.findings
    assert result.sound is not bool(vector["findings"])


@_named(RECORDS["vectors"])
def test_no_finding_repeats_what_a_record_says_of_a_person(vector: dict[str, Any]) -> None:
    said = repr(_verified(vector).findings)
    for secret in ("样本", by_hand.DOCUMENT["number"], "1990-03-07", "19900000000", "unconscious", "../../etc"):
        assert secret not in said


def test_the_sound_chain_has_every_kind_and_every_outcome() -> None:
    payloads = [parse_payload(b64url_decode(token.split(".")[1])) for token in RECORDS["base"]]
    assert {payload["kind"] for payload in payloads} == set(Kind)
    assert {payload["outcome"] for payload in payloads if payload["kind"] == "check"} == set(Outcome)
    result = verify_records(RECORDS["base"], AUTHORITY)
    assert (result.unit, result.site, result.count) == (by_hand.UNIT, by_hand.SITE, len(payloads))
    assert result.head == Head(len(payloads), by_hand.sha256(RECORDS["base"][-1].encode()))
    assert [(use.since, use.protection) for use in result.keys] == [(1, "file"), (14, "tpm2")]
    assert result.kinds == {"birth": 1, "event": 2, "check": 8, "addendum": 2, "key": 1, "retire": 1}


@_named(RECORDS["revocation_lists"])
def test_a_bad_revocation_list_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(errors.EvidenceError) as caught:
        read_revocations(vector["token"], AUTHORITY)
    assert type(caught.value).__name__ == vector["error"]


def test_every_vector_has_its_own_name() -> None:
    for vectors in (
        RECORDS["vectors"],
        RECORDS["revocation_lists"],
        ENVELOPES["bad"],
        DOWNLINKS["vectors"],
        DOWNLINKS["receipts"],
    ):
        names = [vector["name"] for vector in vectors]
        assert len(set(names)) == len(names)


def _key(name: str) -> PrivateKey:
    key = serialization.load_der_private_key(b64url_decode(ENVELOPES["keys"][name]), None)
    assert isinstance(key, PrivateKey)
    return key


@pytest.mark.parametrize("name", ["gateway", "recovery"])
def test_a_sound_envelope_opens_with_either_key(name: str) -> None:
    sound = ENVELOPES["sound"]
    opened = envelope.open_envelope(json.dumps(sound["envelope"]).encode(), _key(name))
    assert opened.jws == sound["jws"]
    assert list(opened.attachments) == sound["attachments"]


@_named(ENVELOPES["bad"])
def test_a_bad_envelope_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(errors.EvidenceError) as caught:
        envelope.open_envelope(json.dumps(vector["envelope"]).encode(), _key("gateway"))
    assert type(caught.value).__name__ == vector["error"]


def _gateway(kid: str) -> PublicKey | None:
    key = serialization.load_pem_public_key(b64url_decode(DOWNLINKS["gateway"]))
    assert isinstance(key, PublicKey)
    return key if thumbprint(key) == kid else None


REFUSALS = {2: "for another unit or channel", 3: "a repetition", 4: "expired at"}


@_named(DOWNLINKS["vectors"])
def test_each_message_is_refused_by_its_step(vector: dict[str, Any]) -> None:
    now = read_instant(vector["now"]) if vector["now"] else None
    address = Address(DOWNLINKS["site"], DOWNLINKS["unit"])

    def read() -> downlink.Accepted:
        last = vector["last_counter"]
        return downlink.read(vector["token"], Channel.RECEIPT, address, _gateway, last_counter=last, now=now)

    if vector["step"] == 0:
        assert (read().counter, read().body) == (5, downlinks_by_hand.SOUND)
    elif vector["step"] == 1:
        with pytest.raises((errors.MalformedError, errors.SignatureError)):
            read()
    else:
        with pytest.raises(errors.RefusedError, match=REFUSALS[vector["step"]]):
            read()


@_named(DOWNLINKS["receipts"])
def test_a_receipt_counts_for_its_own_records_only(vector: dict[str, Any]) -> None:
    def hold() -> None:
        ranges = receipt.read_ranges(vector["body"])
        numbers = [number for first, last in ranges for number in range(first, last + 1)]
        receipt.check_hash(vector["body"], [DOWNLINKS["digests"][str(number)] for number in numbers])

    if vector["error"] is None:
        hold()
    else:
        with pytest.raises(getattr(errors, vector["error"])):
            hold()


def test_the_files_are_what_the_builder_writes() -> None:
    assert build.records() == RECORDS
    assert envelopes_by_hand.envelopes(build.BASE[2]) == ENVELOPES
    assert downlinks_by_hand.downlinks() == DOWNLINKS
