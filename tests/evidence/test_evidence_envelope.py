"""Envelopes: both recipients open them, nobody else, and only the one form is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from evidence import envelope
from evidence.encoding import MAX_BYTES, b64url_encode, sha256_hex
from evidence.errors import EvidenceError, MalformedError, SignatureError
from evidence.verify import read_record
from tests.vectors.evidence import build
from tests.vectors.evidence.envelopes import GATEWAY, RECOVERY, envelopes

KEYS = [GATEWAY.public_key(), RECOVERY.public_key()]
SEALED = json.loads(envelope.seal("a.b.c", KEYS))


@pytest.mark.parametrize("key", [GATEWAY, RECOVERY])
def test_each_recipient_opens_it(key: ec.EllipticCurvePrivateKey) -> None:
    attachments = [{"name": "signature", "data": b64url_encode(b"drawing")}]
    opened = envelope.open_envelope(envelope.seal("a.b.c", KEYS, attachments), key)
    assert opened.jws == "a.b.c"
    assert opened.attachments == tuple(attachments)
    assert "drawing" not in repr(opened)
    assert "a.b.c" not in repr(opened)


def test_nobody_else_opens_it() -> None:
    with pytest.raises(SignatureError, match="not for this key"):
        envelope.open_envelope(envelope.seal("a.b.c", KEYS), ec.generate_private_key(ec.SECP256R1()))


def test_nothing_can_be_read_in_it() -> None:
    sealed = envelope.seal("header.personal.signature", KEYS, [{"name": "portrait"}])
    assert b"personal" not in sealed
    assert b"portrait" not in sealed
    assert sealed != envelope.seal("header.personal.signature", KEYS, [{"name": "portrait"}])


@pytest.mark.parametrize("size", [50_000, 70_000, 400_000])
def test_a_picture_goes_in_and_comes_out(size: int) -> None:
    attachment = {"name": "picture", "data": b64url_encode(bytes(size))}
    assert envelope.open_envelope(envelope.seal("a.b.c", KEYS, [attachment]), RECOVERY).attachments == (attachment,)


def test_what_nobody_could_open_is_not_sealed() -> None:
    with pytest.raises(MalformedError, match="larger than"):
        envelope.seal("a.b.c", KEYS, [{"name": "film", "data": "A" * MAX_BYTES}])


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:rp1', max_size=60).map(str.encode))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        envelope.open_envelope(data, GATEWAY)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**53) | st.text("AQgw-_=", max_size=60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(below for key, item in items for below in _paths(item, (*path, key)))]


@given(st.sampled_from(_paths(SEALED)[1:]), VALUES)
def test_any_part_replaced_is_refused_or_not_ours(path: tuple[Any, ...], value: Any) -> None:
    changed = json.loads(json.dumps(SEALED))
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    try:
        opened = envelope.open_envelope(json.dumps(changed).encode(), GATEWAY)
    except EvidenceError:
        return
    assert path[:2] == ("recipients", 1)  # the other recipient's entry is the other's business
    assert opened.jws == "a.b.c"


def test_both_write_the_same_form() -> None:
    by_hand = envelopes("a.b.c")["sound"]["envelope"]
    assert SEALED.keys() == by_hand.keys()
    assert SEALED["protected"] == by_hand["protected"]
    assert SEALED["recipients"][0].keys() == by_hand["recipients"][0].keys()
    assert SEALED["recipients"][0]["header"].keys() == by_hand["recipients"][0]["header"].keys()


DRAWING = envelope.attachment("signature", b"a drawing")
SIGNED = read_record(build.BASE[10])


def test_attachments_are_those_that_the_record_names() -> None:
    assert SIGNED.payload["attachments"] == [{"name": "signature", "sha256": sha256_hex(b"a drawing")}]
    envelope.check_attachments(SIGNED, [DRAWING])
    envelope.check_attachments(read_record(build.BASE[2]), [])


@pytest.mark.parametrize(
    "attachments",
    [
        [],
        [DRAWING, DRAWING],
        [DRAWING, envelope.attachment("more", b"")],
        [envelope.attachment("signature", b"another drawing")],
        [envelope.attachment("portrait", b"a drawing")],
    ],
)
def test_other_attachments_are_refused(attachments: list[dict[str, Any]]) -> None:
    with pytest.raises(SignatureError, match="not those"):
        envelope.check_attachments(SIGNED, attachments)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"name": 1, "data": "AA"}, {"name": "signature"}, {"name": "signature", "data": 1}, DRAWING | {"data": "A="}],
)
def test_attachments_of_another_form_are_malformed(wrong: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        envelope.check_attachments(SIGNED, [wrong])
