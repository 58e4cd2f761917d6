"""Record keys in real tokens: SoftHSM, and a TPM 2.0 with its resource manager."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.constants import TokenFlag
from pkcs11.exceptions import MultipleTokensReturned, PinLocked

from evidence import jws, pkcs11_token
from evidence.certificates import Profile, check_certificate, issue, make_request, subject_name
from evidence.errors import KeyUnusableError
from evidence.keys import SOFT, create_signer, open_signer, thumbprint
from evidence.pkcs11_signer import Pkcs11Signer, open_pkcs11
from evidence.pkcs11_uri import parse_pkcs11_uri
from tests.evidence.conftest import NOW, Site
from tests.support.tokens import LABEL, Token

TYPE = "test+jws"


def test_a_key_is_made_in_the_token_and_signs(token: Token) -> None:
    uri = token.uri()
    made, found = create_signer(uri), open_signer(uri)
    assert found.kid == made.kid == thumbprint(found.public_key)
    for signer in (made, found, made):
        signed = jws.sign(b"{}", signer, TYPE)
        assert jws.verify(signed, TYPE, lambda kid: found.public_key if kid == made.kid else None).payload == b"{}"
        assert len(signer.sign(b"x")) == 64


def test_the_token_says_how_the_key_is_kept(token: Token) -> None:
    assert create_signer(token.uri()).protection == token.kind
    assert token.kind in SOFT


def test_the_private_key_cannot_leave_the_token(token: Token) -> None:
    uri = token.uri()
    create_signer(uri)
    parsed = parse_pkcs11_uri(uri)
    with pkcs11_token.LOCK, pkcs11_token.log_in(pkcs11_token.find_token(parsed), parsed) as session:
        key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=parsed.label)
        assert key[Attribute.SENSITIVE]
        assert key[Attribute.NEVER_EXTRACTABLE]
        with pytest.raises(pkcs11.PKCS11Error):
            key[Attribute.VALUE]


def test_a_certificate_is_asked_for_by_the_key_itself(token: Token, site: Site) -> None:
    signer = create_signer(token.uri())
    request = make_request(subject_name("u1", "s1"), signer)
    assert request.is_signature_valid
    assert request.subject == subject_name("u1", "s1")
    made = issue(request, Profile.RECORD, site.authority, site.authority_key, NOW)
    assert thumbprint(check_certificate(made, site.authority, Profile.RECORD, NOW)) == signer.kid


def test_a_key_is_never_overwritten(token: Token) -> None:
    uri = token.uri()
    create_signer(uri)
    with pytest.raises(KeyUnusableError, match="exists already"):
        create_signer(uri)


def test_two_keys_of_one_token_sign_side_by_side(token: Token) -> None:
    """As in a rotation: the token knows one login for the whole process, and one signer's end is not the other's."""
    old, new = create_signer(token.uri()), create_signer(token.uri())
    assert old.kid != new.kid
    assert isinstance(old, Pkcs11Signer)
    old.close()
    new.sign(b"after the other's end")
    old.sign(b"and again")


def test_many_threads_sign(token: Token) -> None:
    signer = create_signer(token.uri())
    made: list[bytes] = []
    threads = [threading.Thread(target=lambda: made.append(signer.sign(b"x"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [len(signature) for signature in made] == [64] * 8


def test_a_lost_session_is_opened_again(token: Token) -> None:
    signer = create_signer(token.uri())
    assert isinstance(signer, Pkcs11Signer)
    signer.close()
    assert len(signer.sign(b"x")) == 64
    pkcs11.lib(str(token.module)).reinitialize()
    assert len(signer.sign(b"x")) == 64


def test_a_tpm_that_is_away_is_a_named_error_and_comes_back(soft_tpm: Token) -> None:
    first, second = create_signer(soft_tpm.uri()), create_signer(soft_tpm.uri())
    soft_tpm.stop()
    try:
        with pytest.raises(KeyUnusableError, match=r"key 'key-\d+' in token 'vernix': the token's library reports"):
            first.sign(b"x")
    finally:
        soft_tpm.start()
    assert len(first.sign(b"x")) == len(second.sign(b"x")) == 64


def test_another_key_under_the_same_name_is_not_taken(soft_hsm: Token) -> None:
    uri = soft_hsm.uri()
    signer = open_pkcs11(create_and_close(uri))
    parsed = parse_pkcs11_uri(uri)
    with pkcs11_token.LOCK, pkcs11_token.log_in(pkcs11_token.find_token(parsed), parsed, write=True) as session:
        for found in list(session.get_objects({Attribute.LABEL: parsed.label})):
            found.destroy()
        pkcs11_token.generate(session, parsed)
    with pytest.raises(KeyUnusableError, match="another key now under this name"):
        signer.sign(b"x")


def create_and_close(uri: str) -> str:
    made = create_signer(uri)
    assert isinstance(made, Pkcs11Signer)
    made.close()
    return uri


@pytest.mark.parametrize("sensitive", [True, False])
def test_a_key_that_was_once_outside_is_refused(soft_hsm: Token, site: Site, sensitive: bool) -> None:
    uri = soft_hsm.uri()
    parsed = parse_pkcs11_uri(uri)
    der = site.authority_key.private_numbers()
    point = b"\x04" + der.public_numbers.x.to_bytes(32, "big") + der.public_numbers.y.to_bytes(32, "big")
    shared = {Attribute.KEY_TYPE: KeyType.EC, Attribute.LABEL: parsed.label, Attribute.TOKEN: True}
    curve = {Attribute.EC_PARAMS: pkcs11.util.ec.encode_named_curve_parameters("secp256r1")}
    with pkcs11_token.LOCK, pkcs11_token.log_in(pkcs11_token.find_token(parsed), parsed, write=True) as session:
        session.create_object(
            shared | curve | {Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.EC_POINT: b"\x04\x41" + point}
        )
        session.create_object(
            shared
            | curve
            | {
                Attribute.CLASS: ObjectClass.PRIVATE_KEY,
                Attribute.VALUE: der.private_value.to_bytes(32, "big"),
                Attribute.SENSITIVE: sensitive,
                Attribute.EXTRACTABLE: not sensitive,
            }
        )
    with pytest.raises(KeyUnusableError, match="not made in its token, or able to leave it"):
        open_signer(uri)


def test_what_is_not_there_is_named(token: Token, tmp_path: Path) -> None:
    with pytest.raises(KeyUnusableError, match="the key is not"):
        open_signer(token.uri("nobody-made-this"))
    with pytest.raises(KeyUnusableError, match="no such token"):
        open_signer(token.uri("x").replace(f"token={LABEL}", "token=another"))
    with pytest.raises(KeyUnusableError, match="cannot be loaded"):
        open_signer(f"pkcs11:token=a;object=b?module-path={tmp_path}/none.so")
    with pytest.raises(KeyUnusableError, match="needs a name"):
        create_signer(token.uri("x").replace("object=x", "id=%01"))


def test_a_wrong_pin_is_named_and_not_told(soft_hsm: Token, tmp_path: Path) -> None:
    wrong = tmp_path / "pin"
    wrong.touch(mode=0o600)
    wrong.write_text("999999")
    pkcs11.lib(str(soft_hsm.module)).reinitialize()  # nobody is logged in any more
    with pytest.raises(KeyUnusableError, match="the PIN is wrong") as caught:
        open_signer(soft_hsm.uri("x", pin_file=wrong))
    assert "999999" not in str(caught.value)
    create_signer(soft_hsm.uri())


@dataclass(frozen=True, slots=True)
class Info:
    """What a token says of itself."""

    manufacturer_id: str
    model: str


@pytest.mark.parametrize(
    ("maker", "model", "library", "protection"),
    [
        ("IFX", "SLB9670", "tpm2-software.github.io TPM2.0 Cryptoki", "tpm2"),
        ("STM", "", "tpm2-software.github.io TPM2.0 Cryptoki", "tpm2"),
        ("IBM", "SW   TPM", "tpm2-software.github.io TPM2.0 Cryptoki", "swtpm"),
        ("Microchip Technology Inc", "ATECC608B", "Microchip Technology Inc Cryptoauthlib", "secure-element"),
        ("SoftHSM project", "SoftHSM v2", "SoftHSM Implementation of PKCS11", "softhsm"),
        ("Somebody", "Token 3", "Somebody PKCS#11", "pkcs11"),
        ("", "", "", "pkcs11"),
    ],
)
def test_protection_by_what_a_token_says(maker: str, model: str, library: str, protection: str) -> None:
    assert pkcs11_token.protection_of(Info(maker, model), library) == protection


def test_a_signature_that_does_not_hold_never_gets_out(soft_hsm: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = create_signer(soft_hsm.uri())
    for wrong in (bytes(64), b"\x01" * 63):
        monkeypatch.setattr(signer, "_sign", lambda _, wrong=wrong: wrong)
        with pytest.raises(KeyUnusableError, match="gave"):
            signer.sign(b"x")


def test_without_the_pin_the_key_is_not_seen(soft_hsm: Token) -> None:
    uri = create_and_close(soft_hsm.uri())
    pkcs11.lib(str(soft_hsm.module)).reinitialize()  # nobody is logged in any more
    with pytest.raises(KeyUnusableError, match="the key is not"):
        open_signer(uri.partition("&")[0])
    open_signer(uri)


@pytest.mark.parametrize(("curve", "count", "text"), [("secp384r1", 1, "not a P-256 key"), ("secp256r1", 2, "several")])
def test_another_kind_of_key_or_two_of_a_name(soft_hsm: Token, curve: str, count: int, text: str) -> None:
    uri = soft_hsm.uri()
    parsed = parse_pkcs11_uri(uri)
    with pkcs11_token.LOCK, pkcs11_token.log_in(pkcs11_token.find_token(parsed), parsed, write=True) as session:
        named = {Attribute.EC_PARAMS: pkcs11.util.ec.encode_named_curve_parameters(curve)}
        parameters = session.create_domain_parameters(KeyType.EC, named, local=True)
        for _ in range(count):
            parameters.generate_keypair(store=True, label=parsed.label)
    with pytest.raises(KeyUnusableError, match=text):
        open_signer(uri)


@dataclass(frozen=True, slots=True)
class OneTryLeft:
    """A token after wrong PINs. Its only use here is that nobody may try again."""

    flags: TokenFlag = TokenFlag.USER_PIN_FINAL_TRY


def test_the_last_try_is_left_to_a_person(soft_hsm: Token) -> None:
    with pytest.raises(KeyUnusableError, match="one try is left"):
        pkcs11_token.log_in(OneTryLeft(), parse_pkcs11_uri(soft_hsm.uri()))


@pytest.mark.parametrize(("error", "text"), [(PinLocked, "PIN is locked"), (MultipleTokensReturned, "several")])
def test_what_a_token_reports_is_named(soft_hsm: Token, error: type[Exception], text: str) -> None:
    with pytest.raises(KeyUnusableError, match=text), pkcs11_token.named_errors(parse_pkcs11_uri(soft_hsm.uri())):
        raise error
