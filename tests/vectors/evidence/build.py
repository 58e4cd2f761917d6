"""Write the vectors of this folder: ``python -m tests.vectors.evidence.build``. Run by hand; the files are committed.

Every tampering says what was done, and which steps of ``evidence/verify.py`` must find it at which place (from 1).
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.vectors.evidence import by_hand as hand
from tests.vectors.evidence.by_hand import N, Payload, after, b64, payload_of, sha256, signed, text_of
from tests.vectors.evidence.certificates import certificates
from tests.vectors.evidence.downlinks import downlinks
from tests.vectors.evidence.envelopes import envelopes
from tests.vectors.evidence.health import healths
from tests.vectors.evidence.keys import decisions, replacements, revocation_lists, revoked_keys, rotations
from tests.vectors.evidence.origins import origins
from tests.vectors.evidence.vector import BASE, LAST, Vector, edited, remade, then, vector

FOLDER = Path(__file__).parent


def form_of_json() -> Iterator[Vector]:
    def text(name: str, by_hand: str, old: str, new: str) -> Vector:
        return then(f"json: {name}", by_hand, 2, edited(2, old, new), 1)

    yield text("name twice", "outcome written twice", '"outcome":"passed"', '"outcome":"failed","outcome":"passed"')
    escaped = '"outcome":"failed","outc\\u006fme":"passed"'
    yield text("name twice, once escaped", "the same name, spelt with an escape", '"outcome":"passed"', escaped)
    yield text("name twice, inside", "document.number twice", '"number":', '"number":"1","number":')
    yield text("huge integer", "seq is 2^53", '"seq":3,', '"seq":9007199254740992,')
    yield text("enormous integer", "seq has 5000 digits", '"seq":3,', f'"seq":{"9" * 5000},')
    yield text("huge number", "a score of 1e400", '"score":0.61', '"score":1e400')
    yield text("NaN", "a score of NaN", '"score":0.61', '"score":NaN')
    yield text("Infinity", "a score of -Infinity", '"score":0.61', '"score":-Infinity')
    yield text("deep nesting", "30 arrays in one another", '"drill":false', f'"drill":false,"x":{"[" * 30}{"]" * 30}')
    yield text("very deep nesting", "20 000 arrays, never closed", '"drill":false', f'"x":{"[" * 20000}')
    yield text("lone surrogate", "half a surrogate pair as escape", '"样本甲"', '"\\ud83d"')
    yield text("lone surrogate as bytes", "ED A0 BD, no UTF-8", "样本甲", "\ud83d")
    yield text("byte order mark", "U+FEFF in front", "{", "\ufeff{")
    yield text("trailing comma", "a comma before the end", '"worklist"}}', '"worklist"},}')
    yield text("more after the end", "a second object", '"worklist"}}', '"worklist"}}{}')
    yield text("control character", "a raw line feed in a string", "样本甲", "样本\n甲")
    yield text("leading zero", "seq is 03", '"seq":3,', '"seq":03,')
    yield then("json: an array", "the payload in brackets", 2, signed(b"[" + text_of(payload_of(BASE[2])) + b"]"), 1)
    yield then("json: empty", "no payload", 2, signed(b""), 1)
    yield then(
        "json: UTF-16", "the payload in UTF-16", 2, signed(text_of(payload_of(BASE[2])).decode().encode("utf-16")), 1
    )


def form_of_payload() -> Iterator[Vector]:
    def change(name: str, by_hand: str, count: int = 2, **values: Any) -> Vector:
        return then(f"payload: {name}", by_hand, count, remade(count, lambda payload: payload | values), 1)

    def without(name: str) -> Vector:
        token = remade(2, lambda payload: {key: value for key, value in payload.items() if key != name})
        return then(f"payload: no {name}", f"{name} left out", 2, token, 1)

    for name in ("v", "kind", "unit", "site", "seq", "prev", "boot", "salt", "time", "software"):
        yield without(name)
    notices = {"a number": 5, "without hash": {"text_id": "n"}, "hash of letters": {"text_id": "n", "sha256": "zz"}}
    for name, notice in notices.items():
        yield change(
            f"notice {name}", "what she was told, beside her consent", consent=hand.CONSENT | {"notice": notice}
        )
    for name in ("check", "outcome", "policy", "visit", "officers", "document", "consent"):
        yield without(name)
    time = payload_of(BASE[2])["time"]
    yield change("seq is a float", "3.0: the same to some readers only", seq=3.0)
    yield change("seq is true", "true, which some languages take for 1", seq=True)
    yield change("seq is text", '"3"', seq="3")
    yield change("seq is negative", "-3", seq=-3)
    yield change("boot is true", "true", boot=True)
    yield change("version is a float", "1.0", v=1.0)
    yield change("later version", "2", v=2)
    yield change("unknown kind", "a kind nobody knows", kind="checked")
    yield change("unknown outcome", "an outcome nobody knows", outcome="maybe")
    yield change("birth again", "a birth record with seq 3", kind="birth", key=payload_of(BASE[0])["key"])
    yield change("check with seq 1", "a check record as the first", seq=1)
    yield change("line feed after unit", "a name that ends in a line feed", unit=hand.UNIT + "\n")
    yield change("line feed after hash", "prev ends in a line feed", prev=payload_of(BASE[2])["prev"] + "\n")
    yield change("hash in capitals", "prev in upper case", prev=payload_of(BASE[2])["prev"].upper())
    yield change("short salt", "120 bits", salt="A" * 20)
    yield change("check is no UUIDv7", "a UUIDv4", check="019aa000-0000-4000-8000-000000000003")
    yield change("no such day", "30 February", time=time | {"latest": "2026-02-30T08:00:00.000Z"})
    yield change("year 0", "a year that no calendar library has", time=time | {"earliest": "0000-01-01T00:00:00.000Z"})
    yield change("other time zone", "+08:00", time=time | {"latest": "2026-11-21T16:10:00.000+08:00"})
    yield change("no milliseconds", "whole seconds", time=time | {"latest": "2026-11-21T08:10:00Z"})
    yield change(
        "line feed after time", "an instant that ends in a line feed", time=time | {"latest": time["latest"] + "\n"}
    )
    yield change("unknown time source", "a source nobody knows", time=time | {"source": "gps"})
    yield change("interrupted with a document", "the document was kept", 9, document=hand.DOCUMENT)


def form_of_jws() -> Iterator[Vector]:
    token = BASE[2]
    head, payload, _ = token.split(".")

    def header(name: str, by_hand: str, text: bytes, **how: Any) -> Vector:
        made = hand.jws(text, hand.unb64(payload), how.get("sign", lambda data: hand.es256(hand.UNIT_KEY, data)))
        return then(f"jws: {name}", by_hand, 2, made, 1)

    named: Payload = json.loads(hand.unb64(head))
    nothing = {"sign": lambda _: b""}
    yield header("alg none", "alg none and no signature", text_of(named | {"alg": "none"}), **nothing)
    yield header("alg None", "the same, other case", text_of(named | {"alg": "None"}), **nothing)
    yield header("alg none, signed", "alg none, the signature kept", text_of(named | {"alg": "none"}))
    public = hand.pem(hand.UNIT_KEY)
    secret = {"sign": lambda data: hmac.digest(public, data, "sha256")}
    yield header("alg HS256", "the public key's PEM as HMAC secret", text_of(named | {"alg": "HS256"}), **secret)
    yield header("alg ES384", "another algorithm named", text_of(named | {"alg": "ES384"}))
    yield header("alg es256", "lower case", text_of(named | {"alg": "es256"}))
    extras: dict[str, Any] = {
        "crit": ["exp"],
        "jwk": hand.jwk(hand.UNIT_KEY),
        "b64": False,
        "jku": "https://example.org/keys",
        "x5u": "https://example.org/unit.pem",
        "x5c": [b64(hand.der(hand.certificate()))],
        "cty": "json",
        "exp": 0,
        "": "",
    }
    for name, value in extras.items():
        yield header(f"header with {name or 'an empty name'}", "one name too many", text_of(named | {name: value}))
    both = named | {"crit": ["b64"], "b64": False}
    yield header("header with crit and b64", "RFC 7797: payload not encoded", text_of(both))
    for name in named:
        left = {key: value for key, value in named.items() if key != name}
        yield header(f"header without {name}", "one name too few", text_of(left))
        yield header(f"{name} is no text", "a list", text_of(named | {name: [named[name]]}))
    twice = b'{"alg":"none",' + hand.unb64(head)[1:]
    yield header("alg twice", "none first, ES256 last", twice)
    yield header("alg twice, other order", "ES256 first, none last", hand.unb64(head)[:-1] + b',"alg":"none"}')
    yield header("header is a list", "no object", text_of([named]))
    yield header("header deep", "5000 objects in one another", b'{"alg":' * 5000)
    yield header("typ of a receipt", "typ vernix-receipt+jws", text_of(named | {"typ": "vernix-receipt+jws"}))
    yield header("typ in capitals", "other case", text_of(named | {"typ": "VERNIX-RECORD+JWS"}))
    yield header("typ with application/", "the long form", text_of(named | {"typ": "application/vernix-record+jws"}))
    yield header("kid no thumbprint", "a path", text_of(named | {"kid": "../../etc/key"}))
    yield header("kid with line feed", "a line feed after it", text_of(named | {"kid": named["kid"] + "\n"}))
    yield from spellings()


def spellings() -> Iterator[Vector]:
    token = BASE[2]
    head, payload, signature = token.split(".")

    def spelt(name: str, by_hand: str, made: str) -> Vector:
        return then(f"jws: {name}", by_hand, 2, made, 1)

    yield spelt("two parts", "no signature part", f"{head}.{payload}")
    yield spelt("four parts", "one part more", f"{token}.")
    yield spelt("five parts", "as a compact JWE", f"{token}.AA.AA")
    yield spelt("detached", "no payload (RFC 7515 appendix F)", f"{head}..{signature}")
    yield spelt("empty", "nothing at all", "")
    yield spelt(
        "JSON serialisation",
        "the flattened form",
        text_of({"protected": head, "payload": payload, "signature": signature}).decode(),
    )
    yield spelt("padding", "= after the signature", f"{token}==")
    yield spelt(
        "unused bits", "the signature's last character with other unused bits", token[:-1] + other_spelling(token[-1])
    )
    yield spelt("line feed", "a line feed after it", f"{token}\n")
    yield spelt("space", "a space in the payload", f"{head}.{payload[:40]} {payload[40:]}.{signature}")
    yield spelt(
        "standard alphabet", "+ for - and / for _", f"{head}.{payload}.{signature.replace('-', '+').replace('_', '/')}"
    )
    yield spelt("other letters", "a Greek alpha for an A", f"{head}.{payload}.\u0391{signature[1:]}")


def other_spelling(letter: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(letter) ^ 1]


def signatures() -> Iterator[Vector]:
    token = BASE[2]
    head, payload, _ = token.split(".")
    r, s = hand.pair(hand.UNIT_KEY, f"{head}.{payload}".encode())

    def with_signature(name: str, by_hand: str, signature: bytes) -> Vector:
        return then(f"signature: {name}", by_hand, 2, f"{head}.{payload}.{b64(signature)}", 3)

    yield with_signature("twin", "(r, n - s) for (r, s): holds in any ECDSA library", hand.raw(r, N - s))
    yield with_signature("zero", "r = s = 0", bytes(64))
    yield with_signature("order", "r = s = n", hand.raw(N, N))
    yield with_signature("r beyond the order", "r + n would need more bytes; all bits set", b"\xff" * 64)
    yield with_signature("empty", "no signature", b"")
    yield with_signature("short", "63 bytes", hand.raw(r, s)[:63])
    yield with_signature("long", "65 bytes", b"\0" + hand.raw(r, s))
    yield with_signature("DER", "the ASN.1 form", encode_dss_signature(r, s))
    other = hand.unb64(BASE[3].split(".")[2])
    yield with_signature("of another record", "the next record's signature", other)
    text = text_of(payload_of(token))
    head_of_unit = hand.header(hand.UNIT_KEY)
    yield then("signature: unknown key", "a stranger's key and kid", 2, signed(text, hand.STRANGER), 3)
    yield then(
        "signature: kid confusion", "a stranger's key, the unit's kid", 2, signed(text, hand.STRANGER, head_of_unit), 3
    )
    swapped = signed(text, hand.UNIT_KEY, hand.header(hand.STRANGER))
    yield then("signature: foreign kid", "the unit's key, a stranger's kid", 2, swapped, 3)
    yield then("signature: the authority's", "signed by the authority", 2, signed(text, hand.AUTHORITY), 3)
    event = after(BASE[11], hand.fields(105, kind="event", event={"type": "start"}))
    announced = signed(text_of(event), hand.NEXT_KEY)
    yield then(
        "signature: announced key",
        "by the unit's next key, before the key record brings it into force",
        12,
        announced,
        3,
    )
    late = "2036-12-31T00:00:00.000Z"
    event["time"] = {"earliest": late, "latest": late, "source": "network"}
    yield then("signature: certificate expired", "a record of the year 2036", 12, signed(text_of(event)), 3)
    changed = edited(3, '"no_match"', '"match"').split(".")[1]
    head, _, signature = BASE[3].split(".")
    tokens = [*BASE[:3], f"{head}.{changed}.{signature}", *BASE[4:]]
    yield vector("changed byte", "no_match made match, the signature kept", tokens, [(3, 4), (4, 5)])
    bit = chr(ord(signature[0]) ^ 1)
    tokens = [*BASE[:3], f"{BASE[3][: -len(signature)]}{bit}{signature[1:]}", *BASE[4:]]
    yield vector("changed bit in a signature", "one bit", tokens, [(3, 4), (4, 5)])


def chains() -> Iterator[Vector]:
    yield vector("missing record", "seq 6 left out", [*BASE[:5], *BASE[6:]], [(4, 6)])
    yield vector("two missing records", "seq 6 and 9 left out", [*BASE[:5], *BASE[6:8], *BASE[9:]], [(4, 6), (4, 8)])
    yield vector(
        "truncated tail", "the last two left out; the unit had signed the head", BASE[:-2], [(8, 0)], head=LAST
    )
    event = hand.fields(12, kind="event", event={"type": "another"})
    fork = signed(text_of(after(BASE[1], event)))
    yield vector("forked chain", "a second seq 3 beside the first", [*BASE[:3], fork, *BASE[3:]], [(4, 4)])
    branch = signed(text_of(after(fork, hand.fields(13, kind="event", event={"type": "more"}))))
    yield vector(
        "forked chain, two long", "two records on the side branch", [*BASE[:3], fork, branch], [(4, 4), (4, 5)]
    )
    yield vector("another tail", "the unit signed another head of the same number", [*BASE[:2], fork], [(8, 0)], head=3)
    yield vector("replay", "seq 2 twice", [*BASE[:2], BASE[1], *BASE[2:]], [(4, 3)])
    yield vector("replay of a check", "seq 3 twice", [*BASE[:3], BASE[2], *BASE[3:]], [(4, 4), (7, 4)])
    yield vector(
        "exchanged", "seq 5 and 6 change places", [*BASE[:4], BASE[5], BASE[4], *BASE[6:]], [(4, 5), (4, 6), (6, 6)]
    )
    renumbered = remade(6, lambda payload: payload | {"seq": 6, "prev": sha256(BASE[4].encode())})
    yield vector(
        "renumbered", "seq 6 left out, the next made to follow seq 5", [*BASE[:5], renumbered, *BASE[7:]], [(4, 7)]
    )
    skip = remade(5, lambda payload: payload | {"seq": 9007199254740991})
    yield then("far ahead", "seq 2^53 - 1", 5, skip, 4)
    unlinked = remade(5, lambda payload: payload | {"prev": "0" * 64})
    yield then("unlinked", "prev is all zero", 5, unlinked, 4)


def orders() -> Iterator[Vector]:
    def change(name: str, by_hand: str, step: int, count: int, **values: Any) -> Vector:
        return then(name, by_hand, count, remade(count, lambda payload: payload | values), step)

    yield change("wrong unit", "the unit's key, another unit's name", 5, 4, unit="test-unit-2")
    yield change("wrong site", "the unit's key, another site's name", 5, 4, site="other-site")
    yield change("boot counter falls", "boot 1 after boot 2", 6, 10, boot=1)
    before = {"earliest": hand.instant(0), "latest": hand.instant(1), "source": "clock"}
    yield change("time backwards", "ends before an earlier record began", 6, 5, time=before)
    inverted = {"earliest": hand.instant(51), "latest": hand.instant(50), "source": "clock"}
    yield change("interval backwards", "latest before earliest", 6, 5, time=inverted)
    more = signed(text_of(after(BASE[-1], hand.fields(130, kind="event", event={"type": "start"}))), hand.NEXT_KEY)
    yield then("after retirement", "an event follows the retire record", LAST, more, 6)
    again = {"check": hand.check_id(3), **hand.decided(3, "unable")}
    yield change("second check record", "another record of the check of seq 3", 7, 5, **again)
    digest = {number: sha256(BASE[number - 1].encode()) for number in (2, 3, 8)}
    for name, by_hand, target in (
        ("addendum to a missing record", "refers to seq 500", {"seq": 500, "sha256": "0" * 64}),
        ("addendum to a later record", "refers to a seq that comes later", {"seq": 12, "sha256": "0" * 64}),
        ("addendum to itself", "refers to its own seq", {"seq": 11, "sha256": "0" * 64}),
        ("addendum by a wrong hash", "refers to seq 3 by another hash", {"seq": 3, "sha256": digest[8]}),
        ("addendum by a wrong number", "refers to seq 8 by the hash of seq 3", {"seq": 8, "sha256": digest[3]}),
        (
            "addendum to another check",
            "names check 3, refers to the record of check 8",
            {"seq": 8, "sha256": digest[8]},
        ),
        ("addendum to an event", "refers to a record of no check", {"seq": 2, "sha256": digest[2]}),
    ):
        yield change(name, by_hand, 7, 10, refers_to=target)
    by = {"check": hand.check_id(8), "seq": 8, "sha256": digest[8]}
    settled = remade(10, lambda payload: payload | {"settled_by": by})
    yield then("sound, settled", "nothing: a debt settled by the check of seq 8", 10, settled)
    for name, by_hand, changed in (
        ("settled by a missing record", "settled_by seq 500", {"seq": 500}),
        ("settled by a wrong hash", "seq 8 by the hash of seq 3", {"sha256": digest[3]}),
        ("settled by another check", "the record of check 8 as that of check 3", {"check": hand.check_id(3)}),
    ):
        yield change(name, by_hand, 7, 10, settled_by=by | changed)
    yield change("settled by nothing", "settled_by without a hash", 1, 10, settled_by={"check": by["check"], "seq": 8})
    yield change("accounts for nothing", "accounts is false", 1, 10, accounts=False)


def sound() -> Iterator[Vector]:
    yield vector("sound", "nothing: every kind and outcome", BASE, [], head=LAST)
    yield vector("sound, head behind", "nothing; more records than the signed head knows", BASE, [], head=4)
    yield vector("sound, birth only", "nothing; a new unit", BASE[:1], [], head=1)
    yield vector("sound, no head", "records left out at the end: without a signed head nobody can tell", BASE[:4], [])
    spaced = signed(json.dumps(payload_of(BASE[1]), indent=1).encode())
    yield vector("sound, other spelling", "the payload with spaces: the signed bytes count", [BASE[0], spaced], [])
    more = signed(text_of(payload_of(BASE[1]) | {"later_name": {"a": [1.5, None, True]}}))
    yield vector("sound, unknown name", "a name that a later version may add", [BASE[0], more], [])


def write(name: str, value: dict[str, Any]) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)
    (FOLDER / name).write_text(text + "\n", encoding="utf-8")


def records() -> dict[str, Any]:
    groups = (
        *(sound, form_of_json, form_of_payload, form_of_jws, origins, certificates, signatures, chains, orders),
        *(decisions, rotations, revoked_keys, replacements, healths),
    )
    return {
        "note": "TEST ONLY: every key is derived from public words (by_hand.py). Made by build.py, not by evidence/.",
        "read": "A number in tokens (and predecessor) is a place in base, from 0. revocations, predecessor, health:"
        " what the verifier has besides. findings: [step of evidence/verify.py, place from 1]."
        " revocation_lists: bad ones.",
        "authority": b64(hand.der(hand.authority())),
        "base": BASE,
        "vectors": [made for group in groups for made in group()],
        "revocation_lists": list(revocation_lists()),
    }


def main() -> None:
    write("records.json", records())
    write("envelopes.json", envelopes(BASE[2]))
    write("downlinks.json", downlinks())


if __name__ == "__main__":
    main()
