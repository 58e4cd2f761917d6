"""Rotation: a unit's next record key comes into force by a record that both keys have signed.

A ``key`` record is a record of the chain, signed by the key in force. In ``key`` it holds the new key's certificate and
``proof``, a JWS by the new key over the place of this very record: unit, site, ``seq`` and ``prev``. So the old key
hands over, the new key takes over at this place and no other, and the authority's certificate says that both are this
unit's. From the next record on only the new key signs.

Whoever steals the old key cannot rotate to a key of his own: the authority would have to certify it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography import x509

from evidence import chain, jws
from evidence.certificates import to_der
from evidence.chain import Head
from evidence.encoding import b64url_encode, json_bytes
from evidence.errors import SignatureError
from evidence.keys import PublicKey, Signer
from evidence.record import Kind, Record

TYPE = "vernix-key-proof+jws"


def _place(unit: str, site: str, seq: int, prev: str) -> bytes:
    return json_bytes({"v": 1, "unit": unit, "site": site, "seq": seq, "prev": prev})


def seal_rotation(
    fields: Mapping[str, Any], head: Head, old: Signer, new: Signer, certificate: x509.Certificate
) -> Record:
    """The key record that follows ``head`` and brings ``new`` into force.

    Args:
        fields: what every record has (``unit``, ``site``, ``boot``, ``time``, ``software``), and ``reason``.
        certificate: the authority's, for ``new``.

    Raises:
        MalformedError: the payload would break the schema.
        KeyUnusableError: one of the two keys cannot sign.
    """
    place = _place(fields["unit"], fields["site"], head.seq + 1, head.sha256)
    key = {
        "kid": new.kid,
        "protection": new.protection,
        "certificate": b64url_encode(to_der(certificate)),
        "proof": jws.sign(place, new, TYPE),
    }
    return chain.seal({**fields, "kind": str(Kind.KEY), "key": key}, head, old)


def check_proof(item: Record, key: PublicKey) -> None:
    """Hold the proof in the key record ``item`` against the new ``key``.

    Raises:
        MalformedError: it is no JWS of this type.
        SignatureError: another key has signed it, or for another place.
    """
    payload = item.payload
    kid = payload["key"]["kid"]
    proof = jws.verify(payload["key"]["proof"], TYPE, lambda name: key if name == kid else None)
    if proof.payload != _place(payload["unit"], payload["site"], item.seq, item.prev):
        raise SignatureError("the new key has signed another place in a chain than the key record's")
