"""The page finds in the committed vectors what evidence/verify.py finds: the same steps at the same places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evidence.bundle import read_bundle
from evidence.certificates import from_der
from evidence.encoding import b64url_decode
from evidence.revocation import read_revocations
from evidence.topics import Address
from evidence.verify import Verified, verify_records
from tests.evidence.web.support import BASE, RECORDS, Files, Verifier, bundle_of, head_of, tokens_of
from tests.vectors.evidence import by_hand

AUTHORITY = from_der(b64url_decode(RECORDS["authority"]))
Vector = dict[str, Any]

VERIFY = """async ({ authority, tokens, head, health, list, before }) => {
  const certificate = certificates.read(bytes.fromBase64url(authority));
  const revocations = list === null ? null : await keys.readRevocations(list, certificate);
  const predecessor = before === null ? null : await procedure.verifyRecords(before, certificate);
  const result = await procedure.verifyRecords(tokens, certificate, { head, health, revocations, predecessor });
  const findings = result.findings.map(({ step, place, code, details }) => [step, place, texts.say(code, ...details)]);
  return { sound: result.sound, findings };
}"""

REVOCATIONS = """async ({ authority, token }) => {
  try {
    await keys.readRevocations(token, certificates.read(bytes.fromBase64url(authority)));
  } catch (error) {
    return error instanceof Fault ? texts.say(error.code, ...error.details) : `${error}`;
  }
  return null;
}"""


def _named(vectors: list[Vector]) -> Any:
    return pytest.mark.parametrize("vector", vectors, ids=[vector["name"] for vector in vectors])


@_named(RECORDS["vectors"])
def test_each_tampering_is_found_by_its_step(vector: Vector, engine: Verifier) -> None:
    given = {
        "authority": RECORDS["authority"],
        "tokens": tokens_of(vector["tokens"]),
        "head": vector.get("head"),
        "health": vector.get("health"),
        "list": vector.get("revocations"),
        "before": tokens_of(vector["predecessor"]) if "predecessor" in vector else None,
    }
    result = engine.page.evaluate(VERIFY, given)
    assert [finding[:2] for finding in result["findings"]] == vector["findings"], result["findings"]
    assert result["sound"] is not bool(vector["findings"])
    said = json.dumps(result["findings"], ensure_ascii=False)
    for secret in ("样本", by_hand.DOCUMENT["number"], "1990-03-07", "19900000000", "unconscious", "../../etc"):
        assert secret not in said


def _as_bundle(vector: Vector) -> bytes | None:
    """The vector as a file, with its head or else the birth record's; None where a token cannot stand on a line."""
    tokens = tokens_of(vector["tokens"])
    if not all(token.isascii() and "\n" not in token for token in tokens):
        return None
    unit = by_hand.payload_of(tokens[0])["unit"] if vector["name"].startswith("replacement") else by_hand.UNIT
    return bundle_of(tokens, vector.get("head", head_of(BASE[0])), unit)


def _choices(vector: Vector, content: bytes, files: Files) -> dict[str, Path]:
    chosen = {"bundle": files.bundle(content), "authority": files.authority()}
    if "revocations" in vector:
        chosen["revocations"] = files.signed("revocations", vector["revocations"])
    if "health" in vector:
        chosen["health"] = files.signed("health", vector["health"])
    if "predecessor" in vector:
        before = bundle_of(tokens_of(vector["predecessor"]))
        chosen["predecessor"] = files.bundle(before, "before.jsonl")
    return chosen


def _other_verifier(vector: Vector, path: Path) -> Verified:
    bundle = read_bundle(path)
    return verify_records(
        bundle.records,
        AUTHORITY,
        bundle.head,
        address=Address(bundle.site, bundle.unit),
        health=vector.get("health"),
        revocations=read_revocations(vector["revocations"], AUTHORITY) if "revocations" in vector else None,
        predecessor=verify_records(tokens_of(vector["predecessor"]), AUTHORITY) if "predecessor" in vector else None,
    )


BUNDLES = [(vector, content) for vector in RECORDS["vectors"] if (content := _as_bundle(vector)) is not None]


@pytest.mark.parametrize(("vector", "content"), BUNDLES, ids=[vector["name"] for vector, _ in BUNDLES])
def test_the_screen_shows_what_the_other_verifier_says(
    vector: Vector, content: bytes, engine: Verifier, files: Files
) -> None:
    """Files chosen, button pressed; the other implementation reads the very same file. One page after the other file.

    Step 8 may come on top: a bundle always has a head, and where the vector has none, the birth record's stands there.
    """
    chosen = _choices(vector, content, files)
    engine.clear()
    engine.verify(**chosen)
    other = _other_verifier(vector, chosen["bundle"])
    shown = engine.findings()
    assert shown == [[finding.step, finding.place] for finding in other.findings]
    assert [pair for pair in shown if pair[0] != 8] == [pair for pair in vector["findings"] if pair[0] != 8]
    assert engine.state == ("sound" if other.sound else "unsound")


def test_nearly_every_vector_goes_through_the_screen() -> None:
    """Left out are tokens with a line feed or other letters, which no line of a bundle can hold."""
    assert len(RECORDS["vectors"]) - len(BUNDLES) <= 2


@_named(RECORDS["revocation_lists"])
def test_a_bad_revocation_list_is_refused(vector: Vector, engine: Verifier) -> None:
    said = engine.page.evaluate(REVOCATIONS, {"authority": RECORDS["authority"], "token": vector["token"]})
    assert said is not None
    assert "Error" not in said
