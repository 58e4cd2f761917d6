"""Vectors about keys: handed over, revoked, replaced with the whole unit; and about what officers signed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.vectors.evidence import by_hand as hand
from tests.vectors.evidence.by_hand import Key, N, Payload, after, b64, payload_of, sha256, signed, text_of, unb64
from tests.vectors.evidence.vector import BASE, LAST, Step, Vector, remade, short, then, vector

KEY_SEQ = 13
"""Of the sound chain's key record; the records before it are signed by the first key, those after by the second."""
BEFORE = BASE[KEY_SEQ - 2]


def event(token: str, minute: float, owner: Key) -> str:
    return signed(text_of(after(token, hand.fields(minute, kind="event", event={"type": "start"}))), owner)


def key_record(owner: Key = hand.NEXT_KEY, **changes: Any) -> str:
    """The sound chain's key record with other values in ``key``."""
    payload = hand.rotation(BEFORE, hand.fields(100, kind="key", reason="moved"), owner)
    return signed(text_of(payload | {"key": payload["key"] | changes}))


def handed_over(name: str, by_hand: str, made: str, *steps: int) -> Vector:
    return then(f"rotation: {name}", by_hand, KEY_SEQ - 1, made, *steps)


def rotations() -> Iterator[Vector]:
    second = hand.rotation(BASE[13], hand.fields(112, kind="key", reason="compromised"), hand.THIRD_KEY)
    third = signed(text_of(second), hand.NEXT_KEY)
    yield vector(
        "sound, second rotation",
        "nothing; three keys one after the other",
        [*BASE[:14], third, event(third, 115, hand.THIRD_KEY)],
        [],
    )
    yield from _places()
    back = signed(text_of(hand.rotation(BASE[13], hand.fields(112, kind="key", reason="back"), hand.UNIT_KEY)))
    back_signed = signed(unb64(back.split(".")[1]), hand.NEXT_KEY)
    yield vector("rotation: back to the first key", "announced again", [*BASE[:14], back_signed], [(2, 15)])
    yield handed_over("to the same key", "announces the key in force", key_record(hand.UNIT_KEY), 2)
    yield from _proofs()
    yield from _certificates()


def _places() -> Iterator[Vector]:
    old = event(BASE[12], 105, hand.UNIT_KEY)
    yield vector("rotation: old key afterwards", "the old key signs the next record", [*BASE[:13], old], [(3, 14)])
    alone = signed(text_of(payload_of(BASE[12])), hand.NEXT_KEY)
    yield handed_over("new key alone", "the key record is signed by the new key", alone, 3)
    by_stranger = signed(text_of(payload_of(BASE[12])), hand.STRANGER, hand.header(hand.UNIT_KEY))
    yield handed_over("old key forged", "a stranger's signature under the old kid", by_stranger, 3)
    yield vector("rotation: replay", "the key record twice", [*BASE[:13], BASE[12]], [(2, 14), (4, 14)])
    other = signed(text_of(hand.rotation(BEFORE, hand.fields(100, kind="key", reason="x"), hand.THIRD_KEY)))
    yield vector("rotation: fork", "a second key record with the same seq", [*BASE[:13], other], [(2, 14), (4, 14)])
    fork = hand.fields(105, kind="event", event={"type": "start"}) | {"seq": 5, "prev": sha256(BASE[3].encode())}
    tokens = [*BASE[:13], signed(text_of(fork))]
    yield vector("rotation: fork before it", "the old key signs another seq 5 later", tokens, [(4, 14)])
    moved = remade(12, lambda payload: payload | {"seq": 14})
    yield handed_over("moved", "seq 14 instead of 13, the proof kept", moved, 2, 4)
    yield vector("rotation: left out", "the key record left out", [*BASE[:12], BASE[13]], [(3, 13)])


def _proofs() -> Iterator[Vector]:
    place = payload_of(BASE[12])
    head = hand.header(hand.NEXT_KEY, "vernix-key-proof+jws")

    def proof(name: str, by_hand: str, made: str) -> Vector:
        return handed_over(f"proof {name}", by_hand, key_record(proof=made), 2)

    without = payload_of(BASE[12])
    del without["key"]["proof"]
    yield handed_over("no proof", "left out", signed(text_of(without)), 1)
    yield proof("by the old key", "its own kid", hand.proof(place, hand.UNIT_KEY))
    yield proof("by the old key, new kid", "the new key's kid", hand.proof(place, hand.UNIT_KEY, head))
    yield proof("by a stranger, new kid", "the new key's kid", hand.proof(place, hand.STRANGER, head))
    for name, value in {"unit": "test-unit-2", "site": "other-site", "seq": 14, "prev": "0" * 64, "v": 2}.items():
        yield proof(f"for another {name}", str(value), hand.proof(place, hand.NEXT_KEY, **{name: value}))
    yield proof("with a name more", "x", hand.proof(place, hand.NEXT_KEY, x=1))
    yield proof("seq a float", "13.0", hand.proof(place, hand.NEXT_KEY, seq=13.0))
    named = {name: place[name] for name in ("prev", "seq", "site", "unit", "v")}
    spaced = signed(json.dumps(named, sort_keys=True).encode(), hand.NEXT_KEY, head)
    yield proof("with spaces", "another spelling of the same values", spaced)
    record_type = hand.proof(place, hand.NEXT_KEY, hand.header(hand.NEXT_KEY))
    yield proof("typ of a record", "vernix-record+jws", record_type)
    none = json.loads(head) | {"alg": "none"}
    sound = hand.proof(place, hand.NEXT_KEY)
    signing_input = f"{b64(text_of(none))}.{sound.split('.')[1]}."
    yield proof("alg none", "no signature", signing_input)
    r, s = hand.pair(hand.NEXT_KEY, sound.rpartition(".")[0].encode())
    yield proof("twin", "(r, n - s)", f"{sound.rpartition('.')[0]}.{b64(hand.raw(r, N - s))}")
    yield proof("no JWS", "text", "proof")
    yield proof("empty", "nothing", "")
    stays = key_record(proof=hand.proof(place, hand.UNIT_KEY))
    for name, owner, more in (("old", hand.UNIT_KEY, []), ("new", hand.NEXT_KEY, [(3, 14)])):
        tokens = [*BASE[:12], stays, event(stays, 105, owner)]
        findings: list[Step] = [(2, 13), *more]
        yield vector(f"rotation: without effect, {name} key next", "the proof is by the old key", tokens, findings)


def _certificates() -> Iterator[Vector]:
    def certified(name: str, by_hand: str, **how: Any) -> Vector:
        made = hand.certificate(**{"owner": hand.NEXT_KEY} | how)
        return handed_over(f"certificate {name}", by_hand, key_record(certificate=b64(hand.der(made))), 2)

    yield certified("of another authority", "of the same name", issuer=hand.OTHER_AUTHORITY)
    yield certified("by the old key", "the unit certifies its next key", issuer=hand.UNIT_KEY)
    yield certified("for TLS", "of the client profile", use=hand.CLIENT_USE)
    yield certified("of an authority", "may sign others", ca=True)
    yield certified("of another unit", "names another unit", common="test-unit-2")
    yield certified("of another site", "names another site", site="other-site")
    yield certified("of another key", "of a stranger's key", owner=hand.STRANGER)
    yield certified("expired", "expired before the key record", days=10)
    yield certified("not yet valid", "begins later", begin=hand.BEGIN + hand.dt.timedelta(days=40))
    yield handed_over("certificate junk", "no certificate", key_record(certificate=b64(b"junk")), 2)
    other = {"unit": "test-unit-2"}
    made = hand.certificate(hand.NEXT_KEY, common="test-unit-2")
    foreign = hand.rotation(BEFORE, hand.fields(100, kind="key", reason="moved") | other, hand.NEXT_KEY, made)
    yield handed_over("of another unit altogether", "record, certificate, proof", signed(text_of(foreign)), 2, 5)


def revoked_keys() -> Iterator[Vector]:
    def listed(name: str, by_hand: str, tokens: list[str], findings: list[Step], *entries: Payload) -> Vector:
        return vector(f"revoked: {name}", by_hand, tokens, findings, revocations=hand.revocations(list(entries)))

    def last(seq: int, digest: str = "") -> Payload:
        return {"seq": seq, "sha256": digest or sha256(BASE[seq - 1].encode())}

    after_ten: list[Step] = [(3, 11), (3, 12), (4, 13)]
    yield listed("nobody", "nothing; an empty list", BASE, [])
    yield listed("another key", "nothing; a stranger's key is revoked", BASE, [], hand.revoked(0, hand.STRANGER))
    yield listed("after its time", "nothing; the old key, after the last record it signed", BASE, [], hand.revoked(301))
    yield listed("in its time", "since minute 85; the key record holds", BASE, after_ten, hand.revoked(85))
    yield listed("at once", "since the very time of seq 4", BASE[:5], [(3, 4), (3, 5)], hand.revoked(20))
    yield listed("a moment later", "a millisecond after seq 4", BASE[:4], [], hand.revoked(20 + 1 / 60_000))
    yield listed("from birth", "before the birth record", BASE[:2], [(3, 1), (3, 2)], hand.revoked(-1))
    yield listed("the new key", "since minute 105", BASE, [(3, 14), (3, 15)], hand.revoked(105, hand.NEXT_KEY))
    both = [hand.revoked(85), hand.revoked(115, hand.NEXT_KEY)]
    yield listed("both keys", "each since its own time", BASE, [*after_ten, (3, 15)], *both)
    backdated = event(BASE[3], 14, hand.UNIT_KEY)
    yield listed(
        "backdated", "a later record with an earlier time", [*BASE[:4], backdated], [(3, 4), (3, 5)], hand.revoked(15)
    )
    yield listed("by place", "nothing; its last record decides, no clock", BASE, [], hand.revoked(0, last=last(13)))
    yield listed("by place, earlier", "seq 10 was the last", BASE, after_ten, hand.revoked(900, last=last(10)))
    forked = hand.revoked(900, last=last(10, "0" * 64))
    yield listed("by place, another record", "seq 10 was another one", BASE, [(3, 10), *after_ten], forked)


def revocation_lists() -> Iterator[Vector]:
    """Lists that must be refused: the error's class."""

    def bad(name: str, error: str, token: str) -> Vector:
        return {"name": name, "token": token, "error": error}

    entry = hand.revoked(85)
    typ = "vernix-revocations+jws"
    yield bad("another authority", "SignatureError", hand.revocations([entry], hand.OTHER_AUTHORITY))
    forged = hand.revocations([entry], hand.UNIT_KEY, hand.header(hand.AUTHORITY, typ))
    yield bad("signed by a unit under the authority's kid", "SignatureError", forged)
    yield bad("signed by the unit", "SignatureError", hand.revocations([entry], hand.UNIT_KEY))
    yield bad("another site", "SignatureError", hand.revocations([entry], site="other-site"))
    yield bad("typ of a record", "MalformedError", hand.revocations([entry], head=hand.header(hand.AUTHORITY)))
    yield bad("a key twice", "MalformedError", hand.revocations([entry, entry | {"reason": "lost"}]))
    yield bad("unknown reason", "MalformedError", hand.revocations([entry | {"reason": "because"}]))
    yield bad("no instant", "MalformedError", hand.revocations([entry | {"since": "2026-11-21"}]))
    yield bad("no kid", "MalformedError", hand.revocations([entry | {"kid": ""}]))
    yield bad("number 0", "MalformedError", hand.revocations([entry], number=0))
    yield bad("later version", "MalformedError", hand.revocations([entry], v=2))
    yield bad("last without hash", "MalformedError", hand.revocations([entry | {"last": {"seq": 3}}]))
    sound = hand.revocations([entry])
    none = b64(text_of({"alg": "none", "kid": hand.kid(hand.AUTHORITY), "typ": typ}))
    yield bad("alg none", "MalformedError", f"{none}.{sound.split('.')[1]}.")
    yield bad("changed", "SignatureError", f"{sound.split('.')[0]}.{b64(b'{}')}.{sound.split('.')[2]}")


def replacements() -> Iterator[Vector]:
    made = hand.certificate(hand.THIRD_KEY, common="test-unit-2")

    def born(name: str, by_hand: str, findings: list[Step], replaces: Payload | None, **more: Any) -> Vector:
        payload = hand.birth(made, unit="test-unit-2", key=hand.announced(hand.THIRD_KEY, made))
        payload |= {} if replaces is None else {"replaces": replaces}
        return vector(f"replacement: {name}", by_hand, [signed(text_of(payload), hand.THIRD_KEY)], findings, **more)

    old = {"predecessor": short(BASE)}
    head = {"unit": hand.UNIT, "seq": LAST, "sha256": sha256(BASE[-1].encode())}
    yield born("sound", "nothing; the old unit's last record is named", [], head, **old)
    yield born("sound, predecessor not at hand", "nothing can be said about it", [], head)
    yield born(
        "another hash", "the old unit's last record is another one", [(2, 1)], head | {"sha256": "0" * 64}, **old
    )
    earlier = {"unit": hand.UNIT, "seq": 12, "sha256": sha256(BASE[11].encode())}
    yield born("old unit went on", "it has made records after the one named", [(2, 1)], earlier, **old)
    yield born("another unit", "names a unit that is not the one at hand", [(2, 1)], head | {"unit": "u-3"}, **old)
    yield born("not said", "the birth record names no predecessor", [(2, 1)], None, **old)
    yield born("no unit", "a name with a slash", [(1, 1)], head | {"unit": "a/b"}, **old)


def decisions() -> Iterator[Vector]:
    """Of seq 6: outcome unable, decided by two."""

    def change(name: str, by_hand: str, *steps: int, **values: Any) -> Vector:
        made = remade(5, lambda payload: payload | values)
        return then(f"decision: {name}", by_hand, 5, made, *steps)

    def signed_as(made: Payload) -> Payload:
        return {"decision": made, "officers": [hand.officer("N001", made), hand.officer("N002", made)]}

    sound = payload_of(BASE[5])
    other = hand.decision(6, "unable", reason="another")
    without = {name: value for name, value in sound.items() if name != "decision"}
    yield then("decision: left out", "officers, but no decision", 5, signed(text_of(without)), 7)
    yield change("changed", "another reason, the officers' hashes kept", 7, decision=other)
    mixed = [hand.officer("N001", sound["decision"]), hand.officer("N002", other)]
    yield change("signed by one only", "the second officer signed another one", 7, officers=mixed)
    yield change("about another check", "check 7", 7, **signed_as(hand.decision(7, "unable")))
    yield change("another outcome", "decided manual, recorded unable", 7, **signed_as(hand.decision(6, "manual")))
    yield change("a name more", "x", 1, **signed_as(hand.decision(6, "unable", x=1)))
    yield change("no expiry", "an instant of another form", 1, **signed_as(hand.decision(6, "unable", expires="soon")))
    yield change(
        "nobody signed", "no officers, about another check", 7, officers=[], decision=hand.decision(7, "unable")
    )
    yield from _security_keys(sound, change)
    pending = hand.decision(10, "manual")
    half = remade(9, lambda payload: payload | {"decision": pending, "officers": [hand.officer("N001", pending)]})
    yield then("decision: sound, interrupted", "nothing; the second officer never signed", 9, half)
    explained = hand.decision(3, "emergency")
    both = {"decision": explained, "officers": [hand.officer("N001", explained)]}
    yield then("decision: sound, addendum", "nothing", 10, remade(10, lambda payload: payload | both))
    wrong = hand.decision(8, "emergency")
    both_wrong = {"decision": wrong, "officers": [hand.officer("N001", wrong)]}
    yield then("decision: addendum, another check", "8", 10, remade(10, lambda payload: payload | both_wrong), 7)


def _spellings(digest: str, signed_with: Callable[..., Vector]) -> Iterator[Vector]:
    """What a lenient reader takes for the same."""
    yield signed_with("a port", "nothing", origin="https://localhost:65535")
    for origin in ("https:localhost", "https://localhost:99999", "https://localhost@localhost", " https://localhost"):
        yield signed_with(f"origin {origin!r}", "not as a browser writes it", 7, origin=origin)
    yield signed_with("in a frame", "of another page", 7, said={"crossOrigin": True})
    yield signed_with("padded challenge", "= after it", 7, said={"challenge": b64(bytes.fromhex(digest)) + "="})
    yield signed_with("challenge NaN", "client data with NaN", 7, said={"x": float("nan")}, client=json.dumps)
    twice_typed = '{"type":"x",'
    yield signed_with("type twice", "in client data", 7, client=lambda said: twice_typed + json.dumps(said)[1:])
    yield signed_with("one byte more", "after authenticator data", 7, tail=b"x")
    yield signed_with("attested data announced", "flag AT and nothing behind it", 7, flags=0b01000101)
    yield signed_with("extensions", "flag ED and an empty map", 7, flags=0b10000101, tail=b"\xa0")


def _owners(sound: Payload, change: Callable[..., Vector], edited: Callable[..., Vector]) -> Iterator[Vector]:
    """Whose key it is, and where it is used."""
    first, second = sound["officers"]
    digest, owner = second["assertion"]["statement_sha256"], hand.key("security key of N002")
    for place in ("com", "com.cn", "github.io", "example.org"):
        said = {"origin": f"https://unit.{place}", "hashed": place}
        made = second["assertion"] | hand.security_key(digest, owner, **said) | {"rp_id": place}
        yield change(f"security key: at {place}", "elsewhere", 7, officers=[first, second | {"assertion": made}])
    letter = second["assertion"]["key"]["x"][-1]
    spelt = second["assertion"]["key"] | {"x": second["assertion"]["key"]["x"][:-1] + chr(ord(letter) + 1)}
    yield edited("key spelt otherwise", "unused bits of x's last letter", 7, key=spelt)
    for name, credential in {"one letter": "A", "spelt otherwise": "AB"}.items():
        yield edited(f"credential id {name}", "changed; it is not signed", 7, credential_id=credential)
    owned = [
        one | {"assertion": second["assertion"] | {"credential_id": b64(bytes([place]) * 16)}}
        for place, one in enumerate((first, second))
    ]
    yield change("security key: under two credential ids", "one key stands for both", 7, officers=owned)


def _security_keys(sound: Payload, change: Callable[..., Vector]) -> Iterator[Vector]:
    """The second officer of seq 6 signs with a security key."""
    first, second = sound["officers"]
    digest, owner = second["assertion"]["statement_sha256"], hand.key("security key of N002")

    def signed_with(name: str, by_hand: str, *steps: int, owner: hand.Key = owner, **changes: Any) -> Vector:
        made = second["assertion"] | hand.security_key(changes.pop("digest", digest), owner, **changes)
        return change(f"security key: {name}", by_hand, *steps, officers=[first, second | {"assertion": made}])

    def edited_assertion(name: str, by_hand: str, step: int, **values: Any) -> Vector:
        made = {**second["assertion"], **values}
        kept = {name: value for name, value in made.items() if value is not None}
        return change(f"security key: {name}", by_hand, step, officers=[first, second | {"assertion": kept}])

    yield signed_with("sound", "nothing")
    yield signed_with("another origin of the same place", "a host below localhost", origin="https://unit.localhost")
    yield signed_with("another statement", "the challenge is another statement's hash", 7, digest=sha256(b"another"))
    yield signed_with("another origin", "a page from elsewhere", 7, origin="https://example.org")
    yield signed_with("plain http", "a page of another host, not secure", 7, origin="http://example.localhost.org")
    yield signed_with("another place", "rpIdHash of another rp id", 7, hashed="example.org")
    yield signed_with("a registration", "type webauthn.create", 7, type="webauthn.create")
    yield signed_with("nobody verified", "user present, not verified", 7, flags=0b001)
    yield signed_with("nobody present", "user verified, not present", 7, flags=0b100)
    yield from _spellings(digest, signed_with)
    yield from _owners(sound, change, edited_assertion)
    another = hand.security_key(digest, hand.key("a stranger's security key"))
    yield edited_assertion("another key", "the key is not the one that signed", 7, key=another["key"])
    yield edited_assertion("another signature", "by a stranger", 7, signature=another["signature"])
    yield edited_assertion("another rp id", "example.org", 7, rp_id="example.org")
    yield edited_assertion(
        "no point of the curve", "x and y are equal", 7, key=second["assertion"]["key"] | {"y": "A" * 43}
    )
    for name in ("credential_id", "authenticator_data", "client_data", "signature", "rp_id", "key"):
        yield edited_assertion(f"no {name}", "left out", 1, **{name: None})
    twice = [second, second | {"id": "N003"}]
    yield change("security key: for two officers", "one key stands for both", 7, officers=twice)
    yield change(
        "one officer twice", "PIN and security key of the same", 7, officers=[first, second | {"id": first["id"]}]
    )
