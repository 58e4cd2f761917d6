"""Certificates: what the authority says, for what, and until when; and that TLS takes them."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from evidence.certificates import (
    Profile,
    check_certificate,
    common_name,
    from_der,
    issue,
    load_certificate,
    make_authority,
    make_request,
    site_of,
    subject_name,
    to_der,
    to_pem,
)
from evidence.errors import KeyUnusableError, SignatureError
from evidence.keys import generate_key
from tests.evidence.conftest import NOW, Site
from tests.vectors.evidence import by_hand

DAY = dt.timedelta(days=1)


def test_names_come_back(site: Site) -> None:
    assert (common_name(site.certificate), site_of(site.certificate)) == ("u1", "s1")
    assert to_der(from_der(to_der(site.certificate))) == to_der(site.certificate)


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("asked", Profile)
def test_a_certificate_is_for_one_purpose(site: Site, profile: Profile, asked: Profile) -> None:
    request = make_request(subject_name("x", "s1"), by_hand.STRANGER)
    made = issue(request, profile, site.authority, site.authority_key, NOW)
    if asked is profile:
        assert check_certificate(made, site.authority, asked, NOW) == by_hand.STRANGER.public_key()
    else:
        with pytest.raises(SignatureError, match=f"not for {asked.name.lower()} use"):
            check_certificate(made, site.authority, asked, NOW)


@pytest.mark.parametrize(("days", "valid"), [(-2, False), (-0.9, True), (0, True), (89.9, True), (90.1, False)])
def test_a_certificate_is_valid_for_a_time(site: Site, days: float, valid: bool) -> None:
    made = issue(
        make_request(subject_name("x", "s1"), by_hand.STRANGER), Profile.CLIENT, site.authority, site.authority_key, NOW
    )
    if valid:
        check_certificate(made, site.authority, Profile.CLIENT, NOW + days * DAY)
    else:
        with pytest.raises(SignatureError, match="not at that time"):
            check_certificate(made, site.authority, Profile.CLIENT, NOW + days * DAY)


def test_another_authority_of_the_same_name_vouches_for_nothing(site: Site) -> None:
    other = make_authority("s1", by_hand.OTHER_AUTHORITY, NOW)
    with pytest.raises(SignatureError, match="not issued by"):
        check_certificate(site.certificate, other, Profile.RECORD, NOW)
    with pytest.raises(SignatureError):
        check_certificate(site.authority, site.authority, Profile.RECORD, NOW)


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP256K1(), ec.BrainpoolP256R1()], ids=lambda curve: curve.name)
def test_only_p256_is_certified(site: Site, curve: ec.EllipticCurve) -> None:
    request = make_request(subject_name("x", "s1"), ec.generate_private_key(curve))
    with pytest.raises(SignatureError, match="not P-256"):
        issue(request, Profile.RECORD, site.authority, site.authority_key, NOW)
    with pytest.raises(SignatureError, match="not P-256"):
        check_certificate(
            by_hand.certificate(by_hand.key("x", curve)), by_hand.authority(), Profile.RECORD, by_hand.BEGIN + DAY
        )


def test_an_rsa_request_is_refused(site: Site) -> None:
    key = rsa.generate_private_key(65537, 2048)
    request = x509.CertificateSigningRequestBuilder().subject_name(subject_name("x", "s1")).sign(key, hashes.SHA256())
    with pytest.raises(SignatureError, match="not P-256"):
        issue(request, Profile.RECORD, site.authority, site.authority_key, NOW)


def test_a_request_must_be_signed_by_its_key(site: Site) -> None:
    der = make_request(subject_name("x", "s1"), by_hand.STRANGER).public_bytes(Encoding.DER)
    tampered = x509.load_der_x509_csr(der.replace(b"\x0c\x01x", b"\x0c\x01y"))
    with pytest.raises(SignatureError, match="not signed"):
        issue(tampered, Profile.RECORD, site.authority, site.authority_key, NOW)


def test_a_key_of_an_unknown_kind_is_refused(site: Site) -> None:
    der = make_request(subject_name("x", "s1"), by_hand.STRANGER).public_bytes(Encoding.DER)
    unknown_curve = der.replace(bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d03017f"))
    with pytest.raises(SignatureError, match="unknown kind"):
        issue(x509.load_der_x509_csr(unknown_curve), Profile.RECORD, site.authority, site.authority_key, NOW)


def test_a_subject_has_one_name(site: Site) -> None:
    twice = x509.Name([*subject_name("x", "s1"), *subject_name("y", "s1")])
    made = issue(make_request(twice, by_hand.STRANGER), Profile.RECORD, site.authority, site.authority_key, NOW)
    for read in (common_name, site_of):
        with pytest.raises(SignatureError, match="exactly one"):
            read(made)


@given(st.lists(st.tuples(st.integers(0, 399), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_damaged_certificate_is_a_signature_error(changes: list[tuple[int, int]]) -> None:
    sound = to_der(by_hand.certificate())
    damaged = bytearray(sound)
    for place, value in changes:
        damaged[place % len(sound)] = value
    at = by_hand.BEGIN + DAY
    try:
        check_certificate(from_der(bytes(damaged)), by_hand.authority(), Profile.RECORD, at)
    except SignatureError:
        return
    assert bytes(damaged) == sound


@given(st.binary(max_size=200))
def test_any_bytes_are_no_certificate(data: bytes) -> None:
    with pytest.raises(SignatureError):
        from_der(data)


def test_a_certificate_file_is_read_or_named(tmp_path: Path, site: Site) -> None:
    path = tmp_path / "unit.pem"
    path.write_bytes(to_pem(site.certificate))
    assert load_certificate(path) == site.certificate
    path.write_bytes(to_pem(site.certificate)[:200])
    with pytest.raises(KeyUnusableError, match="not a PEM certificate"):
        load_certificate(path)
    with pytest.raises(KeyUnusableError, match="cannot read the certificate"):
        load_certificate(tmp_path / "none.pem")


def test_a_server_has_its_names(site: Site) -> None:
    request = make_request(subject_name("broker", "s1"), by_hand.STRANGER)
    hosts = ("broker.local", "192.0.2.1", "::1")
    made = issue(request, Profile.SERVER, site.authority, site.authority_key, NOW, hosts)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["broker.local"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address(host) for host in hosts[1:]]


def _context(folder: Path, site: Site, profile: Profile, side: ssl.Purpose) -> ssl.SSLContext:
    now = dt.datetime.now(dt.UTC)
    key = generate_key(folder / f"{profile.name}.key")
    made = issue(
        make_request(subject_name("x", "s1"), key), profile, site.authority, site.authority_key, now, ("broker.local",)
    )
    (folder / f"{profile.name}.pem").write_bytes(to_pem(made))
    context = ssl.create_default_context(side, cadata=to_pem(site.authority).decode())
    context.load_cert_chain(folder / f"{profile.name}.pem", folder / f"{profile.name}.key")
    context.verify_mode = ssl.CERT_REQUIRED
    # What Python 3.13 asks for by itself: RFC 5280 to the letter.
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def test_tls_takes_them_when_it_is_strict(tmp_path: Path, site: Site) -> None:
    authority = make_authority("s1", site.authority_key, dt.datetime.now(dt.UTC))
    site = Site(site.folder, site.authority_key, authority, site.signer, site.certificate, site.gateway)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = _context(tmp_path, site, Profile.SERVER, ssl.Purpose.CLIENT_AUTH).wrap_bio(
        to_server, to_client, server_side=True
    )
    client = _context(tmp_path, site, Profile.CLIENT, ssl.Purpose.SERVER_AUTH).wrap_bio(
        to_client, to_server, server_hostname="broker.local"
    )
    done: set[ssl.SSLObject] = set()
    for _ in range(6):
        for side in (client, server):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                continue
    assert done == {client, server}
    assert server.getpeercert()


def _length(body: bytes) -> bytes:
    return len(body).to_bytes(2, "big") if len(body) > 255 else bytes([len(body)])


def _sequence(body: bytes) -> bytes:
    size = _length(body)
    return bytes([0x30]) + (size if len(body) < 128 else bytes([0x80 | len(size)]) + size) + body


def _edited(site: Site, old: bytes, new: bytes) -> x509.Certificate:
    """The site's certificate with a piece of what is signed replaced, signed again by the authority."""
    signed = site.certificate.tbs_certificate_bytes
    assert signed.count(old) == 1
    assert signed[1] == 0x82  # its length takes two bytes
    changed = _sequence(signed[4:].replace(old, new))
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    signature = site.authority_key.sign(changed, ec.ECDSA(hashes.SHA256()))
    return from_der(_sequence(changed + algorithm + b"\x03" + bytes([len(signature) + 1]) + b"\0" + signature))


def test_a_time_that_is_not_spelt_as_agreed_is_refused(site: Site) -> None:
    """RFC 5280 section 4.1.2.5: until 2049 with two digits of the year; no other year is before 1950."""
    before = site.certificate.not_valid_before_utc.strftime("%y%m%d%H%M%SZ").encode()
    after = site.certificate.not_valid_after_utc.strftime("%y%m%d%H%M%SZ").encode()
    old = b"\x30\x1e\x17\x0d" + before + b"\x17\x0d" + after
    made = _edited(site, old, b"\x30\x20\x18\x0f00010101000000Z\x17\x0d" + after)
    with pytest.raises(SignatureError, match="spelling"):
        check_certificate(made, site.authority, Profile.RECORD, NOW)


def test_a_subject_that_is_no_text_is_refused(site: Site) -> None:
    broken = _edited(site, b"\x0c\x02u1", b"\x0c\x02\xff\xfe")
    with pytest.raises(SignatureError, match="not readable"):
        common_name(broken)
