"""Handing over and revoking, as this package writes it; what goes wrong is in the vectors."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from evidence import certificates, chain, revocation
from evidence.certificates import Profile
from evidence.chain import Head
from evidence.errors import KeyUnusableError, MalformedError, RevokedError, SignatureError, UnknownKeyError
from evidence.instants import read_instant
from evidence.keys import KeySigner, Signer, create_signer
from evidence.record import Record
from evidence.revocation import Reason, Revoked, read_revocations, sign_revocations
from evidence.rotation import seal_rotation
from evidence.succession import FILE, NextKey, after, read_succession, signer_uri, write_succession
from evidence.verify import advance, check_signature, read_origin, verify_records
from tests.evidence.conftest import NOW, Site

AT = dt.datetime(2026, 11, 21, 8, 0, tzinfo=dt.UTC)
"""The time that :meth:`Site.fields` writes."""


@dataclass(frozen=True, slots=True)
class Handed:
    """A chain in which the second key took over: birth, event | key | event by the new key."""

    records: list[Record]
    new: Signer
    certificate: x509.Certificate


@pytest.fixture
def handed(site: Site, tmp_path: Path) -> Handed:
    new = create_signer(f"file:{tmp_path}/next.key")
    request = certificates.make_request(certificates.subject_name("u1", "s1"), new)
    certificate = certificates.issue(request, Profile.RECORD, site.authority, site.authority_key, NOW)
    records = [site.birth()]
    records.append(site.event(_head(records)))
    records.append(seal_rotation(site.fields(reason="yearly"), _head(records), site.signer, new, certificate))
    records.append(chain.seal(site.fields(kind="event", event={"type": "x"}), _head(records), new))
    return Handed(records, new, certificate)


def _head(records: list[Record]) -> Head:
    return Head(records[-1].seq, records[-1].sha256)


def test_what_hands_over_here_verifies(site: Site, handed: Handed) -> None:
    result = verify_records([item.jws for item in handed.records], site.authority, _head(handed.records))
    assert result.sound, result.findings
    assert [(use.kid, use.since) for use in result.keys] == [(site.signer.kid, 1), (handed.new.kid, 4)]


def test_a_gateway_goes_record_by_record(site: Site, handed: Handed) -> None:
    birth, event, key, by_new = handed.records
    first = read_origin(birth, site.authority)
    check_signature(event, first)
    assert advance(first, event, site.authority) is first
    with pytest.raises(UnknownKeyError):  # above a hole: it may wait for the key record
        check_signature(by_new, first)
    check_signature(key, first)
    second = advance(first, key, site.authority)
    check_signature(by_new, second)
    check_signature(event, second)  # an old one that comes again
    assert (second.key_for(handed.new.kid), second.key_for(site.signer.kid)) == (second.key, None)
    assert second.until == handed.certificate.not_valid_after_utc
    assert [second.key_at(seq).kid for seq in (1, 3, 4, 900)] == [site.signer.kid] * 2 + [handed.new.kid] * 2
    late = chain.seal(site.fields(kind="event", event={"type": "x"}), _head(handed.records), site.signer)
    with pytest.raises(SignatureError, match="not in force at seq 5") as caught:
        check_signature(late, second)
    assert not isinstance(caught.value, UnknownKeyError)
    with pytest.raises(SignatureError, match="had before"):
        advance(second, key, site.authority)


def _listed(site: Site, since: dt.datetime, kid: str, last: Head | None = None) -> revocation.Revocations:
    entry = Revoked(kid, "1f", since, Reason.COMPROMISED, last)
    token = sign_revocations("s1", 7, [entry], NOW, KeySigner(site.authority_key))
    return read_revocations(token, site.authority)


def test_a_list_is_read_as_it_was_signed(site: Site) -> None:
    listed = _listed(site, AT, site.signer.kid, Head(3, "a" * 64))
    assert (listed.site, listed.number, listed.issued) == ("s1", 7, NOW)
    assert listed.entries[site.signer.kid] == Revoked(site.signer.kid, "1f", AT, Reason.COMPROMISED, Head(3, "a" * 64))
    with pytest.raises(MalformedError):
        sign_revocations("s1", 0, [], NOW, KeySigner(site.authority_key))


def test_the_time_of_receipt_counts_before_the_records_own(site: Site, handed: Handed) -> None:
    birth, event, key, by_new = handed.records
    second = dt.timedelta(seconds=1)
    origin = advance(read_origin(birth, site.authority), key, site.authority)
    listed = _listed(site, AT + second, site.signer.kid)
    check_signature(event, origin, listed)  # by its own word it is from before
    check_signature(event, origin, listed, AT)
    with pytest.raises(RevokedError, match="compromised"):
        check_signature(event, origin, listed, AT + second)
    check_signature(key, origin, listed, AT + 9 * second)  # the new key and the authority vouch for it
    check_signature(by_new, origin, listed, AT + 9 * second)
    assert not listed.refuses_now(site.signer.kid, AT)
    assert listed.refuses_now(site.signer.kid, AT + second)
    assert not listed.refuses_now(handed.new.kid, AT + second)


def test_a_record_of_a_revoked_key_says_nothing(site: Site, handed: Handed) -> None:
    listed = _listed(site, AT, site.signer.kid, Head(1, handed.records[0].sha256))
    result = verify_records([item.jws for item in handed.records], site.authority, revocations=listed)
    assert [(finding.step, finding.place) for finding in result.findings] == [(3, 2), (4, 3)]
    assert result.kinds == {"birth": 1, "key": 1, "event": 1}
    assert read_instant(handed.records[1].payload["time"]["latest"]) == AT


ONE, TWO = (NextKey(letter * 43, f"file:{letter}.key", f"{letter}.pem", "yearly") for letter in "ab")


def test_what_comes_next_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_succession(tmp_path) == ()
    write_succession(tmp_path, [ONE, TWO])
    assert read_succession(tmp_path) == (ONE, TWO)
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    assert after([ONE, TWO], "c" * 43) == (ONE, TWO)
    assert after([ONE, TWO], ONE.kid) == (TWO,)
    assert after([ONE, TWO], TWO.kid) == ()
    assert signer_uri(ONE.record, tmp_path) == f"file:{tmp_path}/a.key"
    assert signer_uri("pkcs11:x", tmp_path) == "pkcs11:x"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"v":2,"keys":[]}', '{"v":1,"keys":{}}', '{"v":1,"keys":[{}]}', '{"v":1,"keys":[1]}']
)
def test_a_damaged_list_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(KeyUnusableError, match=FILE):
        read_succession(tmp_path)


def test_a_list_of_something_else_is_named(tmp_path: Path) -> None:
    entry = '{"certificate":"x","kid":"x","reason":"","record":"x"}'
    (tmp_path / FILE).write_text(f'{{"v":1,"keys":[{entry}]}}')
    with pytest.raises(KeyUnusableError, match="no text"):
        read_succession(tmp_path)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    with pytest.raises(KeyUnusableError, match="cannot be read"):
        read_succession(tmp_path)
