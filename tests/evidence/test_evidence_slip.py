"""Slips: written by one unit, opened by another of its site; every other slip is refused by name."""

from __future__ import annotations

import base64
import datetime as dt
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import cv2
import numpy as np
import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.certificates import Profile, issue, make_authority, make_request, subject_name
from evidence.errors import KeyUnusableError, MalformedError
from evidence.keys import KeySigner, PrivateKey, generate_key
from evidence.qr import QUIET_ZONE, qr_matrix, qr_png
from evidence.revocation import Reason, Revocations, Revoked
from evidence.slip import ADVICE, LIFETIME, MAX_TEXT, Person, SlipFault, SlipIssuer, SlipRefused, is_slip, open_slip
from evidence.slip_keys import MOST_KEYS, make_slip_key, read_slip_keys, rotated, write_slip_keys
from tests.support.codes import read_qr

NOW = dt.datetime(2026, 11, 20, 8, 0, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=120)
KEY = make_slip_key(NOW)
SHE, ANOTHER = Person("resident_id_card", "990000199001011232"), Person("resident_id_card", "990000199001011240")
TEMPLATE, CONSENT = secrets.token_bytes(512), UUID("0197a000-0000-7000-8000-00000000000c")


@dataclass(frozen=True)
class Site:
    """An authority and one unit of it."""

    name: str
    key: PrivateKey
    authority: x509.Certificate
    folder: Path

    @classmethod
    def make(cls, folder: Path, name: str) -> Site:
        folder.mkdir()
        key = generate_key(folder / "authority.key")
        return cls(name, key, make_authority(name, key, NOW), folder)

    def issuer(self, profile: Profile = Profile.RECORD, *, by: Site | None = None) -> SlipIssuer:
        """``by``: the site whose authority certifies, if not this one."""
        unit, vouching = generate_key(self.folder / f"{secrets.token_hex(4)}.key"), by or self
        request = make_request(subject_name("unit-7", self.name), unit)
        certificate = issue(request, profile, vouching.authority, vouching.key, NOW)
        return SlipIssuer(KeySigner(unit), certificate, KEY)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site.make(tmp_path_factory.mktemp("slips") / "site", "site-a")


@pytest.fixture(scope="module")
def issuer(site: Site) -> SlipIssuer:
    return site.issuer()


@pytest.fixture(scope="module")
def text(issuer: SlipIssuer) -> str:
    return issuer.write(TEMPLATE, SHE, CONSENT, NOW)


def fault(site: Site, text: str, person: Person = SHE, now: dt.datetime = LATER) -> SlipFault:
    with pytest.raises(SlipRefused) as caught:
        open_slip(text, [KEY], site.authority, person, now)
    assert caught.value.__cause__ is None
    assert text not in str(caught.value)
    return caught.value.fault


def test_another_unit_of_the_site_opens_it(site: Site, text: str) -> None:
    slip = open_slip(text, [make_slip_key(NOW), KEY], site.authority, SHE, LATER)
    assert (slip.template, slip.consent, slip.unit) == (TEMPLATE, CONSENT, "unit-7")
    assert (slip.issued, slip.expires) == (NOW, NOW + LIFETIME)
    assert TEMPLATE.hex() not in repr(slip)
    assert str(TEMPLATE) not in repr(slip)


def test_a_consent_that_no_record_can_name_is_refused(site: Site) -> None:
    """A check that used the slip could not be recorded."""
    assert fault(site, site.issuer().write(TEMPLATE, SHE, uuid4(), NOW)) is SlipFault.FORGED


def test_scanner_with_caps_lock_and_line_end(site: Site, text: str) -> None:
    assert is_slip(text.swapcase())
    assert open_slip(f" {text.swapcase()}\r\n", [KEY], site.authority, SHE, LATER).template == TEMPLATE


def test_forged_in_any_byte(site: Site, text: str) -> None:
    for at in range(4, len(text), 61):
        other = "A" if text[at] != "A" else "B"
        assert fault(site, text[:at] + other + text[at + 1 :]) in {
            SlipFault.FORGED,
            SlipFault.FOREIGN,  # the change was in the site's name
            SlipFault.TRUNCATED,  # or in the length
        }


def test_signed_by_nobody_of_the_site(site: Site, tmp_path: Path) -> None:
    other = Site.make(tmp_path / "other", "site-a")  # the same name, another authority
    assert fault(site, other.issuer().write(TEMPLATE, SHE, CONSENT, NOW)) is SlipFault.FORGED


def test_signed_with_a_certificate_for_something_else(site: Site) -> None:
    client = site.issuer(Profile.CLIENT)
    assert fault(site, client.write(TEMPLATE, SHE, CONSENT, NOW)) is SlipFault.FORGED


def test_slip_key_alone_writes_no_slip(site: Site, issuer: SlipIssuer) -> None:
    thief = SlipIssuer(KeySigner(generate_key(site.folder / "thief.key")), issuer.certificate, KEY)
    assert fault(site, thief.write(TEMPLATE, SHE, CONSENT, NOW)) is SlipFault.FORGED


def test_foreign_site(site: Site, tmp_path: Path) -> None:
    foreign = Site.make(tmp_path / "foreign", "site-b")
    assert fault(site, foreign.issuer().write(TEMPLATE, SHE, CONSENT, NOW)) is SlipFault.FOREIGN


def test_expired_to_the_second(site: Site, text: str) -> None:
    end = NOW + LIFETIME
    assert open_slip(text, [KEY], site.authority, SHE, end).expires == end
    assert fault(site, text, now=end + dt.timedelta(seconds=1)) is SlipFault.EXPIRED


def test_from_the_future_by_a_clock_that_is_trusted(site: Site, text: str) -> None:
    day = dt.timedelta(days=1)
    assert open_slip(text, [KEY], site.authority, SHE, NOW - day).issued == NOW
    assert fault(site, text, now=NOW - day - dt.timedelta(seconds=1)) is SlipFault.CLOCK_WRONG
    assert fault(site, text, now=NOW - dt.timedelta(days=730)) is SlipFault.CLOCK_WRONG


def test_without_the_time_nobody_knows_whether_it_has_expired(site: Site, text: str) -> None:
    def refused(now: dt.datetime) -> SlipFault:
        with pytest.raises(SlipRefused) as caught:
            open_slip(text, [KEY], site.authority, SHE, now, trusted=False)
        return caught.value.fault

    assert {refused(NOW - LIFETIME), refused(NOW), refused(NOW + LIFETIME)} == {SlipFault.CLOCK_UNSET}
    assert refused(NOW + LIFETIME + dt.timedelta(seconds=1)) is SlipFault.EXPIRED, "it is even later than that"


def test_written_by_a_clock_outside_its_certificate(site: Site, issuer: SlipIssuer) -> None:
    """Nobody writes one any more; one that was written so is no forgery of hers."""
    for moment in (NOW - dt.timedelta(days=3), issuer.certificate.not_valid_after_utc + dt.timedelta(days=1)):
        with pytest.raises(KeyUnusableError, match="set the clock"):
            issuer.write(TEMPLATE, SHE, CONSENT, moment)
    assert fault(site, written_early(issuer)) is SlipFault.CLOCK_WRONG


def test_written_by_a_unit_whose_key_is_revoked(site: Site, issuer: SlipIssuer, text: str) -> None:
    """A stolen key is believed in nothing; one that was replaced is believed in what it wrote before."""
    since = NOW + dt.timedelta(days=1)

    def listed(reason: Reason, since: dt.datetime) -> Revocations:
        return Revocations(site.name, 1, NOW, {issuer.signer.kid: Revoked(issuer.signer.kid, "1", since, reason)})

    for reason, moment in ((Reason.LOST, since), (Reason.COMPROMISED, since), (Reason.REPLACED, NOW)):
        with pytest.raises(SlipRefused) as caught:
            open_slip(text, [KEY], site.authority, SHE, LATER, revoked=listed(reason, moment).refuses_said)
        assert caught.value.fault is SlipFault.REVOKED
    good = listed(Reason.REPLACED, since)
    assert open_slip(text, [KEY], site.authority, SHE, LATER, revoked=good.refuses_said).template == TEMPLATE


def test_longer_life_cannot_be_written_on_it(site: Site, text: str) -> None:
    at = 4 + (2 + 8 + 4) * 8 // 5  # in `expires`
    later = text[: at + 2] + ("7" if text[at + 2] != "7" else "6") + text[at + 3 :]
    assert fault(site, later, now=NOW) is SlipFault.FORGED


def written_early(issuer: SlipIssuer) -> str:
    """As older software did, which looked at no certificate: three days before it began."""
    text = issuer.write(TEMPLATE, SHE, CONSENT, NOW)[4:]
    unsigned = base64.b32decode(text + "=" * (-len(text) % 8))[:-64]
    early = int((NOW - dt.timedelta(days=3)).timestamp()).to_bytes(4, "big")
    body = unsigned[:10] + early + unsigned[14:]
    return "VXF1" + base64.b32encode(body + issuer.signer.sign(b"vernix-slip-v1\0" + body)).decode().rstrip("=")


@pytest.mark.parametrize("person", [ANOTHER, Person("passport", SHE.number), Person(SHE.document_type, "")])
def test_other_person(site: Site, text: str, person: Person) -> None:
    assert fault(site, text, person) is SlipFault.OTHER_PERSON


def test_truncated_anywhere(site: Site, text: str) -> None:
    assert {fault(site, text[:end]) for end in range(6, len(text), 37)} == {SlipFault.TRUNCATED}
    assert fault(site, text[:-1]) is SlipFault.TRUNCATED


def test_too_long(site: Site, text: str) -> None:
    assert fault(site, text + "AAAAAAAA") is SlipFault.FORGED


def test_future_version(site: Site, text: str) -> None:
    assert fault(site, "VXF2" + text[4:]) is SlipFault.FUTURE


def test_key_taken_out_of_use(site: Site, text: str) -> None:
    with pytest.raises(SlipRefused) as caught:
        open_slip(text, [make_slip_key(NOW)], site.authority, SHE, LATER)
    assert caught.value.fault is SlipFault.RETIRED


@pytest.mark.parametrize(
    "text", ["", "VXF", "VXF1", "V-2026-0001", "VXFX", "VXF1!!!!", "VXF1ÄÖ", "VXF1" + "A" * MAX_TEXT]
)
def test_no_slip(site: Site, text: str) -> None:
    with pytest.raises(SlipRefused) as caught:
        open_slip(text, [KEY], site.authority, SHE, NOW)
    assert caught.value.fault in {SlipFault.NO_SLIP, SlipFault.TRUNCATED}


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=900))
def test_any_bytes_are_refused_by_name(site: Site, data: bytes) -> None:
    body = len(data).to_bytes(2, "big") + data
    for whole in (data, body, (len(data) + 2).to_bytes(2, "big") + data):
        text = "VXF1" + base64.b32encode(whole).decode().rstrip("=")
        with pytest.raises(SlipRefused):
            open_slip(text, [KEY], site.authority, SHE, NOW)


def test_every_fault_says_what_to_do() -> None:
    assert set(ADVICE) == set(SlipFault)


@pytest.mark.parametrize("size", [512, 768, 1536])
def test_scanner_reads_the_code_of_every_size_of_template(site: Site, issuer: SlipIssuer, size: int) -> None:
    template = secrets.token_bytes(size)
    text = issuer.write(template, SHE, CONSENT, NOW)
    picture = cv2.imdecode(np.frombuffer(qr_png(text), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert open_slip(read_qr(np.asarray(picture, np.uint8)), [KEY], site.authority, SHE, LATER).template == template


def test_modules_have_their_quiet_zone(text: str) -> None:
    rows = qr_matrix(text)
    assert len({len(rows), *map(len, rows)}) == 1
    assert not any(any(row) for row in rows[:QUIET_ZONE])
    assert all(rows[QUIET_ZONE][QUIET_ZONE : QUIET_ZONE + 7])  # the finder pattern's edge


@pytest.mark.parametrize("size", [0, 2200])
def test_no_slip_for_a_template_that_no_code_holds(issuer: SlipIssuer, size: int) -> None:
    with pytest.raises(MalformedError, match=f"{size} bytes"):
        issuer.write(bytes(size), SHE, CONSENT, NOW)


@pytest.mark.parametrize("text", ["A" * (MAX_TEXT + 1), "lower case"])
def test_no_code(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        qr_png(text)
    assert text not in str(caught.value)


# --- the site's keys ------------------------------------------------------------------------------------------------


def test_keys_come_back_and_their_parts_differ(tmp_path: Path) -> None:
    keys = (make_slip_key(LATER), KEY)
    write_slip_keys(tmp_path / "slips.key", keys)
    assert stat.S_IMODE((tmp_path / "slips.key").stat().st_mode) == 0o600
    assert read_slip_keys(tmp_path / "slips.key") == keys
    assert len({KEY.secret, KEY.encryption, KEY.person, keys[0].encryption}) == 4
    assert KEY.secret.hex() not in repr(KEY)


def test_rotation_keeps_what_valid_slips_need() -> None:
    first = rotated((), NOW, LIFETIME)
    second = rotated(first, LATER, LIFETIME)
    assert second[1:] == first
    assert rotated(second, LATER + LIFETIME, LIFETIME)[1:] == second
    assert rotated(second, LATER + LIFETIME + dt.timedelta(seconds=1), LIFETIME)[1:] == second[:1]
    many = first
    for _ in range(MOST_KEYS + 3):
        many = rotated(many, NOW, LIFETIME)
    assert len(many) == MOST_KEYS


def test_key_file_that_others_may_read(tmp_path: Path) -> None:
    path = tmp_path / "slips.key"
    write_slip_keys(path, [KEY])
    path.chmod(0o640)
    with pytest.raises(KeyUnusableError, match="0640"):
        read_slip_keys(path)


@pytest.mark.parametrize("content", ["", "{}", '{"v":1,"keys":[]}', '{"v":2,"keys":[]}', '{"v":1,"keys":[{"made":1}]}'])
def test_damaged_key_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "slips.key"
    path.touch(0o600)
    path.write_text(content)
    with pytest.raises(KeyUnusableError, match="not a file of slip keys"):
        read_slip_keys(path)


def test_missing_key_file(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusableError, match="cannot read"):
        read_slip_keys(tmp_path / "slips.key")
