"""Where no vector is: edges of every format, and random edits. Both implementations must say the same of each."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.evidence.web.support import BASE, Verifier
from tests.evidence.web.test_evidence_web_vectors import AUTHORITY, RECORDS, VERIFY, verify_records
from tests.support import ROOT
from tests.vectors.evidence import by_hand as hand

Change = Callable[[x509.CertificateBuilder], x509.CertificateBuilder]
CHECK = hand.unb64(BASE[2].split(".")[1]).decode()


def _both(engine: Verifier, tokens: list[str]) -> tuple[list[list[int]], list[list[int]]]:
    given = {"authority": RECORDS["authority"], "tokens": tokens, "head": None, "list": None, "before": None}
    page = [finding[:2] for finding in engine.page.evaluate(VERIFY, given)["findings"]]
    return page, [[finding.step, finding.place] for finding in verify_records(tokens, AUTHORITY).findings]


def _texts() -> Iterator[tuple[str, bool]]:
    """Payloads of seq 3 as text, and whether they are sound."""

    def score(number: str) -> str:
        return CHECK.replace('"score":0.61', f'"score":{number}')

    def more(value: str) -> str:
        return CHECK.replace('"drill":false', f'"drill":false,"x":{value}')

    def name(text: str) -> str:
        return CHECK.replace("样本甲", text)

    yield from ((score(number), True) for number in ("1E0", "-0", "-0.0", "1e-400", "0." + "1" * 5000, "-1", "null"))
    yield from (
        (score(number), False) for number in ("1.0000000000000002", "-1.01", "01", "1.", ".1", "+1", "1e", "true")
    )
    yield from ((CHECK.replace(":38", f":{week}"), week in ("-0", "45")) for week in ("-0", "45", "46", "38.0", "3e1"))
    yield from ((more("[" * depth + "]" * depth), depth <= 24) for depth in (23, 24, 25))
    yield from ((more('{"a":' * depth + "1" + "}" * depth), depth <= 23) for depth in (22, 23, 24))
    room = (1 << 20) - len(CHECK.encode())
    yield CHECK[:-1] + " " * room + "}", True
    yield CHECK[:-1] + " " * (room + 1) + "}", False
    yield from (
        (text, True)
        for text in (f"{CHECK} \n\t", f"\r\n {CHECK}", name("\\ud83d\\ude00"), name("\x7f"), name("\\u0000"))
    )
    yield from (
        (text, False)
        for text in (f"\u00a0{CHECK}", f"\f{CHECK}", name("\\ude00\\ud83d"), name("\\u+041"), name("\\x41"))
    )
    yield more('1,"\\ud800":1'), False
    yield more('1,"__proto__":{"v":2},"constructor":1'), True
    yield more('1,"__proto__":1,"__proto__":1'), False


@pytest.mark.parametrize(
    ("text", "sound"), list(_texts()), ids=lambda value: "" if isinstance(value, str) else str(value)
)
def test_edges_of_json(text: str, sound: bool, engine: Verifier) -> None:
    page, other = _both(engine, [*BASE[:2], hand.signed(text.encode())])
    assert page == other == ([] if sound else [[1, 3]])


@pytest.mark.parametrize(
    "reason", ['"\\/', "\u2028\u2029", "\x00\x1f\x7f", "😀é", "\b\f\n\r\t", "</script>"], ids=ascii
)
def test_a_decision_has_one_canonical_form(reason: str, engine: Verifier) -> None:
    manual = hand.check(10, 3, "manual") | hand.decided(3, "manual", reason=reason)
    assert _both(engine, [*BASE[:2], hand.signed(hand.text_of(hand.after(BASE[1], manual)))]) == ([], [])


def _certificate(
    change: Change, days: int = 3653, begin: dt.datetime = hand.BEGIN, subject: x509.Name | None = None
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject or hand.certificate().subject)
        .issuer_name(AUTHORITY.subject)
        .public_key(hand.UNIT_KEY.public_key())
        .serial_number(7)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=days))
    )
    return change(builder).sign(hand.AUTHORITY, hashes.SHA256(), ecdsa_deterministic=True)


def _for(*uses: ObjectIdentifier, critical: bool = False) -> Change:
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    return lambda builder: builder.add_extension(x509.ExtendedKeyUsage(uses), critical).add_extension(constraints, True)


def _named(*pairs: tuple[ObjectIdentifier, str]) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])
    return _certificate(_for(hand.RECORD_USE), subject=subject)


def _certificates() -> Iterator[tuple[str, x509.Certificate, bool]]:
    use, country, site, unit = hand.RECORD_USE, NameOID.COUNTRY_NAME, NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME
    day = dt.timedelta(days=1)
    born = hand.BEGIN + 20 * day
    yield "critical use", _certificate(_for(use, critical=True)), True
    yield "two uses", _certificate(_for(use, ExtendedKeyUsageOID.CLIENT_AUTH)), False
    yield "any use", _certificate(_for(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)), False
    yield "no constraints", _certificate(lambda made: made.add_extension(x509.ExtendedKeyUsage([use]), False)), False
    yield "expires at that moment", _certificate(_for(use), 1, born - day), True
    yield "expired a day before", _certificate(_for(use), 1, born - 2 * day), False
    yield "begins a day later", _certificate(_for(use), begin=born + day), True
    yield "begins a second after that", _certificate(_for(use), begin=born + day + dt.timedelta(seconds=1)), False
    yield "after 2050", _certificate(_for(use), 40000), True
    yield "country too", _named((country, "CN"), (site, hand.SITE), (unit, hand.UNIT)), True
    yield "no site", _named((unit, hand.UNIT)), False
    yield "two units", _named((site, hand.SITE), (unit, hand.UNIT), (unit, hand.UNIT)), False


@pytest.mark.parametrize(("made", "sound"), [pytest.param(*rest, id=name) for name, *rest in _certificates()])
def test_edges_of_certificates(made: x509.Certificate, sound: bool, engine: Verifier) -> None:
    page, other = _both(engine, [hand.signed(hand.text_of(hand.birth(made)))])
    assert page == other == ([] if sound else [[2, 1]])


VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 1.0, 2.5, 2**53, 2**53 - 1, 1e308, "", "a", "x\n", "0" * 64, "0" * 63, [], {}, [1]),
    *("2026-02-29T00:00:00.000Z", "2024-02-29T23:59:59.999Z", "2026-11-21T24:00:00.000Z", "2026-11-21T23:59:60.000Z"),
    *("0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "样" * 500, "样" * 501, "😀" * 32, "😀" * 33),
    *("interrupted", "passed", "check", "addendum", "event", "unit", "pin", "__proto__"),
]
NAMES = ("x", "__proto__", "toString", "", "decision", "officers", "document", "replaces", "outcome", "proof")


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inside:
        yield (*path, name)
        yield from _paths(item, (*path, name))


def _edited(payload: Any, chance: random.Random) -> Any:
    """One value left out, replaced or added, at any depth."""
    *above, name = chance.choice(list(_paths(payload)))
    place = payload
    for step in above:
        place = place[step]
    kind = chance.random()
    if kind < 0.3:
        del place[name]
    elif kind < 0.8 or isinstance(place, list):
        place[name] = chance.choice(VALUES)
    else:
        place[chance.choice(NAMES)] = chance.choice(VALUES)
    return payload


SCHEMA = json.loads((ROOT / "evidence/schema/record-v1.schema.json").read_text("utf-8"))
JUNK: tuple[Any, ...] = (None, 7, -2.5, "?", [], {}, {"junk": 1})


def _resolved(rule: dict[str, Any]) -> dict[str, Any]:
    """The rule that a $ref names, or itself."""
    if "$ref" not in rule:
        return rule
    found = SCHEMA
    for step in rule["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def _example(rule: dict[str, Any], name: str = "") -> Any:
    """The fullest value that a rule of the record's schema allows."""
    rule = _resolved(rule)
    if "anyOf" in rule:
        return None
    if "enum" in rule or "const" in rule:
        return rule.get("enum", [rule.get("const")])[0]
    if rule["type"] == "object":
        more = {"detector": hand.sha256(b"d"), "embedding": hand.sha256(b"e")} if "patternProperties" in rule else {}
        return more | {below: _example(item, below) for below, item in rule.get("properties", {}).items()}
    if rule["type"] == "array":
        return [_example(rule["items"], name)]
    if rule["type"] != "string":
        return rule.get("minimum", 1)
    texts = {"date-time": hand.instant(1), SCHEMA["$defs"]["uuid7"]["pattern"]: hand.check_id(3)}
    return texts.get(rule.get("format", rule.get("pattern", "")), "a" * (64 if "64" in rule.get("pattern", "") else 43))


def _places(rule: dict[str, Any], path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The paths of all values that the schema has a word about."""
    yield path
    rule = _resolved(rule)
    if "items" in rule:
        yield from _places(rule["items"], (*path, 0))
    for name, item in rule.get("properties", {}).items():
        yield from _places(item, (*path, name))


OPTIONAL = sorted(
    set(SCHEMA["properties"]) - set(json.loads(CHECK)) | {"consent", "face", "finger", "liveness", "document"}
)


@pytest.mark.parametrize("name", OPTIONAL)
def test_every_rule_of_the_schema_is_the_pages_too(name: str, engine: Verifier) -> None:
    rule = SCHEMA["properties"][name]
    sound = json.loads(CHECK) | {name: _example(rule)}
    for path in _places(rule, (name,)):
        for junk in JUNK:
            payload = json.loads(json.dumps(sound))
            place = payload
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = junk
            page, other = _both(engine, [*BASE[:2], hand.signed(hand.text_of(payload))])
            assert page == other, (path, junk)
    page, other = _both(engine, [*BASE[:2], hand.signed(hand.text_of(sound))])
    assert page == other


def _scrambled(data: bytes, chance: random.Random) -> bytes:
    """One byte changed, put in or left out; those that mean something to JSON more often than others."""
    at = chance.randrange(len(data))
    byte = bytes([chance.choice(b'{}[]",:\\u019eE+-. \t\n\x00\x7f\xc3\xa9\xed\xa0\xf0')])
    return data[:at] + chance.choice((byte, b"", byte + data[at : at + 1])) + data[at + 1 :]


def _random_tokens(seed: int) -> list[str]:
    chance = random.Random(seed)
    tokens = list(BASE)
    at = chance.randrange(len(tokens))
    owner = hand.NEXT_KEY if at >= 13 else hand.UNIT_KEY
    payload = hand.unb64(tokens[at].split(".")[1])
    if seed % 2:
        tokens[at] = hand.signed(hand.text_of(_edited(json.loads(payload), chance)), owner)
    else:
        tokens[at] = hand.signed(_scrambled(payload, chance), owner)
    if seed % 5 == 0:
        other = chance.randrange(len(tokens))
        tokens[at], tokens[other] = tokens[other], tokens[at]
    return tokens


@pytest.mark.parametrize("first", range(0, 240, 40))
def test_random_edits(first: int, engine: Verifier) -> None:
    found = 0
    for seed in range(first, first + 40):
        page, other = _both(engine, _random_tokens(seed))
        assert page == other, f"seed {seed}"
        found += bool(page)
    assert found > 10, "edits that break nothing would test nothing"
