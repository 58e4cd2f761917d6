"""The gateway's configuration: every error names the key path and what was expected there."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.policy import pack_path
from evidence.tree import TreeError
from gateway.config import load

GOOD = """\
[gateway]
site = "s1"
data = "data"
[keys]
authority = "authority.pem"
signing = "file:signing.key"
signing_certificate = "signing.pem"
encryption = "encryption.key"
[broker]
host = "broker.example"
port = 8883
[broker.tls]
authority = "authority.pem"
certificate = "client.pem"
key = "client.key"
"""


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(GOOD)
    config = load(tmp_path / "gateway.toml")
    assert config.gateway.data == tmp_path / "data"
    assert config.keys.authority == tmp_path / "authority.pem"
    assert config.broker.tls is not None
    assert config.broker.tls.key == tmp_path / "client.key"


def with_pack(folder: Path, old: str = "", new: str = "") -> Path:
    """A configuration that names the Jiangxi pack, with one change in it."""
    text = pack_path("jiangxi").read_text("utf-8")
    assert old in text
    (folder / "pack.toml").write_text(text.replace(old, new, 1), "utf-8")
    (folder / "gateway.toml").write_text(GOOD.replace('data = "data"', 'data = "data"\npolicy = "pack.toml"'))
    return folder / "gateway.toml"


def test_the_pack_is_the_file_beside_it(tmp_path: Path) -> None:
    rules = load(with_pack(tmp_path)).needed_rules()
    assert (rules.id, rules.certificate and rules.certificate.needs) == ("jiangxi", ("certificate",))


def test_without_a_pack_nothing_is_said_by_one(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(GOOD)
    config = load(tmp_path / "gateway.toml")
    assert config.rules() is None
    with pytest.raises(TreeError, match=r"gateway\.policy: missing; name the pack's file"):
        config.needed_rules()


@pytest.mark.parametrize(
    ("old", "new", "path", "says"),
    [
        ("due_day = 4", "due_day = 40", "gateway.policy", r"pack.toml: forms\[3\].due_day: expected 1 to 28, found 40"),
        (
            'needs = ["certificate"',
            'needs = ["certificat"',
            "gateway.policy",
            "needs: the pack has no checkpoint certificat$",
        ),
        ("v = 1", "v = ", "gateway.policy", "pack.toml.* not TOML"),
        ('["医务科", "护理部"]', '["医务科", "保卫科", "信息科"]', "officers.approved_by", "by 保卫科, 信息科 too"),
    ],
)
def test_a_pack_that_cannot_be_obeyed(tmp_path: Path, old: str, new: str, path: str, says: str) -> None:
    with pytest.raises(TreeError, match=says) as raised:
        load(with_pack(tmp_path, old, new))
    assert raised.value.path == path


def test_without_tls(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(GOOD.partition("[broker.tls]")[0])
    assert load(tmp_path / "gateway.toml").broker.tls is None


@pytest.mark.parametrize(
    ("old", "new", "path", "says"),
    [
        ('site = "s1"', "", "gateway.site", "missing; expected a string"),
        ('site = "s1"', 'site = "a/b"', "gateway.site", "letters, digits"),
        ('site = "s1"', 'site = "+"', "gateway.site", "letters, digits"),
        ('site = "s1"', "site = 1", "gateway.site", "expected a string, found int"),
        ('data = "data"', 'data = ""', "gateway.data", "expected a path"),
        ("port = 8883", "port = 0", "broker.port", "from 1 to 65535, found 0"),
        ("port = 8883", "port = 65536", "broker.port", "found 65536"),
        ("port = 8883", 'port = "8883"', "broker.port", "expected an integer, found str"),
        ("port = 8883", "port = true", "broker.port", "expected an integer, found bool"),
        ('host = "broker.example"', 'host = ""', "broker.host", "empty string"),
        ('key = "client.key"', 'kay = "client.key"', "broker.tls.kay", "unknown key"),
        ("[keys]", "[keyz]", "keyz", "unknown key"),
        ("[gateway]", "gateway = 3\n[other]", "other", "unknown key"),
        ("[gateway]", "[gateway", "gateway.toml", "not TOML"),
    ],
)
def test_wrong(tmp_path: Path, old: str, new: str, path: str, says: str) -> None:
    (tmp_path / "gateway.toml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(TreeError, match=says) as raised:
        load(tmp_path / "gateway.toml")
    assert raised.value.path.endswith(path)
