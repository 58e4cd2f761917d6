"""Worklists: announced by the unit's record key, encrypted to it, opened by it alone; errors hold nobody's data."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from evidence import jws
from evidence.encoding import json_bytes
from evidence.errors import EvidenceError, MalformedError, SignatureError
from evidence.keys import KeySigner, plain_jwk
from evidence.topics import Address
from evidence.verify import Origin, read_origin
from evidence.worklist import TYPE, announce, open_sealed, read_announcement, seal
from tests.gateway.conftest import folder_in_memory
from tests.gateway.support import Hospital, Unit

KEY = ec.generate_private_key(ec.SECP256R1())
NAME, NUMBER = "示例产妇", "990000199003070521"
CONTENT: dict[str, Any] = {
    "v": 1,
    "entries": [
        {"visit": "V-1", "checkpoint": "delivery", "expected": {"name": NAME, "number": NUMBER}, "owed": ["admission"]},
        {"visit": "V-2"},
    ],
}


@pytest.fixture(scope="module")
def told() -> Any:
    with folder_in_memory() as folder:
        hospital = Hospital.make(folder)
        unit = hospital.unit()
        yield unit, read_origin(unit.birth(), hospital.authority)


def test_what_is_announced_is_read(told: tuple[Unit, Origin]) -> None:
    unit, origin = told
    token = announce(KEY.public_key(), unit.address, 3, unit.signer)
    assert plain_jwk(read_announcement(token, origin)) == plain_jwk(KEY.public_key())


def test_nobody_else_announces_a_key(told: tuple[Unit, Origin]) -> None:
    """Neither the broker's operator nor another unit: they would read who is expected."""
    unit, origin = told
    stranger = KeySigner(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(SignatureError, match="unknown key"):
        read_announcement(announce(KEY.public_key(), unit.address, 3, stranger), origin)
    other = announce(KEY.public_key(), Address(unit.address.site, "other"), 3, unit.signer)
    with pytest.raises(SignatureError, match="another unit"):
        read_announcement(other, origin)
    said = {"v": 1, "site": origin.site, "unit": origin.unit, "boot": 1, "key": plain_jwk(KEY.public_key())}
    nowhere = {**said, "key": plain_jwk(KEY.public_key()) | {"y": "A" * 43}}
    for wrong in (nowhere, said | {"v": 2}, said | {"more": 1}, said | {"key": {}}):
        with pytest.raises(MalformedError):
            read_announcement(jws.sign(json_bytes(wrong), unit.signer, TYPE), origin)
    with pytest.raises(MalformedError, match="typ"):
        read_announcement(jws.sign(json_bytes(said), unit.signer, "vernix-health+jws"), origin)


def test_sealed_is_opened_by_the_key_alone() -> None:
    body = seal(CONTENT, KEY.public_key())
    assert open_sealed(body, KEY) == CONTENT["entries"]
    assert NAME not in str(body)
    with pytest.raises(SignatureError, match="started since"):
        open_sealed(body, ec.generate_private_key(ec.SECP256R1()))


def test_every_part_counts() -> None:
    body = seal(CONTENT, KEY.public_key())
    parts = body["jwe"].split(".")
    for place in range(len(parts)):
        letter = "A" if parts[place][9] != "A" else "B"
        changed = parts[place][:9] + letter + parts[place][10:]
        harmed = ".".join([*parts[:place], changed, *parts[place + 1 :]])
        with pytest.raises(EvidenceError):
            open_sealed(body | {"jwe": harmed}, KEY)


ENTRY = CONTENT["entries"][0]


@pytest.mark.parametrize(
    "content",
    [
        {"v": 2, "entries": []},
        {"v": 1},
        {"v": 1, "entries": [{}]},
        {"v": 1, "entries": [ENTRY | {"visit": ""}]},
        {"v": 1, "entries": [ENTRY | {"expected": {"name": NAME, "address": NUMBER}}]},
        {"v": 1, "entries": [ENTRY | {"expected": {"number": int(NUMBER)}}]},
        {"v": 1, "entries": [ENTRY | {"owed": NAME}]},
        {"v": 1, "entries": [{"visit": "V"}] * 1001},
    ],
)
def test_a_worklist_that_is_none_is_not_sent_and_nobody_is_named(content: dict[str, Any]) -> None:
    with pytest.raises(MalformedError) as refused:
        seal(content, KEY.public_key())
    assert NAME not in str(refused.value)
    assert NUMBER not in str(refused.value)
