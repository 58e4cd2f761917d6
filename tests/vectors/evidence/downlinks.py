"""What the gateway sends, sound and tampered with, and receipts for the wrong records; by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from tests.vectors.evidence import by_hand as hand
from tests.vectors.evidence.by_hand import Payload, sha256, signed, text_of

DIGESTS = {str(seq): sha256(f"record {seq}".encode()) for seq in range(1, 10)}
NOW = "2026-11-21T08:00:00.000Z"


def total(*numbers: int) -> str:
    return sha256(b"".join(bytes.fromhex(DIGESTS[str(number)]) for number in numbers))


def receipt(ranges: list[list[Any]], digest: str) -> Payload:
    return {"ranges": ranges, "sha256": digest}


SOUND = receipt([[1, 3], [7, 7]], total(1, 2, 3, 7))


def message(**more: Any) -> Payload:
    return {
        "v": 1,
        "site": hand.SITE,
        "unit": hand.UNIT,
        "channel": "receipt",
        "counter": 5,
        "issued": "2026-11-21T07:59:00.000Z",
        "expires": "2026-11-21T08:04:00.000Z",
        "body": SOUND,
    } | more


def _token(payload: Payload, owner: hand.Key = hand.GATEWAY, typ: str = "vernix-receipt+jws", **header: Any) -> str:
    return signed(text_of(payload), owner, hand.header(owner, typ, **header))


def _vector(name: str, step: int, token: str, **given: Any) -> dict[str, Any]:
    """``step`` of evidence/downlink.py that must refuse it; 0: accepted."""
    return {"name": name, "step": step, "token": token, "last_counter": 4, "now": NOW} | given


def _signed_wrong() -> Iterator[dict[str, Any]]:
    yield _vector("by a stranger", 1, _token(message(), hand.STRANGER))
    yield _vector("by the unit itself", 1, _token(message(), hand.UNIT_KEY))
    forged = signed(text_of(message()), hand.STRANGER, hand.header(hand.GATEWAY, "vernix-receipt+jws"))
    yield _vector("by a stranger under the gateway's kid", 1, forged)
    yield _vector("typ of a record", 1, _token(message(), typ="vernix-record+jws"))
    yield _vector("typ of a command", 1, _token(message(), typ="vernix-command+jws"))
    yield _vector("crit", 1, _token(message(), crit=["exp"], exp=0))
    yield _vector("not JSON", 1, signed(b"receipt", hand.GATEWAY, hand.header(hand.GATEWAY, "vernix-receipt+jws")))


def _malformed() -> Iterator[dict[str, Any]]:
    for name in message():
        left = {key: value for key, value in message().items() if key != name}
        yield _vector(f"no {name}", 1, _token(left))
    yield _vector("unknown name", 1, _token(message(force=True)))
    for counter in (0, -1, 5.0, True, "5", 2**53):
        yield _vector(f"counter {counter!r}", 1, _token(message(counter=counter)))
    yield _vector("version 1.0", 1, _token(message(v=1.0)))
    yield _vector("no such day", 1, _token(message(expires="2026-02-30T08:00:00.000Z")))
    yield _vector("no such day, clock not trusted", 1, _token(message(expires="2026-02-30T08:00:00.000Z")), now=None)
    yield _vector("channel record", 1, _token(message(channel="record")))
    for name, body in {
        "no ranges": {"sha256": "0" * 64},
        "empty ranges": receipt([], total()),
        "half a range": receipt([[1]], total(1)),
        "range of three": receipt([[1, 2, 3]], total(1, 2, 3)),
        "float in a range": receipt([[1.0, 3]], total(1, 2, 3)),
        "true in a range": receipt([[True, 3]], total(1, 2, 3)),
        "seq 0": receipt([[0, 3]], total(1, 2, 3)),
        "1001 ranges": receipt([[2 * n, 2 * n] for n in range(1, 1002)], total(1)),
        "hash in capitals": receipt([[1, 1]], total(1).upper()),
        "more than a receipt": SOUND | {"erase": True},
    }.items():
        yield _vector(f"receipt with {name}", 1, _token(message(body=body)))


def _not_for_us() -> Iterator[dict[str, Any]]:
    yield _vector("another unit", 2, _token(message(unit="test-unit-2")))
    yield _vector("another site", 2, _token(message(site="other-site")))
    yield _vector("another channel", 2, _token(message(channel="roster", body={"version": 1, "officers": []})))
    yield _vector("replayed counter", 3, _token(message()), last_counter=5)
    yield _vector("lower counter", 3, _token(message()), last_counter=6)
    yield _vector("replayed counter, clock not trusted", 3, _token(message()), last_counter=5, now=None)
    yield _vector("expired", 4, _token(message()), now="2026-11-21T08:04:00.001Z")
    yield _vector("sound", 0, _token(message()))
    yield _vector("sound at its last moment", 0, _token(message()), now="2026-11-21T08:04:00.000Z")
    yield _vector("sound, clock not trusted", 0, _token(message(expires="1970-01-01T00:00:00.000Z")), now=None)


def _receipts() -> Iterator[dict[str, Any]]:
    for name, error, body in (
        ("sound", None, SOUND),
        ("neighbouring ranges", None, receipt([[1, 3], [4, 5]], total(1, 2, 3, 4, 5))),
        ("overlapping ranges", "MalformedError", receipt([[1, 3], [3, 4]], total(1, 2, 3, 4))),
        ("the same range twice", "MalformedError", receipt([[1, 3], [1, 3]], total(1, 2, 3))),
        ("range inside another", "MalformedError", receipt([[1, 5], [2, 3]], total(1, 2, 3, 4, 5))),
        ("descending ranges", "MalformedError", receipt([[7, 7], [1, 3]], total(1, 2, 3, 7))),
        ("backward range", "MalformedError", receipt([[3, 1]], total(1, 2, 3))),
        ("one record more", "RefusedError", receipt([[1, 4], [7, 7]], total(1, 2, 3, 7))),
        ("one record fewer", "RefusedError", receipt([[1, 3]], total(1, 2, 3, 7))),
        ("other records", "RefusedError", receipt([[4, 6]], total(1, 2, 3))),
        ("other order", "RefusedError", receipt([[1, 3]], total(3, 2, 1))),
        (
            "hash of the hashes' text",
            "RefusedError",
            receipt([[1, 1]], hashlib.sha256(DIGESTS["1"].encode()).hexdigest()),
        ),
    ):
        yield {"name": name, "error": error, "body": body}


def downlinks() -> dict[str, Any]:
    return {
        "note": "TEST ONLY: every key is derived from public words (by_hand.py). Made by build.py, not by evidence/.",
        "read": "step: of evidence/downlink.py that must refuse the message; 0: it is accepted.",
        "gateway": hand.b64(hand.pem(hand.GATEWAY)),
        "site": hand.SITE,
        "unit": hand.UNIT,
        "vectors": [*_signed_wrong(), *_malformed(), *_not_for_us()],
        "digests": DIGESTS,
        "receipts": [*_receipts()],
    }
