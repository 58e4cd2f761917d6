"""Keys in files, their names, and signers."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, PublicFormat

from evidence.errors import KeyUnusableError
from evidence.keys import (
    FileSigner,
    create_signer,
    generate_key,
    load_private_key,
    load_public_key,
    open_signer,
    public_pem,
    thumbprint,
)
from tests.vectors.evidence import by_hand


def test_a_key_is_written_for_its_owner_alone_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    key = generate_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_private_key(path).private_numbers() == key.private_numbers()
    (tmp_path / "public.pem").write_bytes(public_pem(key.public_key()))
    assert load_public_key(tmp_path / "public.pem").public_numbers() == key.public_key().public_numbers()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777])
def test_a_private_key_that_is_not_its_owners_alone_is_refused(tmp_path: Path, mode: int) -> None:
    path, public = tmp_path / "key.pem", tmp_path / "public.pem"
    key = generate_key(path)
    public.write_bytes(public_pem(key.public_key()))
    for file in (path, public):
        file.chmod(mode)
    for load in (load_private_key, FileSigner, lambda file: open_signer(f"file:{file}")):
        with pytest.raises(KeyUnusableError) as caught:
            load(path)
        for word in (str(path), f"{mode:04o}", f"chmod 600 {path}"):
            assert word in str(caught.value)
    assert load_public_key(public) == key.public_key(), "a public key may be anybody's"
    for owners in (0o600, 0o400):
        path.chmod(owners)
        assert load_private_key(path).private_numbers() == key.private_numbers()


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    generate_key(path)
    before = path.read_bytes()
    dangling = tmp_path / "link.pem"
    dangling.symlink_to(tmp_path / "elsewhere.pem")
    for taken in (path, dangling):
        with pytest.raises(KeyUnusableError, match="never overwritten"):
            generate_key(taken)
    assert path.read_bytes() == before
    assert dangling.is_symlink()


def test_a_folder_that_is_not_there_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusableError, match="cannot write the private key"):
        generate_key(tmp_path / "none" / "key.pem")


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    for owner in (by_hand.UNIT_KEY, by_hand.GATEWAY, by_hand.STRANGER):
        assert thumbprint(owner.public_key()) == by_hand.kid(owner)


def _write_private(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, serialization.NoEncryption())


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=lambda key: type(key).__name__,
)
def test_other_keys_than_p256_are_refused(
    tmp_path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
) -> None:
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    _write_private(private, _pem(key))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(KeyUnusableError, match="not a P-256 key"):
        load_private_key(private)
    with pytest.raises(KeyUnusableError, match="not a P-256 key"):
        load_public_key(public)


def _encrypted() -> bytes:
    how = serialization.BestAvailableEncryption(b"password")
    return by_hand.UNIT_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


@pytest.mark.parametrize("data", [b"", b"key", _pem(by_hand.UNIT_KEY)[:100], _encrypted(), bytes(range(256))])
def test_damaged_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "key.pem"
    _write_private(path, data)
    for load in (load_private_key, load_public_key, FileSigner):
        with pytest.raises(KeyUnusableError, match="PEM"):
            load(path)
    assert path.read_bytes() == data


def test_missing_files_are_refused(tmp_path: Path) -> None:
    for load in (load_private_key, load_public_key):
        with pytest.raises(KeyUnusableError, match="cannot read"):
            load(tmp_path / "none.pem")


def test_a_signer_gives_r_and_s(tmp_path: Path) -> None:
    generate_key(tmp_path / "key.pem")
    signer = open_signer(f"file:{tmp_path}/key.pem")
    assert len(signer.sign(b"data")) == 64
    assert signer.kid == thumbprint(signer.public_key)
    assert signer.protection == "file"


@pytest.mark.parametrize("uri", ["", "file:", "/key.pem", "pkcs11:", "tpm2:1234", "http://example.org/1234"])
def test_an_unknown_uri_is_refused_without_repeating_its_secrets(uri: str) -> None:
    for use in (open_signer, create_signer):
        with pytest.raises(KeyUnusableError, match="unknown key URI") as caught:
            use(uri)
        assert "1234" not in str(caught.value)
