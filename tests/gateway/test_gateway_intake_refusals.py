"""What cannot be believed: it goes to quarantine, takes no record's place, and nothing true is lost by it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence import envelope, jws
from evidence.encoding import MAX_BYTES, sha256_hex
from evidence.keys import generate_key, open_signer
from evidence.record import TYPE
from evidence.topics import Address, Channel
from gateway.aside import Message
from tests.gateway.conftest import Desk
from tests.gateway.support import Hospital, Unit, digests


def refused(desk: Desk, message: Message, reason: str) -> None:
    """``message`` is receipted by nobody and kept for ``reason``."""
    before = desk.store.rows()
    assert desk.take(message) == {}
    assert desk.store.rows() == before
    assert reason in desk.reasons()[-1]


def test_fork_of_a_verified_record(desk: Desk, unit: Unit) -> None:
    records = unit.grow(3)
    desk.take(*[unit.message(record) for record in records])
    refused(desk, unit.message(unit.twin(2)), "seq 2 is here already as another record: the chain is forked")
    assert desk.store.digest("u1", 2) == records[1].sha256
    assert desk.take(unit.message(unit.event())) == digests(unit.records[-1:])


def test_fork_above_a_hole_gives_way_to_the_chain(desk: Desk, unit: Unit) -> None:
    """The unit signed two records 3; that which the chain goes on with is the true one, whichever came first."""
    records = unit.grow(4)
    twin = unit.make(head=type(unit.head)(2, "0" * 64), kind="event", event={"type": "twin"})
    true = unit.message(records[2])
    desk.take(unit.message(records[0]), unit.message(twin))
    refused(desk, true, "seq 3 is here already as another record")
    assert desk.take(unit.message(records[1])) == digests(records[1:2])
    assert "seq 3: seq 3 is linked to another record than seq 2" in desk.reasons()
    assert desk.take(true, unit.message(records[3])) == digests(records[2:])
    # What is believed now is no longer kept apart; the false one is, and nothing of either is lost.
    assert desk.reasons() == ["seq 3: seq 3 is linked to another record than seq 2"]
    assert [row.sha256 for row in desk.store.rows()] == [record.sha256 for record in records]


def test_of_another_unit(desk: Desk, hospital: Hospital, unit: Unit) -> None:
    other = hospital.unit("u2")
    for one in (unit, other):
        one.grow(2)
        desk.take(one.message(one.records[0]))
    stolen = Message(unit.address, Channel.RECORD, other.sealed(other.records[1]))
    refused(desk, stolen, "the record names another unit or site than its topic")
    assert desk.take(unit.message(unit.records[1])) == digests(unit.records[1:])


def test_signed_by_another_unit_of_the_site(desk: Desk, hospital: Hospital, unit: Unit) -> None:
    unit.grow(2)
    desk.take(*[unit.message(record) for record in unit.records])
    forged = unit.make(signer=hospital.unit("u2").signer, kind="event", event={"type": "start"})
    refused(desk, unit.message(forged), "signed by an unknown key")


def test_from_another_site(desk: Desk, unit: Unit) -> None:
    record = unit.grow(1)[0]
    refused(desk, Message(Address("s2", "u1"), Channel.RECORD, unit.sealed(record)), "another site")
    assert desk.take(unit.message(record)) == digests([record])


def test_record_that_names_another_site(desk: Desk, unit: Unit) -> None:
    unit.grow(1)
    desk.take(unit.message(unit.records[0]))
    refused(desk, unit.message(unit.make(site="s2", kind="event", event={"type": "start"})), "another unit or site")


def test_birth_by_a_foreign_authority(desk: Desk, hospital: Hospital, stranger: Hospital) -> None:
    false, true = hospital.unit("u1", vouched_by=stranger), hospital.unit("u1")
    refused(desk, false.message(false.birth()), "not issued by this site's authority")
    assert desk.head(true) is None
    assert desk.take(true.message(true.birth())) == digests(true.records)


def test_birth_with_the_certificate_of_another_unit(desk: Desk, hospital: Hospital) -> None:
    false = hospital.unit("u1", says="u2")
    refused(desk, false.message(false.birth()), "the certificate names another unit or site")


def test_second_birth(desk: Desk, hospital: Hospital, unit: Unit) -> None:
    unit.grow(2)
    desk.take(*[unit.message(record) for record in unit.records])
    again = hospital.unit("u1")
    refused(desk, again.message(again.birth()), "signed by an unknown key")
    assert desk.head(unit) == unit.head


def test_birth_record_that_its_key_did_not_sign(desk: Desk, hospital: Hospital, unit: Unit) -> None:
    birth = unit.birth()
    forged = unit.make(
        signer=hospital.unit("u2").signer, head=type(unit.head)(0, birth.prev), kind="birth", key=birth.payload["key"]
    )
    refused(desk, unit.message(forged), "signed by an unknown key")
    assert desk.head(unit) is None
    assert desk.take(unit.message(birth)) == digests([birth])


def test_forged_records_before_the_birth_record_keep_nothing_out(desk: Desk, hospital: Hospital, unit: Unit) -> None:
    """The attacker has the TLS certificate of a unit, not its record key, and is quicker than the unit."""
    forger = hospital.unit("u2").signer
    records = unit.grow(5)
    false = [unit.twin(seq, signer=forger) for seq in (2, 3, 5)]
    assert desk.take(*[unit.message(record) for record in false]) == {}
    assert desk.take(unit.message(records[3]), unit.message(records[1])) == {}
    assert desk.take(unit.message(records[0])) == digests(records[:2])
    assert desk.take(unit.message(records[2]), unit.message(records[4])) == digests(records[2:])
    assert desk.store.chained_jws("u1") == [record.jws for record in records]
    assert len(desk.store.rows()) == 5
    # Kept apart for good: one was no successor, the two above the hole might have had their key in the hole.
    assert ["signed by an unknown key" in reason for reason in desk.reasons()] == [True]
    assert desk.waiting() == 2


def test_forged_alert_before_the_birth_record_alarms_nobody(
    desk: Desk, hospital: Hospital, unit: Unit, caplog: pytest.LogCaptureFixture
) -> None:
    unit.grow(2)
    desk.take(unit.message(unit.twin(2, signer=hospital.unit("u2").signer), Channel.ALERT))
    desk.take(unit.message(unit.records[0]))
    assert not [line for line in caplog.messages if line.startswith("alert")]
    assert [row.alert for row in desk.store.rows()] == [False]


def test_envelope_for_somebody_else(desk: Desk, stranger: Hospital, unit: Unit) -> None:
    unit.grow(1)
    sealed = envelope.seal(unit.records[0].jws, [stranger.key.public_key()])
    refused(desk, Message(unit.address, Channel.RECORD, sealed), "the envelope is not for this key")


def changed(sealed: bytes, name: str) -> bytes:
    parts = json.loads(sealed)
    text = parts[name]
    parts[name] = ("B" if text[0] != "B" else "C") + text[1:]
    return json.dumps(parts).encode()


@pytest.mark.parametrize("name", ["ciphertext", "tag", "iv", "protected"])
def test_envelope_that_was_changed(desk: Desk, unit: Unit, name: str) -> None:
    unit.grow(1)
    sealed = unit.sealed(unit.records[0])
    desk.take(Message(unit.address, Channel.RECORD, changed(sealed, name)))
    assert desk.store.rows() == []
    assert len(desk.reasons()) == 1
    assert desk.take(Message(unit.address, Channel.RECORD, sealed)) == digests(unit.records)


def test_attachment_that_the_record_does_not_name(desk: Desk, unit: Unit) -> None:
    """Whoever knows the gateway's public key can seal a true record with a picture of somebody else."""
    record = unit.grow(1)[0]
    sealed = unit.sealed(record, [envelope.attachment("portrait", b"another face")])
    refused(desk, Message(unit.address, Channel.RECORD, sealed), "attachments")
    assert desk.take(unit.message(record)) == digests([record])


def test_attachment_comes_with_its_record(desk: Desk, unit: Unit) -> None:
    unit.grow(1)
    named = [{"name": "drawing", "media_type": "image/png", "sha256": sha256_hex(b"lines")}]
    record = unit.event(attachments=named)
    desk.take(unit.message(unit.records[0]))
    refused(desk, unit.message(record), "attachments")
    sealed = unit.sealed(record, [envelope.attachment("drawing", b"lines")])
    assert desk.take(Message(unit.address, Channel.RECORD, sealed)) == digests([record])


class Spelt:
    """Signs any payload, however it is spelt."""

    def __init__(self, desk: Desk, unit: Unit) -> None:
        self.desk, self.unit = desk, unit
        desk.take(unit.message(unit.birth()))

    def refused(self, payload: bytes, reason: str, typ: str = TYPE) -> None:
        token = jws.sign(payload, self.unit.signer, typ)
        sealed = envelope.seal(token, self.unit.recipients)
        refused(self.desk, Message(self.unit.address, Channel.RECORD, sealed), reason)


@pytest.fixture
def spelt(desk: Desk, unit: Unit) -> Spelt:
    return Spelt(desk, unit)


def good(unit: Unit) -> dict[str, Any]:
    return dict(unit.make(kind="event", event={"type": "start"}).payload)


PAYLOADS: dict[str, tuple[Callable[[dict[str, Any]], bytes], str]] = {
    "name_twice": (lambda good: json.dumps(good).encode()[:-1] + b',"seq":2}', "occurs twice"),
    "unknown_kind": (lambda good: json.dumps(good | {"kind": "wish"}).encode(), "kind"),
    "huge_seq": (lambda good: json.dumps(good | {"seq": 10**30}).encode(), "beyond 2^53"),
    "seq_as_text": (lambda good: json.dumps(good | {"seq": "2"}).encode(), "seq"),
    "seq_zero": (lambda good: json.dumps(good | {"seq": 0}).encode(), "seq"),
    "not_a_number": (lambda good: json.dumps(good | {"boot": float("nan")}).encode(), "NaN"),
    "surrogate": (lambda good: json.dumps(good | {"event": {"type": "\ud800"}}).encode(), "surrogate"),
    "deep": (lambda _good: b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested"),
    "not_utf8": (lambda _good: b"\xff\xfe", "UTF-8"),
    "list": (lambda _good: b"[]", "not an object"),
    "empty": (lambda _good: b"", "not JSON"),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_signed_payload_that_is_no_record(spelt: Spelt, unit: Unit, name: str) -> None:
    make, reason = PAYLOADS[name]
    spelt.refused(make(good(unit)), reason)


def test_signed_message_of_another_type(spelt: Spelt, unit: Unit) -> None:
    spelt.refused(json.dumps(good(unit)).encode(), "typ must be", typ="vernix-receipt+jws")


GARBAGE = {
    "nothing": b"",
    "zeros": bytes(4096),
    "text": b"hello",
    "jws": b"a.b.c",
    "list": b"[]",
    "empty_object": b"{}",
    "deep": b"[" * 100_000,
    "envelope_of_nothing": b'{"protected":"","recipients":[],"iv":"","ciphertext":"","tag":""}',
    "too_long": b" " * (MAX_BYTES + 1),
}


@pytest.mark.parametrize("channel", [Channel.RECORD, Channel.ALERT])
@pytest.mark.parametrize("name", GARBAGE)
def test_garbage(desk: Desk, unit: Unit, name: str, channel: Channel) -> None:
    desk.take(unit.message(unit.birth()))
    assert desk.take(Message(unit.address, channel, GARBAGE[name])) == {}
    assert len(desk.reasons()) == 1
    assert desk.take(unit.message(unit.event())) == digests(unit.records[1:])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_signed_payload_is_stored_or_quarantined(desk: Desk, unit: Unit, data: st.DataObject) -> None:
    """A record whose fields are anything, signed by a true unit: no error but a named one ever comes out."""
    if not unit.records:
        desk.take(unit.message(unit.birth()))
    payload = good(unit)
    for name in data.draw(st.lists(st.sampled_from([*payload, "new"]), min_size=1, max_size=3)):
        payload[name] = data.draw(JSON)
    token = jws.sign(json.dumps(payload).encode(), unit.signer, TYPE)
    desk.take(Message(unit.address, Channel.RECORD, envelope.seal(token, unit.recipients)))
    desk.take(Message(unit.address, Channel.HEALTH, jws.sign(json.dumps(payload).encode(), unit.signer, "x").encode()))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=st.binary(max_size=200), channel=st.sampled_from(list(Channel)))
def test_any_bytes(desk: Desk, unit: Unit, payload: bytes, channel: Channel) -> None:
    assert desk.take(Message(unit.address, channel, payload)) == {}


def test_key_that_nobody_knows(desk: Desk, unit: Unit, tmp_path: Path) -> None:
    generate_key(tmp_path / "any.key")
    signer = open_signer(f"file:{tmp_path / 'any.key'}")
    desk.take(unit.message(unit.birth()))
    refused(desk, unit.message(unit.make(signer=signer, kind="event", event={"type": "start"})), "unknown key")


def test_failed_commit_leaves_no_trace_and_what_comes_again_is_taken(desk: Desk, unit: Unit) -> None:
    """A full disk: SQLite's own limit of pages stands for it; the statement that does not fit fails likewise."""
    messages = [unit.message(record) for record in unit.grow(40)]
    desk.store._db.execute("PRAGMA max_page_count = 20")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        desk.intake.take(messages)
    assert desk.store.rows() == []
    assert desk.store.units() == []
    desk.store._db.execute("PRAGMA max_page_count = 100000")
    assert desk.intake.take(messages)["u1"] == digests(unit.records)
